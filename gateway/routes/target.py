"""What the released path of a request stands for at the origin. Everything that is not there is NotReleased."""

from starlette.requests import Request

from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist


async def source_path(worklist: Worklist, request: Request) -> str:
    """Return the origin's path of the study, series or instance that a request names.

    For doors whose rewriter sees the whole object, and refuses it itself.
    """
    study = await worklist.study(request.path_params["study"])
    path = f"/studies/{study}"
    if "series" not in request.path_params:
        return path
    series = await worklist.series(study, request.path_params["series"])
    if "instance" not in request.path_params:
        return f"{path}/series/{series}"
    return (await worklist.instance(study, series, request.path_params["instance"], looks_inside=False)).path


async def source_instance(worklist: Worklist, request: Request) -> Instance:
    """Return the instance that a request names, if the profile does not refuse it for what it holds."""
    study = await worklist.study(request.path_params["study"])
    series = await worklist.series(study, request.path_params["series"])
    return await worklist.instance(study, series, request.path_params["instance"])


def released_path(worklist: Worklist, source: str) -> str:
    """Return the released path of an origin's path, as today's secret makes it."""
    parts = source.split("/")
    return "/".join([worklist.engine.uid(part) if at and at % 2 == 0 else part for at, part in enumerate(parts)])
