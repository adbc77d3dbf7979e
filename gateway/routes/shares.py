"""The website of a share: one page, its pictures, and a door before it where there is a PIN.

A link that is wrong, random, expired, revoked or used up gets one and the same answer after one and the same look-up,
whatever is asked for below it.
"""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from zlib_ng.zlib_ng import crc32

from gateway.core.errors import BadRequest, GatewayError, NotReleased
from gateway.rendering.encoders import JPEG, MP4
from gateway.rendering.pool import Renderers
from gateway.routes.exchange import Streamed
from gateway.routes.guard import Door, Guard
from gateway.routes.links import Links
from gateway.routes.problems import problem
from gateway.routes.share_pictures import SharePictures
from gateway.sharing.misses import PAUSE_S, Misses
from gateway.sharing.model import Standing, digest_of
from gateway.sharing.pages import ASSETS, Pages, asset
from gateway.sharing.pins import wait_s
from gateway.sharing.ranges import byte_range
from gateway.sharing.service import Sharing

HEADERS: Final = {
    "cache-control": "private, no-store",
    "content-security-policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive",
}
"""What goes with every answer here, also with those that say no."""
ASSET_AGE_S: Final = 7 * 86_400
MAX_FORM_BYTES: Final = 1024
COOKIE: Final = "pass"
HTML: Final = "text/html"
ZIP: Final = "application/zip"

Endpoint = Callable[[Request, Standing], Awaitable[ASGIApp]]
Handler = Callable[[Request], Awaitable[ASGIApp]]
Draw = Callable[[Standing, int], Awaitable[bytes]]


def share_routes(sharing: Sharing, links: Links, renderers: Renderers) -> list[Door]:
    """Return the routes below ``/shares``."""
    site, pictures = ShareSite(sharing, links), SharePictures(sharing, renderers)
    one = "/shares/{token}/"
    shown = Guard("ViewShare")  # the link is what lets in
    return [
        *(Door(f"/shares/-/{name}", _asset(name, media_type), Guard("Asset")) for name, media_type in ASSETS.items()),
        Door("/shares/{token}", _with_slash, shown),
        Door(one, site.answers(site.page), shown),
        Door(one, site.answers(site.enter), Guard("OpenShare"), ["POST"]),
        Door(one + "i/{number:int}", site.answers(site.inside(site.image)), shown),
        Door(one + "i/{number:int}.jpg", site.answers(site.inside(_still(pictures.image))), shown),
        Door(one + "t/{number:int}.jpg", site.answers(site.inside(_still(pictures.thumbnail))), shown),
        Door(one + "c/{number:int}.jpg", site.answers(site.inside(_still(pictures.poster))), shown),
        Door(one + "c/{number:int}.mp4", site.answers(site.inside(_clip(pictures.clip))), shown),
        Door(one + "all.zip", site.answers(site.inside(_archive(pictures))), Guard("DownloadShare")),
        Door("/shares/{rest:path}", site.nothing, shown, ["DELETE", "GET", "PATCH", "POST", "PUT"]),
    ]


