"""python -m tokenswitch_dev.mailbox: SMTP on one port, page and API on another, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
from pathlib import Path

import trustme
import uvicorn
from fastapi import FastAPI

from tokenswitch_dev.mailbox import api, pages
from tokenswitch_dev.mailbox.smtp import Faults, Handler, listen
from tokenswitch_dev.mailbox.store import Mails


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.mailbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--port", type=int, default=8025, help="the page and the API")
    parser.add_argument("--state", type=Path, required=True, help="where the mails are kept")
    parser.add_argument("--starttls", action="store_true", help="require STARTTLS; writes DIR/ca.pem to trust")
    parser.add_argument("--login", default="", help="require this name:password")
    return parser.parse_args(arguments)


def build(mails: Mails, faults: Faults) -> FastAPI:
    app = FastAPI(title="Mailbox", docs_url=None, redoc_url=None)
    app.state.mails, app.state.faults = mails, faults
    app.include_router(api.router)
    app.include_router(pages.router)
    return app


def tls_context(state: Path) -> ssl.SSLContext:
    authority = trustme.CA(organization_name="Mailbox for development")
    authority.cert_pem.write_to_path(state / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


async def run(options: argparse.Namespace) -> None:
    mails, faults = Mails(options.state), Faults()
    tls = tls_context(options.state) if options.starttls else None
    smtp = await listen(Handler(mails, faults), options.smtp_port, tls, options.login)
    config = uvicorn.Config(
        build(mails, faults),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        timeout_keep_alive=75,  # a client gives a connection up before us: none asks on one that is just being closed
        timeout_graceful_shutdown=2,
    )
    async with smtp:
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(run(parse()))
