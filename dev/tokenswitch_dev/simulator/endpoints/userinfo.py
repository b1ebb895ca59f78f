"""OpenID Connect's userinfo, for clients that ask there."""

from __future__ import annotations

from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer


def userinfo(sim: Simulator, call: Call) -> Answer:
    claims = sim.keys.read_graph(call.bearer) if call.bearer else None
    account = sim.directory.account(claims["tid"], claims["oid"]) if claims else None
    if claims is None or account is None:
        return answer({"error": {"code": "InvalidAuthenticationToken", "message": "Access token is invalid."}}, 401)
    return answer({"sub": claims["sub"], "name": account.name, "email": account.login})