class ShareSite:
    """Lets in who may see a share, and tells everyone else the same."""

    def __init__(self, sharing: Sharing, links: Links) -> None:
        self._sharing = sharing
        self._links = links
        self._pages = Pages()
        self._misses = Misses()

    def answers(self, endpoint: Endpoint) -> Handler:
        """Return a handler that looks the share up first."""

        async def handle(request: Request) -> ASGIApp:
            token = request.path_params["token"]
            try:
                share = await self._sharing.find(token)
                if share is not None:
                    return Private(await endpoint(request, share))
                if self._missed(self._links.client(request), token):
                    return Private(self._too_many(request))
            except NotReleased:
                pass
            except GatewayError as fault:
                return Private(problem(fault))
            return await self.nothing(request)

        return handle

    def _missed(self, client: str, token: str) -> bool:
        """Count a link that leads nowhere; say whether the client has to pause.

        Links that do work open all the same: behind a proxy that is not trusted, all clients are one.
        """
        is_out = self._misses.is_out(client)
        if not is_out:
            self._misses.count(client, digest_of(token))
        return is_out

    def inside(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for those who have opened the share."""

        async def handle(request: Request, share: Standing) -> ASGIApp:
            if not self._is_open(request, share):
                raise NotReleased
            return await endpoint(request, share)

        return handle

    async def nothing(self, request: Request) -> ASGIApp:
        """Say that there is nothing: the one answer to every link that does not work."""
        title = "This link does not work"
        lines = (
            "It may have ended or been withdrawn, or a part of it is missing.",
            "Please ask who sent it for a new one.",
        )
        return Private(Response(self._pages.message(self._base(request), title, *lines), 404, media_type=HTML))

    async def page(self, request: Request, share: Standing) -> ASGIApp:
        """Show the page, or the door before it. To open it is a view; HEAD is none, nor is coming back with a pass."""
        pass_given = None
        if not self._is_open(request, share):
            if share.views_left == 0:
                raise NotReleased
            if share.pin is not None:
                return self._door(request)
        contents = await self._sharing.contents(share)
        if not self._is_open(request, share) and request.method != "HEAD":
            pass_given = await self._opened(share)
        body = self._pages.gallery(self._base(request), contents, share.expires, is_secret=share.pin is not None)
        return self._with_pass(request, Response(body, media_type=HTML), pass_given)

    async def image(self, request: Request, share: Standing) -> ASGIApp:
        """Show the page of one image."""
        contents = await self._sharing.contents(share)
        body = self._pages.image(self._base(request), contents, request.path_params["number"])
        if body is None:
            raise NotReleased
        return Response(body, media_type=HTML)

    async def enter(self, request: Request, share: Standing) -> ASGIApp:
        """Take a PIN and lead to the page."""
        if share.pin is None or share.views_left == 0:
            raise NotReleased
        if wait := self._sharing.wait_s(share):
            return self._door(request, 429, f"Too many wrong PINs. Please try again in {_time(wait)}.", wait)
        if not await self._sharing.accepts(share, await _pin(request)):
            wait = wait_s(share.failures + 1)
            more = f" You can try again in {_time(wait)}." if wait else ""
            return self._door(request, 403, f"That is not the PIN.{more}")
        answer = Response(status_code=303, headers={"location": self._path(request)})
        return self._with_pass(request, answer, await self._opened(share))

    def _is_open(self, request: Request, share: Standing) -> bool:
        return self._sharing.admits(share, request.cookies.get(COOKIE, ""))

    async def _opened(self, share: Standing) -> str:
        pass_given = await self._sharing.opened(share)
        if pass_given is None:
            raise NotReleased
        return pass_given

    def _with_pass(self, request: Request, answer: Response, pass_given: str | None) -> Response:
        if pass_given is not None:
            answer.set_cookie(
                COOKIE,
                pass_given,
                path=self._path(request),
                httponly=True,
                samesite="strict",
                secure=self._links.root(request).startswith("https:"),
            )
        return answer

    def _door(self, request: Request, status: int = 200, said: str = "", wait: int = 0) -> Response:
        headers = {"retry-after": str(wait)} if wait else None
        return Response(self._pages.pin(self._base(request), said), status, headers, HTML)

    def _too_many(self, request: Request) -> Response:
        body = self._pages.message(self._base(request), "Please wait a minute", "Too many links did not work.")
        return Response(body, 429, {"retry-after": str(PAUSE_S)}, HTML)

    def _path(self, request: Request) -> str:
        return f"{self._base(request)}/shares/{quote(request.path_params['token'], safe='')}/"

    def _base(self, request: Request) -> str:
        return urlsplit(self._links.root(request)).path


class Private:
    """An answer with HEADERS, whatever it is."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._answer(scope, receive, sending)


def _asset(name: str, media_type: str) -> Handler:
    headers = HEADERS | {"cache-control": f"public, max-age={ASSET_AGE_S}"}  # its address changes with its content
    body = asset(name)

    async def answer(_request: Request) -> ASGIApp:
        return Response(body, headers=headers, media_type=media_type)

    return answer


async def _with_slash(request: Request) -> ASGIApp:
    """Lead on without a look-up: relative links count from the slash."""
    location = quote(request.path_params["token"], safe="") + "/"
    return Private(Response(status_code=308, headers={"location": location}))


def _still(draw: Draw) -> Endpoint:
    async def answer(request: Request, share: Standing) -> ASGIApp:
        return Response(await draw(share, request.path_params["number"]), media_type=JPEG)

    return answer


def _clip(draw: Draw) -> Endpoint:
    async def answer(request: Request, share: Standing) -> ASGIApp:
        return _ranged(request, await draw(share, request.path_params["number"]))

    return answer


def _archive(pictures: SharePictures) -> Endpoint:
    async def answer(_request: Request, share: Standing) -> ASGIApp:
        disposition = {"content-disposition": 'attachment; filename="images.zip"'}
        return Streamed(pictures.archive(share), ZIP, disposition)

    return answer


def _ranged(request: Request, body: bytes) -> Response:
    """Answer with all of a body or a range of it (RFC 9110 Sections 13.1.5 and 14)."""
    tag = f'"{crc32(body):08x}-{len(body):x}"'  # enough to see that it was made anew, by another encoder
    headers = {"accept-ranges": "bytes", "etag": tag}
    found = None
    if request.method == "GET" and request.headers.get("if-range", tag) == tag:
        found = byte_range(request.headers.get("range", ""), len(body))
    if found is None:
        return Response(body, 200, headers, MP4)
    if not found:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(body)}"})
    headers["content-range"] = f"bytes {found.start}-{found.stop - 1}/{len(body)}"
    return Response(body[found.start : found.stop], 206, headers, MP4)


async def _pin(request: Request) -> str:
    """Read the form. Raises BadRequest, without what is in it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise BadRequest("the form is too long")
    return parse_qs(body.decode("utf-8", "replace")).get("pin", [""])[0]


def _time(seconds: int) -> str:
    minutes = ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{ceil(minutes / 60)} hours"
