"""The runner brings every part up, tells of deaths, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tokenswitch_dev import services
from tokenswitch_dev.runner.console import readable
from tokenswitch_dev.runner.ports import DEFAULTS
from tokenswitch_dev.stack.process import free_port

# The real services are tested elsewhere: these answer what the runner asks of them, and nothing more.
STAND_IN = """
import json, os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    known = set()
    def do_GET(self):
        self.reply(200 if self.path == "/readyz" or self.path in self.known else 404)
    def do_PUT(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fits = self.headers["Authorization"].startswith("Bearer ey") and told["app_registration"]["client_id"]
        self.known.add(self.path)
        self.reply(201 if fits else 400)
    def reply(self, status):
        self.send_response(status); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *said):
        pass

def speak():
    while True:
        print("stand-in speaks", flush=True)
        time.sleep(0.5)

threading.Thread(target=speak, daemon=True).start()
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
"""
SERVICES = [service.key for service in services.SERVICES]
PROGRAMS = (*SERVICES, "kafka", "mongodb", "entra", "mailbox")


class Run:
    """One `python -m tokenswitch_dev.runner`, with what it printed."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.output = home / "output.txt"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tokenswitch_dev.runner"], env=environment, stdout=out, stderr=out
            )

    def until(self, pattern: str, timeout: float = 240) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.output.read_text()):
                return found.group()
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"never said {pattern!r}:\n{self.output.read_text()}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def all_children(self, timeout: float = 120) -> list[psutil.Process]:
        deadline = time.monotonic() + timeout
        while len(self.children()) < len(PROGRAMS) and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.children()


Start = Callable[[], Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    for service in SERVICES:
        (tmp_path / "stand_ins").mkdir(exist_ok=True)
        (tmp_path / "stand_ins" / f"{service}_svc.py").write_text(STAND_IN)
    environment = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    environment |= {name: str(free_port()) for name in DEFAULTS}
    environment |= {"PYTHONPATH": str(tmp_path / "stand_ins"), "RUN_DIR": str(tmp_path / "run")}
    started: list[Run] = []

    def begin() -> Run:
        started.append(Run(tmp_path, environment))
        return started[-1]

    yield begin
    for run in started:
        run.process.kill()
        run.process.wait()


def gone(processes: list[psutil.Process], timeout: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    return not alive


def test_it_starts_everything_restarts_what_dies_and_stops_everything(start: Start) -> None:
    run = start()
    run.until("11 demo customers registered")
    begun = run.output.read_text().rpartition(" is ready.")[0]
    assert begun.count(" is ready.") == len(PROGRAMS) - 1 and " | " not in begun, "a program has one line"
    run.until("operator@provider.example")
    assert run.until(r"notify-svc +\| stand-in speaks")
    children = run.children()
    assert len(children) == len(PROGRAMS)
    victim = next(child for child in children if "invite_svc" in child.cmdline())
    victim.kill()
    run.until(r"invite-svc ended \(code -9\); starting it again")
    children = run.all_children()
    assert len(children) == len(PROGRAMS)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(60) == 0
    assert gone(children, 1)
    assert "nothing is left running" in run.output.read_text()


def test_killed_with_9_it_leaves_nothing_and_goes_on_with_its_data(start: Start, tmp_path: Path) -> None:
    run = start()
    run.until("Tokenswitch runs")
    children = run.children()
    keys = (tmp_path / "run" / "keys" / "vault.json").read_text()
    run.process.kill()
    run.process.wait()
    assert gone(children, 10)
    again = start()
    again.until("Tokenswitch runs")
    assert (tmp_path / "run" / "keys" / "vault.json").read_text() == keys
    children = again.children()
    again.process.terminate()
    assert again.process.wait(60) == 0
    assert gone(children, 1)


def test_a_program_that_cannot_run_ends_the_run_with_its_name(start: Start, tmp_path: Path) -> None:
    (tmp_path / "stand_ins" / "notify_svc.py").write_text("raise SystemExit('SMTP_URL is wrong')")
    run = start()
    said = run.until(r"Cannot go on: notify-svc ended .*")
    assert "notify-svc.log" in said
    assert run.process.wait(60) == 1
    assert "SMTP_URL is wrong" in (tmp_path / "run" / "logs" / "notify-svc.log").read_text()


def test_a_taken_port_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {name: str(free_port()) for name in DEFAULTS} | {"PORT_KAFKA": str(taken.getsockname()[1])}
        said = subprocess.run(
            [sys.executable, "-m", "tokenswitch_dev.runner"],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | ports | {"RUN_DIR": str(tmp_path)},
        )
    assert said.returncode == 1
    assert said.stderr.strip() == (
        f"Port {ports['PORT_KAFKA']} (Kafka) is taken by another program: "
        "stop that one or set PORT_KAFKA to a free port."
    )


def test_a_services_json_line_is_shown_as_a_person_reads_it() -> None:
    line = '{"time": "2026-03-01T10:11:12.5+00:00", "level": "warning", "message": "Kafka is away", "part": "Kafka"}'
    assert readable(line) == "10:11:12 WARNING: Kafka is away  part=Kafka"
    assert readable("{not json") == "{not json"
    assert readable("plain") == "plain"
