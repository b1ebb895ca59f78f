"""A proxy before MongoDB that refuses what it is told to, as the wire protocol says it (OP_MSG, code 2013)."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import bson

Document = dict[str, Any]
OP_MSG = 2013
WRITES = {"insert": "documents", "update": "updates", "delete": "deletes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How it is answered: each statement of a write for itself, or the whole command."""

    code: int
    per_statement: bool = False
    commands: frozenset[str] = frozenset()
    """Names of commands; empty: all that read or write."""
    labels: tuple[str, ...] = ()
    message: str = "refused by the proxy"


DATA_COMMANDS = frozenset({"insert", "update", "delete", "findAndModify", "find", "aggregate", "count", "getMore"})


@dataclass(slots=True)
class MongoProxy:
    """`refusal` is in force until it is taken away; `refused` counts the commands that met it."""

    host: str
    port: int
    refusal: Refusal | None = None
    refused: int = 0
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds that a command of this name takes longer."""
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """What a command of this name waits for."""
    commands: list[str] = field(default_factory=list)
    """Names of all commands that came."""
    only: Callable[[Document, list[Document]], bool] = lambda command, statements: True
    """Which commands are refused, also by their statements (the documents of an insert, the updates of an update)."""
    unconfirmed: int | None = None
    """Writes are done, and answered with a `writeConcernError` of this code."""
    older: list[Document] | None = None
    """What a server would answer every `find` with that has not heard yet of the latest writes; linearizable reads are
    answered as they should be."""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"mongodb://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/?directConnection=true&serverMonitoringMode=poll"

    def refuse(self, command: str, code: int) -> None:
        self.refusal = Refusal(code=code, commands=frozenset({command}))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        upstream, server = await asyncio.open_connection(self.host, self.port)
        try:
            while True:
                message = await _message(client)
                if refused := await self._refused(message):
                    answer.write(refused)
                else:
                    server.write(message)
                    answer.write(self._doubted(message, await _message(upstream)))
                await answer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for writer in (server, answer):
                writer.close()

    def _doubted(self, message: bytes, answer: bytes) -> bytes:
        if self.unconfirmed is None or struct.unpack_from("<i", message, 12)[0] != OP_MSG:
            return answer
        command, _ = _parsed(message)
        if next(iter(command)) not in WRITES.keys() | {"findAndModify"}:
            return answer
        body, _ = _parsed(answer)
        error = {"code": self.unconfirmed, "errmsg": "waiting for replication failed", "codeName": "Doubt"}
        return _reply(struct.unpack_from("<i", message, 4)[0], body | {"writeConcernError": error})

    async def _refused(self, message: bytes) -> bytes | None:
        request_id, _, opcode = struct.unpack_from("<iii", message, 4)
        if opcode != OP_MSG:
            return None
        command, statements = _parsed(message)
        name = next(iter(command))
        self.commands.append(name)
        await asyncio.sleep(self.delays.get(name, 0))
        if name in self.gates:
            await self.gates[name].wait()
        if name == "find" and self.older is not None and not is_linearizable(command):
            cursor = {"firstBatch": self.older, "id": 0, "ns": f"{command['$db']}.{command['find']}"}
            return _reply(request_id, {"ok": 1, "cursor": cursor})
        refusal = self.refusal
        if refusal is None or name not in (refusal.commands or DATA_COMMANDS) or not self.only(command, statements):
            return None
        if refusal.per_statement and name not in WRITES:
            return None
        self.refused += 1
        return _reply(request_id, _body(refusal, len(statements)))


def is_linearizable(command: Document) -> bool:
    return bool(command.get("readConcern", {}).get("level") == "linearizable")


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    (length,) = struct.unpack("<i", head)
    return head + await reader.readexactly(length - 4)


def _parsed(message: bytes) -> tuple[Document, list[Document]]:
    """The command, and its statements (in its body, or in document sequences behind it)."""
    at, command, statements = 20, Document(), list[Document]()
    (flags,) = struct.unpack_from("<I", message, 16)
    end = len(message) - (4 if flags & 1 else 0)
    while at < end:
        kind, at = message[at], at + 1
        (size,) = struct.unpack_from("<i", message, at)
        section = message[at : at + size]
        if kind == 0:
            command = dict(bson.decode(section))
        else:
            rest = section[section.index(b"\0", 4) + 1 :]
            statements += bson.decode_iter(rest)
        at += size
    name = next(iter(command))
    return command, statements or list(command.get(WRITES.get(name, ""), ()))


def _body(refusal: Refusal, statements: int) -> dict[str, Any]:
    said: dict[str, Any] = {"code": refusal.code, "errmsg": refusal.message}
    labels: dict[str, Any] = {"errorLabels": list(refusal.labels)} if refusal.labels else {}
    if refusal.per_statement:
        return {
            "ok": 1,
            "n": 0,
            "nModified": 0,
            "writeErrors": [{"index": n, **said} for n in range(statements)],
        } | labels
    return {"ok": 0, "codeName": f"Code{refusal.code}", **said, **labels}


def _reply(request_id: int, body: dict[str, Any]) -> bytes:
    content = struct.pack("<IB", 0, 0) + bson.encode(body)
    return struct.pack("<iiii", 16 + len(content), 1, request_id, OP_MSG) + content


@contextlib.asynccontextmanager
async def proxied(mongo_url: str) -> AsyncIterator[MongoProxy]:
    host, _, port = mongo_url.removeprefix("mongodb://").split("/")[0].rpartition(":")
    proxy = MongoProxy(host=host, port=int(port))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
