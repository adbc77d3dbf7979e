"""Addresses of clients, and of proxies that are trusted."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["hop_of", "network_of", "trusts"]

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}")


def network_of(address: str) -> str:
    """Return what one client has of addresses: an IPv4 address, or the IPv6 network of a customer (/64)."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))
    return address


def hop_of(text: str) -> str | None:
    """Return the address that a proxy forwards, without a port or zone; None for any other text."""
    hop = text.strip()
    match = _WITH_PORT.fullmatch(hop)
    try:
        found = ip_address(match[1] or match[2] if match else hop)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Address(int(found)))  # a zone may be any text
    return str(found)


def trusts(networks: Sequence[IPv4Network | IPv6Network], address: str) -> bool:
    """Say whether an address lies in one of the networks."""
    if not networks:
        return False
    try:
        found = ip_address(address)
    except ValueError:
        return False  # a socket of the file system
    forms: list[IPv4Address | IPv6Address] = [found]
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        forms.append(found.ipv4_mapped)  # as a server that listens on :: sees IPv4
    return any(form in network for network in networks for form in forms)
