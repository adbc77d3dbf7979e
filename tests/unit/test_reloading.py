"""What decides over a reload: what files hold, what a process can't change, how many exchanges are under way."""

import asyncio
import gc
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from gateway import watching
from gateway.access.keys import hash_of
from gateway.adapters.origin_folder import FolderOrigin
from gateway.app import Assembled
from gateway.config import Settings, load_settings
from gateway.core.errors import ConfigFaults, StateFailed
from gateway.generation import Generation
from gateway.lasting import Lasting
from gateway.reloading import Reloading, Source, differences, without_restart
from gateway.watching import Watch, files_of
from gateway.worker import application
from gateway.worklists.worklist import Worklist
from tests.kit.images import image, ramp
from tests.kit.images import written as written_image
from tests.kit.scripted_server import until

KEYS: dict[str, object] = {name: {"hash": hash_of(f"dv_{name}")} for name in ("eve", "adam")}
ALLOW = [{"keys": [name], "worklists": "*", "roles": ["view"]} for name in KEYS]
PROFILE = "name: marked\nbased_on: nominal\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, **more: object) -> Path:
    (folder / "profiles" / "masks").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / "marked.yaml").write_text(PROFILE)
    (folder / "secret").write_bytes(b"s" * 32)
    (folder / "studies").mkdir(exist_ok=True)
    settings = {
        "secret": {"file": "secret"},
        "profiles": "./profiles",
        "origins": {"archive": {"folder": "./studies"}},
        "worklists": {"research": {"origin": "archive", "profile": "marked"}},
    } | more
    (folder / "dicomveil.yaml").write_text(json.dumps(settings, indent=1))
    return folder / "dicomveil.yaml"


def test_every_file_that_settings_name_is_watched_and_none_that_the_gateway_writes(tmp_path: Path) -> None:
    tls = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "clients.pem"}
    audit = {"to": [{"file": "audit.jsonl"}]}
    access = {"oidc": [{"issuer": "https://id.example.org", "ca": "ca.pem"}], "keys": {"ai": {"hash": "sha256:0"}}}
    source = written(tmp_path, tls=tls, audit=audit, access=access, previous_secrets=[{"file": "old"}, {"env": "OLD"}])
    (tmp_path / "profiles" / "masks" / "rules.yaml").write_text("rules: []\n")
    names = ["dicomveil.yaml", "secret", "old", "tls.crt", "tls.key", "clients.pem", "ca.pem"]
    names += ["profiles", "profiles/marked.yaml", "profiles/masks", "profiles/masks/rules.yaml"]
    assert files_of(source).files == {tmp_path / name for name in names}
    assert files_of(source).logs == {tmp_path / "audit.jsonl"}


def test_of_settings_that_are_no_yaml_the_files_of_before_are_watched(source: Path) -> None:
    watch = Watch(source)
    source.write_text("{")
    assert files_of(source).files == frozenset()
    watch.look()
    assert source.parent / "profiles" / "marked.yaml" in watch._listed.files


async def test_a_touch_is_no_change_and_a_file_that_is_replaced_by_its_like_neither(source: Path) -> None:
    watch = Watch(source)
    os.utime(source, (1, 1))
    (source.parent / "like").write_text(PROFILE)
    (source.parent / "like").replace(source.parent / "profiles" / "marked.yaml")
    assert not await watch._is_new()
    (source.parent / "secret").write_bytes(b"t" * 32)
    assert await watch._is_new()
    assert not await watch._is_new()


