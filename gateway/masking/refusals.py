"""Say why an object does not leave, to who can write the missing rule; clients only learn that it is not there."""

import logging

from gateway.core.errors import GatewayError, RefusedByMasks

log = logging.getLogger("dicomveil.masks")


def tell(fault: GatewayError) -> None:
    """Log what masks refused, with what a rule would look at; other faults are told elsewhere."""
    if isinstance(fault, RefusedByMasks):
        log.info("an object is not released: %s", fault)
