"""What is printed when everything runs: the addresses, and who can sign in as what."""

from __future__ import annotations

from tokenswitch_dev.runner.plan import System
from tokenswitch_dev.simulator import demo


def banner(system: System, seconds: float) -> str:
    ports = system.ports
    places = [
        ("Portal", system.portal, "operators begin here"),
        ("Mailbox", system.mailbox, "every mail that is sent arrives here"),
        ("Microsoft, simulated", system.entra_pages, "the sign-in pages and what each tenant shows"),
        ("Wizard", system.invite, "reached by the link in the mail"),
        ("auth-svc", f"{system.service('auth')}/docs", "internal: access tokens for jobs"),
        ("Kafka / MongoDB", f"127.0.0.1:{ports.kafka} / 127.0.0.1:{ports.mongo}", "topic tokenswitch.events"),
    ]
    lines = [f"Tokenswitch runs ({seconds:.1f} s). Data: {system.home}. Stop: Ctrl-C.", ""]
    lines += [f"  {name:<21} {address:<36} {note}" for name, address, note in places]
    lines += ["", f"  Operators (password of every demo account: {demo.PASSWORD}):"]
    lines += [f"    {role}@provider.example" for role in ("operator", "admin", "viewer")]
    lines += ["", "  Customers, each with its administrator's account:"]
    lines += [f"    {one.name:<18} {one.admin:<26} {one.shows}" for one in demo.customers()]
    return "\n".join([*lines, ""])
