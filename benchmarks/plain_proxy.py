"""The peer: a proxy as it is usually written, Starlette and httpx as they come, that only passes bytes.

Run: ``ORIGIN=http://127.0.0.1:PORT uvicorn benchmarks.plain_proxy:app`` with uvloop and httptools installed.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8042")
PASSED_ON = ("content-type", "content-length")


class State(TypedDict):
    client: httpx.AsyncClient


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[State]:
    async with httpx.AsyncClient(base_url=ORIGIN, timeout=60) as client:
        yield {"client": client}


async def forward(request: Request) -> StreamingResponse:
    client: httpx.AsyncClient = request.state.client
    headers = {"Accept": request.headers.get("accept", "*/*"), "Accept-Encoding": "identity"}
    url = httpx.URL(path=request.url.path, query=request.url.query.encode("ascii"))
    body = None
    if request.method == "POST":
        headers["Content-Type"] = request.headers.get("content-type", "")
        body = request.stream()
    answer = await client.send(client.build_request(request.method, url, headers=headers, content=body), stream=True)
    return StreamingResponse(
        answer.aiter_raw(),
        status_code=answer.status_code,
        headers={name: answer.headers[name] for name in PASSED_ON if name in answer.headers},
        background=BackgroundTask(answer.aclose),
    )


app = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])], lifespan=lifespan)
