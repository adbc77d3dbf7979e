"""URLs that are handed out: always the gateway's own, never an origin's."""

import ipaddress
import re
from ipaddress import IPv4Network, IPv6Network

from starlette.requests import Request

from gateway.worklists.worklist import Worklist

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class Links:
    """Knows under which address clients reach the gateway.

    ``public_url`` decides if it is set; else forwarded headers of a trusted proxy; else the request's Host.
    """

    def __init__(self, public_url: str | None, trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()) -> None:
        self._public_url = public_url.rstrip("/") if public_url else None
        self._trusted = trusted_proxies

    def service(self, request: Request, worklist: Worklist) -> str:
        """Return the absolute service base of a worklist."""
        return self._base(request) + worklist.base_path

    def root(self, request: Request) -> str:
        """Return the absolute address that every path of ours is below."""
        return self._base(request)

    def client(self, request: Request) -> str:
        """Return the address of who asks: of a trusted proxy's hops the last that is no trusted proxy."""
        own = request.client.host if request.client else ""
        if not self._trusts(own):
            return own
        hops = [hop.strip() for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
        return next((hop for hop in reversed(hops) if hop and not self._trusts(hop)), own)

    def _base(self, request: Request) -> str:
        if self._public_url:
            return self._public_url
        scheme, host = request.scope["scheme"], request.headers.get("host", "")
        if self._is_trusted(request):
            scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
            host = request.headers.get("x-forwarded-host", host).split(",")[0].strip()
        match = _HOST.fullmatch(host)
        server = request.scope.get("server") or ("localhost", None)
        if match is None or scheme not in ("http", "https"):
            name = f"[{server[0]}]" if ":" in server[0] else server[0]
            return f"http://{name}:{server[1]}" if server[1] else "http://localhost"
        if match[2] is None and server[1] and _is_local(match[1]) and server[1] not in (80, 443):
            host = f"{match[1]}:{server[1]}"  # some clients leave the port out of Host
        return f"{scheme}://{host}"

    def _is_trusted(self, request: Request) -> bool:
        return request.client is not None and self._trusts(request.client.host)

    def _trusts(self, host: str) -> bool:
        if not self._trusted:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
