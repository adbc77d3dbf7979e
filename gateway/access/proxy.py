"""Users that a proxy in front has recognized, and names in headers.

Only a trusted proxy's word counts, and only that of the one that is connected: forwarded addresses decide nothing.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from starlette.datastructures import Headers

from gateway.access.model import Method, Principal
from gateway.addresses import trusts
from gateway.core.errors import Unauthenticated

__all__ = ["MAX_NAME_LENGTH", "Proxy", "is_name"]

MAX_NAME_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Proxy:
    """The headers in which trusted proxies name the user and, separated by commas, the user's groups."""

    user: str
    groups: str | None
    trusted: tuple[IPv4Network | IPv6Network, ...]

    def find(self, headers: Headers, address: str) -> Principal:
        """Return the user whom the proxy at ``address`` names; raises Unauthenticated if it is not to be believed."""
        if not trusts(self.trusted, address):
            raise Unauthenticated("A user is named by who is no trusted proxy.", "invalid_token")
        user = _text(headers, self.user)
        if not is_name(user):
            raise Unauthenticated("The proxy's name of the user cannot be read.", "invalid_token")
        groups = _text(headers, self.groups).split(",") if self.groups else []
        return Principal(
            user, Method.PROXY, user=user, groups=frozenset(group.strip() for group in groups if group.strip())
        )


def is_name(text: str) -> bool:
    """Say whether a text can be the name of somebody in a log."""
    return 0 < len(text) <= MAX_NAME_LENGTH and text.isprintable()


def _text(headers: Headers, name: str) -> str:
    """Return a header's text, UTF-8 as proxies send it; one that comes twice may be the client's own."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise Unauthenticated("The proxy lets headers of a client through.", "invalid_request")
    try:
        return "".join(values).encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Unauthenticated("The proxy's headers are not UTF-8.", "invalid_request") from None
