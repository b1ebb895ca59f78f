"""The signing keys: one whose public half is published, and Graph's own, which nobody outside can verify."""

from __future__ import annotations

from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from tokenswitch_dev.simulator.directory.store import Store

# Graph's tokens have a nonce in the header, which no standard knows.
LENIENT = JWSRegistry(strict_check_header=False)


class Keys:
    def __init__(self, store: Store) -> None:
        self._published = _kept(store, "published")
        self._graph = _kept(store, "graph")

    def jwks(self, issuer: str) -> dict[str, Any]:
        public = self._published.as_dict(private=False)
        kid = self._published.kid
        return {"keys": [{"use": "sig", **public, "kid": kid, "x5t": kid, "issuer": issuer}]}

    def sign(self, claims: dict[str, Any]) -> str:
        """An id_token, or an access token for an API of the operator's own."""
        return jwt.encode({"typ": "JWT", "alg": "RS256", "kid": self._published.kid}, claims, self._published)

    def sign_for_graph(self, claims: dict[str, Any], nonce: str) -> str:
        header = {"typ": "JWT", "alg": "RS256", "nonce": nonce, "kid": self._graph.kid}
        return jwt.encode(header, claims, self._graph, registry=LENIENT)

    def read_graph(self, token: str) -> dict[str, Any] | None:
        """The claims of a token for Graph, or None if Graph did not get it from us."""
        try:
            return dict(jwt.decode(token, self._graph, algorithms=["RS256"], registry=LENIENT).claims)
        except (JoseError, ValueError):
            return None


def _kept(store: Store, name: str) -> RSAKey:
    kept = store.load("key").get(name)
    key = RSAKey.import_key(kept) if kept else RSAKey.generate_key(2048, auto_kid=True)
    if not kept:
        store.put("key", name, key.as_dict(private=True) | {"kid": key.thumbprint()})
    key.ensure_kid()
    return key
