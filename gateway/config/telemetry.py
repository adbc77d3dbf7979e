"""Logs and traces: rules over the settings file, and what the settings become."""

from collections.abc import Iterator
from importlib.util import find_spec

from gateway.config import schema
from gateway.config.draft import Draft, Rule, mapping, text, url_problem
from gateway.config.model import Logs, Tracing
from gateway.core.errors import ConfigFault

__all__ = ["RULES", "make_logs", "make_tracing"]


def make_logs(logs: schema.Logs) -> Logs:
    """Make the log settings of a file that the rules found sound."""
    return Logs(logs.form, logs.exchanges)


def make_tracing(tracing: schema.Tracing | None) -> Tracing | None:
    """Make the trace settings of a file that the rules found sound."""
    return None if tracing is None else Tracing(tracing.endpoint.rstrip("/"), tracing.ratio)


def _tracing(draft: Draft) -> Iterator[ConfigFault]:
    endpoint = text(mapping(draft.data, "tracing"), "endpoint")
    if endpoint is not None and (problem := url_problem(endpoint)):
        yield draft.document.fault(("tracing", "endpoint"), problem)
    if "tracing" in draft.data and not _is_installed():
        yield draft.document.fault(("tracing",), "needs OpenTelemetry: pip install 'dicomveil[tracing]'")


def _is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None


RULES: tuple[Rule, ...] = (_tracing,)
