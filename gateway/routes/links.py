"""URLs that are handed out: always the gateway's own, never an origin's."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from gateway.addresses import hop_of, trusts
from gateway.core.wire.forwarded import parse_forwarded
from gateway.worklists.worklist import Worklist

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_CUSTOMARY: Final = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
_KEY: Final = "dicomveil.entered"


@dataclass(frozen=True, slots=True)
class Entered:
    """By which service base a request came in; ``follows_host``: links lead to the host that it came to."""

    base_path: str
    follows_host: bool


def enter(scope: Scope, entered: Entered, path: str) -> Scope:
    """Return a request for another path of ours, whose answer leads back to where it came in."""
    return {**scope, "path": path, _KEY: entered}


class Links:
    """Knows under which address clients reach the gateway.

    ``public_url`` decides if it is set; else what a trusted proxy forwards, by X-Forwarded-* or else by Forwarded (RFC
    7239); else the request's Host.
    """

    def __init__(self, public_url: str | None, trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()) -> None:
        self._public_url = public_url.rstrip("/") if public_url else None
        self._trusted = trusted_proxies

    def service(self, request: Request, worklist: Worklist) -> str:
        """Return the absolute service base of a worklist, or of the entrance to it."""
        entered: Entered | None = request.scope.get(_KEY)
        if entered is None:
            return self._base(request) + worklist.base_path
        if not (entered.follows_host and self._public_url):
            return self._base(request) + entered.base_path
        public = urlsplit(self._public_url)._replace(netloc=urlsplit(self._asked(request)).netloc)
        return public.geturl() + entered.base_path

    def root(self, request: Request) -> str:
        """Return the absolute address that every path of ours is below."""
        return self._base(request)

    def host(self, scope: Scope, headers: Headers) -> str:
        """Return the host that a request is for, in small letters and without its port; empty when it is none."""
        match = _HOST.fullmatch(self._forwarded(scope, headers)[1])
        return match[1].lower().rstrip(".") if match else ""

    def client(self, request: Request) -> str:
        """Return the address of who asks: of a proxy's hops the last that is no trusted proxy, else the first."""
        return self.client_of(request.client.host if request.client else "", request.headers)

    def client_of(self, peer: str, headers: Headers) -> str:
        """Return the same for a request of which only this much is known."""
        if not self.trusts(peer):
            return peer
        hops = [hop for line in headers.getlist("x-forwarded-for") for hop in line.split(",") if hop.strip()]
        known = peer
        for hop in reversed(hops):
            found = hop_of(hop)
            if found is None:
                break  # whoever wrote it, nothing before it can be told from what a client made up
            known = found
            if not self.trusts(found):
                break
        return known

    def _base(self, request: Request) -> str:
        return self._public_url or self._asked(request)

    def _asked(self, request: Request) -> str:
        """Return the address that a request was sent to, as far as it can be believed."""
        scheme, host = self._forwarded(request.scope, request.headers)
        match = _HOST.fullmatch(host)
        server = request.scope.get("server") or ("localhost", None)
        if match is None or scheme not in ("http", "https"):
            name = f"[{server[0]}]" if ":" in server[0] else server[0]
            return f"http://{name}:{server[1]}" if server[1] else "http://localhost"
        if match[2] is None and server[1] and _is_local(match[1]) and server[1] not in (80, 443):
            host = f"{match[1]}:{server[1]}"  # some clients leave the port out of Host
        return f"{scheme}://{host}"

    def _forwarded(self, scope: Scope, headers: Headers) -> tuple[str, str]:
        """Return scheme and host as written; a trusted proxy knows better than the request."""
        scheme, host = scope["scheme"], headers.get("host", "")
        if not (scope.get("client") and self.trusts(scope["client"][0])):
            return scheme, host
        if any(name in headers for name in _CUSTOMARY):  # then Forwarded may be what the client sent, passed on
            scheme = headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
            return scheme, headers.get("x-forwarded-host", host).split(",")[0].strip()
        for said in self._believed(headers):
            scheme, host = said.get("proto", scheme).lower(), said.get("host", host)
        return scheme, host

    def _believed(self, headers: Headers) -> Iterator[Mapping[str, str]]:
        """Yield what trusted proxies say in Forwarded, outward: from the one next to us, while each names the next."""
        for said in reversed(parse_forwarded(",".join(headers.getlist("forwarded")))):
            yield said
            hop = hop_of(said.get("for", ""))
            if hop is None or not self.trusts(hop):
                return

    def trusts(self, host: str) -> bool:
        """Say whether an address is a trusted proxy's."""
        return trusts(self._trusted, host)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
