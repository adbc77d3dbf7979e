"""What judges pixels where no origin is asked."""

from typing import cast

from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.ports import OriginServer
from gateway.worklists.pixels import Judge


def judging(engine: Engine | Passing) -> Judge:
    """Judge by the engine alone."""
    return Judge(cast("OriginServer", None), engine)
