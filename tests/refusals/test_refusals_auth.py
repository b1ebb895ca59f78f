"""auth-svc's access-token endpoint while MongoDB refuses: whoever wants a token is told to come back, then gets one."""

from __future__ import annotations

from tests.auth_svc.api.test_auth_api import Api, application, grant, put
from tests.auth_svc.auth_kit import FakeMicrosoft, bench
from tests.refusals.refusals_kit import Refusals, RefusedTransport
from tests.shared.kit.mongo_proxy import MongoProxy


async def test_it_waits_for_the_token_that_it_reads_and_keeps(
    proxy: MongoProxy, mongo_database: str, refusals: Refusals
) -> None:
    fake = FakeMicrosoft()
    async with bench(proxy.url, mongo_database, fake, fake) as here, application(here, fake, {}) as client:
        await here.register()
        await here.pin()
        await put(here, grant=grant(here), in_force="token")
        client._transport = RefusedTransport(client._transport.app, refusals)  # type: ignore[attr-defined]
        assert (await Api(here, fake, client).ask()).status_code == 200
    (points,) = refusals.table.values()
    assert points == {("find", "access"), ("update", "access")}
