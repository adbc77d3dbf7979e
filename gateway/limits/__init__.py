"""What clients may do to a process: how often, how many at once, and what it may come to hold for them."""

from gateway.limits.clients import Client, Clients
from gateway.limits.connections import Connections, Crowd
from gateway.limits.load import Load, raise_descriptor_limit
from gateway.limits.watcher import Limiter

__all__ = ["Client", "Clients", "Connections", "Crowd", "Limiter", "Load", "raise_descriptor_limit"]