async def test_a_file_that_is_still_being_written_is_waited_for(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SETTLE_S", 0.01)
    watch, profile = Watch(source), source.parent / "profiles" / "marked.yaml"
    looks = 0

    class Written(Watch):
        def look(self) -> watching.Seen:
            nonlocal looks
            looks += 1
            profile.write_text(PROFILE + "#" * min(looks, 4))
            return super().look()

    watch.__class__ = Written
    assert await watch._is_new()
    assert looks == 5
    assert watch._seen == Watch(source)._seen


async def test_without_word_from_the_kernel_files_are_looked_at_anyway(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EACH_S", 0.01)
    monkeypatch.setattr(watching, "awatch", no_watches)
    changes = Watch(source).changes()
    news = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.05)
    assert not news.done()
    (source.parent / "secret").write_bytes(b"t" * 32)
    async with asyncio.timeout(20):
        await news
    await changes.aclose()


def no_watches(*_arguments: object, **_options: object) -> None:
    raise OSError(24, "Too many open files")


async def test_a_profile_in_a_folder_that_was_empty_is_noticed(source: Path) -> None:
    changes = Watch(source).changes()
    news = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    (source.parent / "profiles" / "new.yaml").write_text(PROFILE)
    async with asyncio.timeout(20):
        await news
    await changes.aclose()


async def test_beside_a_log_of_ours_files_are_noticed_and_records_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EACH_S", 1000)
    source = written(tmp_path, audit={"to": [{"file": "audit.jsonl"}]})
    looks = 0

    class Counting(Watch):
        def look(self) -> watching.Seen:
            nonlocal looks
            looks += 1
            return super().look()

    changes = Counting(source).changes()
    for number in range(2):  # a file that was replaced is watched on
        news = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(1)
        looks = 0
        (tmp_path / "audit.jsonl").write_text("{}\n" * (number + 1))
        await asyncio.sleep(1)
        assert not looks
        (tmp_path / "new").write_bytes(bytes([number]) * 32)
        (tmp_path / "new").replace(tmp_path / "secret")
        async with asyncio.timeout(20):
            await news
    await changes.aclose()


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = written(tmp_path, secret={"file": "pipe"})
    assert Watch(source)._seen[tmp_path / "pipe"] is None


def test_only_what_a_process_cannot_change_stays_and_is_named(source: Path) -> None:
    before = load_settings(source)
    other = written(source.parent, state="sqlite:///other.db", public_url="https://x.example")
    after, kept = without_restart(before, replace(load_settings(other), secret=None))
    assert kept == ["state", "secret"]
    assert (after.state, after.secret, after.public_url) == (before.state, before.secret, "https://x.example")


def test_what_has_changed_is_named(source: Path) -> None:
    before = load_settings(source)
    assert list(differences(before, load_settings(source))) == []
    limits, others = replace(before.limits, connections=7), {"other": before.worklists["research"]}
    after = replace(before, limits=limits, worklists=others, warnings=("a warning",))
    assert list(differences(before, after)) == ["worklists.other", "worklists.research", "limits"]


def test_a_password_of_the_state_store_may_change(source: Path) -> None:
    before = load_settings(source)
    here = replace(before, state=before.state.set(username="a", password="b"))
    there = replace(before, state=before.state.set(username="a", password="c"))
    assert without_restart(here, there) == (there, [])


class Built:
    """An application that answers when it is told to, and notes what happens to it."""

    def __init__(self, settings: Settings, fault: Exception | None = None) -> None:
        self.notes: list[str] = []
        self.go_on = asyncio.Event()
        self._fault = fault
        self.generation = Generation(settings, Assembled(self, self._retire))  # type: ignore[arg-type]
        self.state = State()
        self.router = Starlette(lifespan=self._lifespan).router

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        if self._fault is not None:
            raise self._fault
        self.notes.append("opened")
        yield
        self.notes.append("closed")

    async def _retire(self) -> None:
        self.notes.append("retired")

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        await self.go_on.wait()
        if scope["path"] == "/fault":
            raise ZeroDivisionError

    def ask(self, path: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.generation({"type": "http", "path": path}, nothing, nothing_of))


async def nothing() -> Message:
    return {}


async def nothing_of(_message: Message) -> None:
    """Take a message."""


async def test_exchanges_are_counted_however_they_end_and_the_last_one_ends_the_generation(source: Path) -> None:
    built = Built(load_settings(source))
    await built.generation.open()
    asked = [built.ask(path) for path in ("/", "/fault", "/cancelled")]
    await asyncio.sleep(0)
    assert built.generation.exchanges == 3
    await built.generation.retire()
    asked[2].cancel()
    await asyncio.wait(asked[2:])
    assert built.generation.exchanges == 2
    assert built.notes == ["opened", "retired"]
    built.go_on.set()
    await asyncio.wait(asked)
    assert built.generation.exchanges == 0
    await built.generation.ended()
    assert built.notes == ["opened", "retired", "closed"]
    assert isinstance(asked[1].exception(), ZeroDivisionError)


async def test_a_generation_that_does_not_open_says_why_and_needs_no_close(source: Path) -> None:
    with pytest.raises(StateFailed):
        await Built(load_settings(source), StateFailed("the state store failed")).generation.open()


async def test_at_the_end_exchanges_have_a_moment_to_say_goodbye(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.generation.ENDING_S", 0.01)
    built = Built(load_settings(source))
    await built.generation.open()
    stuck = built.ask("/")
    await asyncio.sleep(0)
    await built.generation.close()
    assert built.notes == ["opened", "retired", "closed"]
    stuck.cancel()


async def test_a_reload_tells_its_followers_what_was_before_and_what_is_after(source: Path) -> None:
    told: list[tuple[Settings, Settings | None]] = []
    lasting = Lasting()
    lasting.followers.append(lambda before, after: told.append((before, after)))
    first = load_settings(source)
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), first, lasting)
    async with living(serving):
        written(source.parent, public_url="https://x.example")
        assert await serving.reload()
        written(source.parent, bad="1")
        assert not await serving.reload()
    (before, after), (still, none) = told
    assert after is not None
    assert (before.public_url, after.public_url) == (None, "https://x.example")
    assert (still, none) == (after, None)


