"""Readiness: all at once, not for long, and not again for a moment."""

import asyncio
import logging

import pytest

from gateway.core.errors import OriginFailed, StateFailed
from gateway.telemetry import readiness
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readiness import Check, Readiness


class Part:
    """Something that a gateway depends on."""

    def __init__(self, answer: bool | Exception = True, *, hangs: bool = False) -> None:
        self.answer = answer
        self.hangs = hangs
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def made(most_s: float = 5.0, **parts: Check) -> tuple[Readiness, Metrics]:
    metrics = Metrics()
    return Readiness(parts, metrics.ready, most_s=most_s), metrics


def ready(metrics: Metrics, part: str) -> float | None:
    return metrics.registry.get_sample_value("dicomveil_ready", {"part": part})


@pytest.mark.parametrize("fault", [False, OriginFailed("no"), StateFailed("no")])
async def test_one_part_that_fails_is_enough_and_the_log_names_it(
    fault: bool | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    asked, metrics = made(archive=Part(fault), state=Part())
    assert not await asked.is_ready()
    assert caplog.record_tuples == [("dicomveil.admin", logging.WARNING, "not ready: archive")]
    assert (ready(metrics, "archive"), ready(metrics, "state")) == (0, 1)


async def test_parts_are_asked_at_once_and_not_for_long() -> None:
    parts = [Part(hangs=True), Part(hangs=True), Part()]
    asked, metrics = made(0.01, a=parts[0], b=parts[1], c=parts[2])
    assert not await asked.is_ready()
    assert [part.asked for part in parts] == [1, 1, 1]
    assert [ready(metrics, name) for name in "abc"] == [0, 0, 1]


async def test_however_many_probe_a_part_is_asked_once() -> None:
    part = Part()
    asked, _ = made(archive=part)
    assert all(await asyncio.gather(*(asked.is_ready() for _ in range(50))))
    assert part.asked == 1


async def test_a_probe_that_gives_up_does_not_leave_the_next_one_waiting() -> None:
    part = Part(hangs=True)
    asked, _ = made(archive=part)
    probe = asyncio.create_task(asked.is_ready())
    await asyncio.sleep(0)
    probe.cancel()
    part.hangs = False
    assert await asked.is_ready()
    with pytest.raises(asyncio.CancelledError):
        await probe


async def test_what_is_known_is_not_known_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part()
    asked, _ = made(archive=part)
    assert await asked.is_ready()
    part.answer = False
    assert await asked.is_ready()
    monkeypatch.setattr(readiness, "KEPT_S", 0)
    assert not await asked.is_ready()


async def test_the_log_names_it_also_when_it_works_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "KEPT_S", 0)
    part = Part(False)
    asked, _ = made(archive=part)
    for works in (False, True, True):
        part.answer = works
        assert await asked.is_ready() is works
    assert caplog.messages == ["not ready: archive", "ready again: archive"]


async def test_what_is_only_shown_does_not_count(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    asked = Readiness({"state": Part()}, metrics.ready, {"audit": Part(False)})
    assert await asked.is_ready()
    assert (ready(metrics, "audit"), caplog.messages) == (0, ["not ready: audit (without which it stays ready)"])


async def test_a_bug_is_not_taken_for_an_answer() -> None:
    asked, _ = made(archive=Part(ValueError("a bug")))
    with pytest.raises(ValueError, match="a bug"):
        await asked.is_ready()
