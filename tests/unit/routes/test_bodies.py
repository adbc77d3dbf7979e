"""What is wrong with a body is said by member, never by value."""

import json
from typing import Annotated

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.core.errors import GatewayError
from gateway.routes.bodies import MAX_BODY_BYTES, read_json
from gateway.routes.problems import problem
from tests.kit.contacts import EMAIL, PHONE, traces


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: str | None = None
    digits: Annotated[str, Field(pattern="^[0-9]{4,8}$")] | None = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    study: Annotated[str, Field(max_length=64)]
    series: Annotated[list[str], Field(max_length=3)] | None = None
    share: Inner | None = None


async def echo(request: Request) -> Response:
    return JSONResponse((await read_json(request, Outer)).model_dump())


async def refuse(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, GatewayError)
    assert fault.__context__ is None  # pydantic's exception holds the input
    return problem(fault)


async def post(body: str | bytes, media_type: str = "application/json") -> httpx.Response:
    application = Starlette(routes=[Route("/", echo, methods=["POST"])], exception_handlers={GatewayError: refuse})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://gateway") as client:
        return await client.post("/", content=body, headers={"content-type": media_type})


async def detail(body: str | bytes) -> str:
    answer = await post(body)
    assert answer.status_code == 400
    assert not traces(answer.content, EMAIL, PHONE)
    said: str = answer.json()["detail"]
    return said


async def test_a_good_body_is_read() -> None:
    answer = await post('{"study": "1.2"}')
    assert answer.json() == {"study": "1.2", "series": None, "share": None}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "study: is missing"),
        ({"study": EMAIL * 3}, "study: String should have at most 64 characters"),
        ({"study": {EMAIL: 1}}, "study: Input should be a valid string"),
        ({"study": "1", EMAIL: PHONE}, "holds a member that is unknown; there are study, series, share"),
        ({"study": "1", "share": {PHONE: EMAIL}}, "share: holds a member that is unknown; there are email, digits"),
        ({"study": "1", "share": {"email": [EMAIL]}}, "share.email: Input should be a valid string"),
        ({"study": "1", "share": {"digits": PHONE}}, "share.digits: does not have the form it should have"),
        ({"study": "1", "series": ["1", 2]}, "series.1: Input should be a valid string"),
        ({"share": EMAIL}, "study: is missing; share: Input should be an object"),
        (EMAIL, "Input should be an object"),
    ],
)
async def test_a_fault_is_named_without_what_was_sent(body: object, said: str) -> None:
    assert await detail(json.dumps(body)) == said


@pytest.mark.parametrize(
    "body",
    [b"", b"{", EMAIL.encode(), b'{"study": "' + EMAIL.encode() + b'\xff"}', b'{"study": "\\ud800' + EMAIL.encode(),
     b"[" * 100_000, b'{"study": 1' + b"0" * 10_000 + b"}x", EMAIL.encode("utf-16")],
)  # fmt: skip
async def test_what_is_not_json_is_not_repeated(body: bytes) -> None:
    assert await detail(body) == "the body is not JSON"


async def test_many_faults_are_not_all_told() -> None:
    body = json.dumps({"study": "1", "series": list(range(1000))})
    assert len(await detail(body)) < 1000


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_another_media_type_is_415(media_type: str) -> None:
    answer = await post(b"{}", media_type)
    assert answer.status_code == 415
    assert answer.json()["detail"] == "The Content-Type should be application/json."


async def test_a_body_that_is_too_large_is_413_before_it_is_read_whole() -> None:
    answer = await post(b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
