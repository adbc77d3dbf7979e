"""What is around all routes: problems for errors, before the head of an answer and after it, and CORS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from gateway.core.errors import NotReleased
from gateway.routes.front import Gateway

PAGE = "https://viewer.example"


async def fine(_request: Request) -> Response:
    return PlainTextResponse("fine")


async def missing(_request: Request) -> Response:
    raise NotReleased


async def buggy(_request: Request) -> Response:
    raise ZeroDivisionError("SMITHSON")


async def late(_request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"begun"
        raise NotReleased

    return StreamingResponse(body())


@asynccontextmanager
async def asking(*origins: str, raises: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        yield

    routes: list[BaseRoute] = [Route(f"/{each.__name__}", each) for each in (fine, missing, buggy, late)]
    transport = httpx.ASGITransport(Gateway(routes, lifespan, origins), raise_app_exceptions=raises)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/fine", 200), ("GET", "/missing", 404), ("GET", "/nowhere", 404), ("DELETE", "/fine", 405),
    ("OPTIONS", "/fine", 204), ("GET", "/fine/", 404)],
)  # fmt: skip
@pytest.mark.parametrize("origin", [None, PAGE])
async def test_every_answer_is_ours_and_varies_by_origin(
    method: str, path: str, status: int, origin: str | None
) -> None:
    async with asking("*") as client:
        answer = await client.request(method, path, headers={"Origin": origin} if origin else {})
    assert answer.status_code == status
    assert "Origin" in answer.headers["vary"]
    assert answer.headers.get("access-control-allow-origin") == ("*" if origin else None)
    if status in (404, 405):
        assert answer.headers["content-type"] == "application/problem+json"
    if status in (204, 405):
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_bug_is_a_problem_for_the_client_and_raised_for_the_server() -> None:
    async with asking(raises=False) as client:
        answer = await client.get("/buggy")
    assert (answer.status_code, "SMITHSON" in answer.text) == (500, False)
    async with asking() as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/buggy")


async def test_an_error_after_the_head_is_left_to_the_server_to_break_off() -> None:
    async with asking() as client:
        with pytest.raises(NotReleased):
            await client.get("/late")
