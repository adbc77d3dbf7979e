"""Settings and profiles change under a running gateway: no answer fails, and none is made of two versions."""

import asyncio
import json
import os
import shutil
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.kit.inprocess import SECRET
from tests.kit.reloads import DICOM, STUDY, Stage, gated, marks, profile, staged
from tests.kit.scripted_server import until
from tests.kit.servers import Gateway

pytestmark = [pytest.mark.e2e]

RELOADS: Final = 20
EXCHANGES: Final = 200
CLIENTS: Final = 4
RELOADED: Final = "settings reloaded"
REFUSED: Final = "the settings are not used"


async def test_each_answer_is_wholly_of_one_profile_while_profiles_change(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        seen: Counter[int] = Counter()
        clients = [asyncio.create_task(asks(stage, seen, at)) for at in range(CLIENTS)]
        for number in range(2, RELOADS + 2):
            stage.write(number)
            if number % 2:
                stage.tell()
            await stage.shows(number)
        await until(lambda: seen.total() >= EXCHANGES)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        assert not [one for one in clients if not one.cancelled() and one.exception()]
        await stage.logs("the last exchange under former settings", stage.gateway.log.count(RELOADED))
        assert len(seen) > RELOADS / 2, "the profile changes between answers, not under them"
        assert "Traceback" not in stage.gateway.log


async def asks(stage: Stage, seen: Counter[int], at: int) -> None:
    doors = [("/metadata", "application/dicom+json"), ("", DICOM), ("/series", "application/dicom+json")]
    while True:
        found = marks(await stage.ask(*doors[at % 3]))
        at += 1
        if at % 3 or found:  # the list of series names no patient
            (number,) = found
            seen[number] += 1


async def test_a_stream_goes_on_under_the_profile_that_it_began_with(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        gate = gated(stage)
        async with stage.session.get(stage.study, headers={"Accept": DICOM}) as answer:
            begun = await answer.content.readany()
            for number in (2, 3):
                stage.write(number)
                await stage.shows(number)
            assert "settings reloaded (profiles.marked, worklists.research): 1 exchanges" in stage.gateway.log
            assert stage.gateway.log.count("the last exchange") == 1  # that of version 2, which had none
            gate.opened.set()
            assert marks(begun + await answer.content.read()) == {1}
        await stage.logs("the last exchange", 2)
        assert marks(await stage.ask("", DICOM)) == {3}


async def test_a_client_that_leaves_lets_the_settings_that_it_came_under_end(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        gated(stage)
        answer = await stage.session.get(stage.study, headers={"Accept": DICOM})
        await answer.content.readany()
        stage.write(2)
        await stage.shows(2)
        assert "the last exchange" not in stage.gateway.log
        answer.close()
        await stage.logs("the last exchange")


async def test_a_fault_in_any_file_leaves_everything_as_it_is_until_it_is_mended(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        folder, config = stage.gateway.folder, stage.gateway.config
        sound = config.read_text()
        faults = [
            (folder / "profiles" / "marked.yaml", profile(2) + "  PatientBirthDate: {action: guess}\n"),
            (config, sound.replace('"worklists"', '"worklist"')),
            (config, sound[: len(sound) // 2]),
            (folder / "secret", "short"),
        ]
        for number, (file, text) in enumerate(faults, 1):
            before = file.read_bytes()
            file.write_text(text)
            await stage.logs(REFUSED, number)
            assert marks(await stage.ask()) == {1}
            file.write_bytes(before)
            await stage.logs(RELOADED, number)
        assert f"{folder}/profiles/marked.yaml:6: " in stage.gateway.log
        stage.write(2)
        await stage.shows(2)


async def test_a_profile_that_is_deleted_stays_in_use_and_is_missed_aloud(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        (stage.gateway.folder / "profiles" / "marked.yaml").unlink()
        await stage.logs(REFUSED)
        assert 'no profile named "marked"' in stage.gateway.log
        assert marks(await stage.ask()) == {1}
        stage.write(2)
        await stage.shows(2)


async def test_a_secret_is_rotated_under_a_running_gateway(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        before = json.loads(await stage.ask())[0]["0020000D"]["Value"]
        (stage.gateway.folder / "new").write_bytes(b"n" * 32)
        settings = json.loads(stage.gateway.config.read_text())
        settings["previous_secrets"], settings["secret"] = [settings["secret"]], {"file": "new"}
        stage.gateway.config.write_text(json.dumps(settings, indent=1))
        await stage.logs(RELOADED)
        after = json.loads(await stage.ask())[0]["0020000D"]["Value"]  # by the path released before
        assert after != before
        (stage.gateway.folder / "new").write_bytes(b"o" * 32)  # what is in a file of the settings counts, too
        await stage.logs(RELOADED, 2)


async def test_a_secret_in_the_environment_outlives_a_reload_and_is_not_passed_on(tmp_path: Path) -> None:
    secret = {"secret": {"env": "MADE_UP"}}
    async with staged(tmp_path, secret, environment={"MADE_UP": SECRET.hex()}) as stage:
        base = stage.gateway.worklist("research")
        seen = []
        for number in (2, 3):
            async with stage.session.get(f"{base}/studies") as answer:
                seen.append((await answer.json(content_type=None))[0]["0020000D"]["Value"])
            stage.write(number)
            stage.tell()
            await stage.logs(RELOADED, number - 1)
        assert seen[0] == seen[1]
        assert REFUSED not in stage.gateway.log


async def test_what_only_a_restart_changes_is_named_and_stays(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        settings = json.loads(stage.gateway.config.read_text())
        stage.gateway.config.write_text(json.dumps(settings | {"state": "sqlite:///other.db"}))
        await stage.logs("state: changes with a restart only")
        assert marks(await stage.ask()) == {1}
        assert not (stage.gateway.folder / "other.db").exists()


async def test_a_configmap_that_is_swapped_by_its_symbolic_link_is_reloaded(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        mounted = Mounted(tmp_path / "mounted", stage)
        server = Gateway(mounted.folder)
        await asyncio.to_thread(server.start)
        try:
            there = Stage(stage.archive, server, stage.session)
            await there.shows(1)
            for number in (2, 3):
                mounted.swap(number)
                await there.shows(number)
        finally:
            await asyncio.to_thread(server.stop)


class Mounted:
    """Settings and a profile as Kubernetes mounts them: links to links to a folder with a date."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.folder = folder
        (folder / "profiles").mkdir(parents=True)
        settings = json.loads(stage.gateway.config.read_text())
        settings |= {"profiles": "./profiles", "state": "sqlite:///state.db"}
        self._settings = json.dumps(settings)
        self.swap(1)
        (folder / "dicomveil.yaml").symlink_to("..data/dicomveil.yaml")
        (folder / "profiles" / "marked.yaml").symlink_to("..data/marked.yaml")

    def swap(self, number: int) -> None:
        for place, name, text in (
            (self.folder, "dicomveil.yaml", self._settings),
            (self.folder / "profiles", "marked.yaml", profile(number)),
        ):
            (place / f"..2026_{number}").mkdir()
            (place / f"..2026_{number}" / name).write_text(text)
            (place / "..data_tmp").symlink_to(f"..2026_{number}")
            (place / "..data_tmp").replace(place / "..data")
            shutil.rmtree(place / f"..2026_{number - 1}", ignore_errors=True)


async def test_jobs_go_over_to_the_new_settings_and_end_once(tmp_path: Path) -> None:
    cloud = empty(tmp_path / "cloud")
    async with staged(tmp_path) as stage:
        gate = gated(stage)
        job = await begun(stage, cloud)
        for number in (2, 3):
            await until(lambda: gate.held == number - 1)  # noqa: B023 at once
            stage.write(number)
            await stage.logs(RELOADED, number)
        await until(lambda: gate.held == 3)
        gate.opened.set()
        async with asyncio.timeout(60):
            while (found := await looked(stage, job))["state"] not in ("done", "failed"):  # noqa: ASYNC110 it is asked
                await asyncio.sleep(0.1)
        assert (found["state"], found["stored"], found["failed"]) == ("done", 4, 0)
        assert len(list(cloud.rglob("*.dcm"))) == 4


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def begun(stage: Stage, cloud: Path) -> str:
    """Add an uplink to the settings and begin a job; its URL."""
    settings = json.loads(stage.gateway.config.read_text())
    settings["origins"]["cloud"] = {"folder": str(cloud), "writable": True}
    settings["uplinks"] = {"clinic": {"origin": "archive", "destination": "cloud"}}
    stage.gateway.config.write_text(json.dumps(settings, indent=1))
    await stage.logs(RELOADED)
    async with stage.session.post(f"{stage.gateway.base}/uplinks/clinic", json={"study": STUDY[9:]}) as answer:
        assert answer.status == 202, await answer.text()
        return stage.gateway.base + answer.headers["location"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_who_follows_a_job_does_not_keep_the_gateway_from_its_end(tmp_path: Path, number: int) -> None:
    async with staged(tmp_path) as stage:
        gate = gated(stage)
        job = await begun(stage, empty(tmp_path / "cloud"))
        await until(lambda: gate.held == 1)
        async with stage.session.get(f"{job}/events") as answer:
            await answer.content.readany()
            os.kill(stage.pid, number)
            with suppress(aiohttp.ClientPayloadError):  # whoever follows connects again
                await answer.content.read()
        process = stage.gateway.process
        assert process is not None
        await asyncio.to_thread(process.wait, 30)
        assert "timeout graceful shutdown exceeded" not in stage.gateway.log


async def looked(stage: Stage, job: str) -> dict[str, object]:
    async with stage.session.get(job) as answer:
        found: dict[str, object] = await answer.json()
        return found


async def test_told_to_end_it_is_not_ready_and_answers_on_until_it_is_told_again(tmp_path: Path) -> None:
    async with staged(tmp_path, options=["--drain", "600"]) as stage:
        os.kill(stage.pid, signal.SIGTERM)
        await stage.logs("leaving in 600 s")
        async with stage.session.get(f"{stage.gateway.base}/readyz") as answer:
            assert (answer.status, await answer.json()) == (503, {"status": "leaving"})
        async with stage.session.get(f"{stage.study}/metadata") as answer:
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        os.kill(stage.pid, signal.SIGTERM)
        assert stage.gateway.process is not None
        await asyncio.to_thread(stage.gateway.process.wait, 30)
