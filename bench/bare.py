"""python -m bench.bare MONGO_URL PORT: a customer read by FastAPI, Motor and uvicorn as they come."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from motor.motor_asyncio import AsyncIOMotorClient

DATABASE = "tokenswitch_config"


def build(mongo_url: str) -> FastAPI:
    app = FastAPI()
    customers: Any = AsyncIOMotorClient(mongo_url)[DATABASE]["customers"]

    @app.get("/customers/{id}")
    async def customer(id: str) -> dict[str, Any]:
        document = await customers.find_one({"_id": id})
        if document is None:
            raise HTTPException(404)
        state: dict[str, Any] = document["state"]
        return state

    return app


if __name__ == "__main__":
    uvicorn.run(build(sys.argv[1]), port=int(sys.argv[2]), access_log=False, log_level="warning")
