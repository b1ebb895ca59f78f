"""python -m shared.service.probe: does the service in this container live? No output, exit code 0 or 1."""

from __future__ import annotations

import http.client
import os
import sys

SECONDS = 3


def lives(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if lives(int(os.environ.get("PORT", "8000"))) else 1)