async def test_a_reload_logs_what_has_changed_in_settings_or_else_in_files_or_nothing(
    source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dicomveil.reload")
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with living(serving):
        assert await serving.reload()
        source.write_text(source.read_text() + "\n# a comment")  # noqa: ASYNC240 nothing else runs
        assert await serving.reload()
        written(source.parent, public_url="https://x.example")
        assert await serving.reload()
        assert await serving.reload()
    lines = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert [line for line in lines if line.startswith("settings reloaded")] == [
        "settings reloaded (nothing has changed)",
        "settings reloaded (dicomveil.yaml)",
        "settings reloaded (public_url)",
        "settings reloaded (nothing has changed)",
    ]


async def test_faults_are_logged_as_check_prints_them(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with living(serving):
        (source.parent / "profiles" / "marked.yaml").write_text(PROFILE + "bad: 1\nworse: 2\n")
        with pytest.raises(ConfigFaults) as found:
            load_settings(source)
        assert not await serving.reload()
    lines = [record.getMessage() for record in caplog.records if record.name == "dicomveil.reload"]
    assert lines == [*str(found.value).splitlines(), "the settings are not used: faults: 2"]


@asynccontextmanager
async def living(serving: Reloading) -> AsyncIterator[None]:
    """Do what a server does from its start to its end."""
    said: asyncio.Queue[Message] = asyncio.Queue()
    asked: asyncio.Queue[Message] = asyncio.Queue()
    life = asyncio.create_task(serving({"type": "lifespan"}, asked.get, said.put))
    asked.put_nowait({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        asked.put_nowait({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
        await life


async def test_settings_that_open_the_door_to_everybody_are_refused_where_others_reach_it(tmp_path: Path) -> None:
    source = written(tmp_path, access={"without_authentication": "true"})
    serving = application(source, "0.0.0.0", 0)  # noqa: S104 nothing listens
    async with living(serving):
        assert await serving.reload()
        written(tmp_path)
        assert not await serving.reload()


async def test_memory_of_former_generations_is_given_back(source: Path) -> None:
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with living(serving):
        for _ in range(3):
            assert await serving.reload()
        await until(lambda: not serving._before)
        gc.disable()  # it must have been done
        gc.unfreeze()
        alive = sum(isinstance(one, Worklist) for one in gc.get_objects())
        gc.enable()
    assert alive == 1


def test_settings_that_lose_who_may_come_need_a_restart_or_a_word(source: Path) -> None:
    open_door = load_settings(source)
    guarded = load_settings(written(source.parent, access={"keys": KEYS, "allow": ALLOW}))
    with pytest.raises(ConfigFaults, match="access"):
        without_restart(guarded, open_door)
    meant = replace(open_door, without_authentication=True)
    assert without_restart(guarded, meant) == (meant, [])
    assert without_restart(open_door, open_door) == (open_door, [])


async def test_a_profile_that_never_came_into_force_is_not_on_record(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(source.parent, audit={"to": [{"file": "audit.jsonl"}]})
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())

    async def fails(_origin: FolderOrigin) -> None:
        raise StateFailed("nothing is there")

    def on_record() -> list[str]:
        return [json.loads(line)["event"] for line in (source.parent / "audit.jsonl").read_text().splitlines()]

    async with living(serving):
        before = on_record()
        assert before == ["start", "configured"]
        with monkeypatch.context() as patched:
            patched.setattr(FolderOrigin, "open", fails)
            assert not await serving.reload()
        assert on_record() == before


def held(folder: Path, *names: str) -> Path:
    """Write settings under which holders of some keys may store and send up."""
    rules = [{"keys": [name], "worklists": "*", "uplinks": "*", "roles": ["store", "uplink"]} for name in names]
    (folder / "far").mkdir(exist_ok=True)
    return written(
        folder,
        access={"keys": {name: KEYS[name] for name in names}, "allow": rules},
        origins={"archive": {"folder": "./studies", "writable": True}, "far": {"folder": "./far", "writable": True}},
        worklists={"research": {"origin": "archive", "profile": "marked", "services": ["store"]}},
        uplinks={"clinic": {"origin": "archive", "destination": "far", "profile": "marked"}},
    )


BEGIN = ("/uplinks/clinic", "application/json", b'{"study": "1.2.826.0.1.99.1"}', 202)
STOW = ("/worklists/research/dicom-web/studies", "application/dicom", written_image(image(ramp(), 1)), 200)


@pytest.mark.parametrize("rest", [1, 0])
@pytest.mark.parametrize(("path", "media_type", "body", "good"), [BEGIN, STOW])
@pytest.mark.parametrize("name", ["eve", "adam"])
async def test_who_has_lost_their_rights_cannot_end_what_they_had_begun_to_send(
    tmp_path: Path, path: str, media_type: str, body: bytes, good: int, name: str, rest: int
) -> None:
    source = held(tmp_path, "eve", "adam")
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    shown = [(b"x-api-key", f"dv_{name}".encode()), (b"content-type", media_type.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": shown, "client": ("192.0.2.1", 1)}
    scope |= {"query_string": b"", "scheme": "http", "server": ("127.0.0.1", 1), "http_version": "1.1"}
    said: list[Message] = []
    pieces = iter([body[:-rest] if rest else body[: len(body) // 2], None, body[-rest:] if rest else b""])
    is_read, go_on = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        piece = next(pieces, b"")
        if piece is None:
            is_read.set()
            await go_on.wait()
            piece = next(pieces) or body[len(body) // 2 :]
            return {"type": "http.request", "body": piece, "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Message) -> None:
        said.append(message)

    async with living(serving):
        asking = asyncio.create_task(serving(scope, receive, send))
        await is_read.wait()
        held(tmp_path, "adam")
        assert await serving.reload()
        go_on.set()
        await asking
    assert said[0]["status"] == (good if name == "adam" else 401)
    assert name == "adam" or not list((tmp_path / "studies").rglob("*.dcm"))


@pytest.mark.parametrize("pause_s", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
async def test_a_server_that_ends_in_the_middle_of_a_reload_ends(tmp_path: Path, pause_s: float) -> None:
    source = held(tmp_path, "eve", "adam")
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with asyncio.timeout(60), living(serving):
        held(tmp_path, "adam")
        serving._asked.set()
        await asyncio.sleep(pause_s)


async def test_a_fault_that_is_none_of_the_settings_is_tried_again_until_it_passes(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.reloading.AGAIN_S", 0.05)
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with living(serving):
        before, store, away = serving._now, source.parent / "state.db", source.parent / "away.db"
        store.rename(away)
        store.mkdir()
        written(source.parent, public_url="https://x.example")  # and somebody's key taken out, say
        await until(lambda: caplog.text.count("the settings are not used") > 1)
        assert serving._now is before
        store.rmdir()
        away.rename(store)
        await until(lambda: serving._now is not before)
        assert serving._now.settings.public_url == "https://x.example"


def test_a_profile_that_would_become_the_shipped_one_of_its_name_is_missed(source: Path) -> None:
    own = source.parent / "profiles" / "teaching.yaml"
    own.write_text("name: teaching\nbased_on: strict\n")
    worklists = {"research": {"origin": "archive", "profile": "teaching"}}
    before = load_settings(written(source.parent, worklists=worklists))
    assert without_restart(before, before) == (before, [])
    own.unlink()
    with pytest.raises(ConfigFaults, match="profile teaching is gone"):
        without_restart(before, load_settings(source))


async def test_what_is_taken_with_a_warning_is_warned_of(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    serving = Reloading(Source(lambda: load_settings(source), Watch(source)), load_settings(source), Lasting())
    async with living(serving):
        written(source.parent, access={"keys": {"adam": KEYS["adam"]}, "allow": ALLOW})
        assert await serving.reload()
    assert any('no key named "eve"' in message for message in caplog.messages)
