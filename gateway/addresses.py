"""Addresses of clients."""

from ipaddress import IPv6Address, ip_address, ip_network

__all__ = ["network_of"]


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
