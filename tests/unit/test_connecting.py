"""``check --connect`` says of each thing that the settings name whether it answers, and what to look at where not."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from gateway.cli import _commands
from gateway.config import load_settings
from gateway.connecting import attempts
from tests.kit.archive import Archive, Row, reply, serving
from tests.kit.certificates import certificate
from tests.kit.scripted_server import scripted_server
from tests.kit.servers import free_port

SECRET: Final = "S" * 40


def settings(folder: Path, origins: Mapping[str, object], **more: object) -> Path:
    (folder / "secret").write_text(SECRET)
    worklists = {"research": {"origin": next(iter(origins)), "profile": "nominal"}}
    whole: dict[str, object] = {"secret": {"file": "secret"}, "state": "sqlite:///state.db", "worklists": worklists}
    whole |= {"origins": origins} | more
    (folder / "dicomveil.yaml").write_text(json.dumps(whole, indent=1))
    return folder / "dicomveil.yaml"


def tried(source: Path) -> dict[str, str]:
    return {one.what: one.problem for one in attempts(load_settings(source))}


async def test_what_answers_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    async with serving(Archive([Row("1.2", "1.2.3", "1.2.3.4")])) as archive:
        origins = {"archive": {"dicomweb": archive.base}, "samples": {"folder": "studies"}}
        source = settings(
            tmp_path, origins=origins, worklists={"research": {"origin": "archive", "profile": "nominal"}}
        )
        found = await asyncio.to_thread(tried, source)
    assert found == {"state": "", "origin archive": "", "origin samples": ""}
    assert [(asked.path, asked.raw_query) for asked in archive.asked] == [("/studies", "limit=1")]
    assert not (tmp_path / "state.db").exists()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("401 Unauthorized", "answers a search with 401; its `auth` is missing or refused"),
        ("404 Not Found", "answers a search with 404; `dicomweb` should be the base of its DICOMweb service"),
        ("500 Oops", "answers a search with 500; is it a DICOMweb service that searches studies?"),
    ],
)
async def test_an_origin_that_refuses_is_told_with_what_to_look_at(tmp_path: Path, status: str, said: str) -> None:
    async with serving(Archive([], {"/studies": reply(b"SMITH^ANN", status)})) as archive:
        source = settings(tmp_path, origins={"archive": {"dicomweb": archive.base}})
        found = await asyncio.to_thread(tried, source)
    assert found["origin archive"] == said


def test_all_that_does_not_answer_is_told_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    nowhere = f"http://127.0.0.1:{port}"
    source = settings(
        tmp_path,
        state=f"postgresql://made-up@127.0.0.1:{port}/gateway",
        origins={"archive": {"dicomweb": nowhere}},
        access={
            "oidc": [{"issuer": nowhere, "audience": "dicomveil"}],
            "allow": [{"users": ["a"], "roles": ["metrics"]}],
        },
        audit={"to": [{"syslog": f"127.0.0.1:{port}"}]},
        notify={
            "smtp": {"host": "127.0.0.1", "port": port, "from": "a@example.org", "security": "none"},
            "webhooks": {"sms": {"url": nowhere, "secret": {"file": "secret"}}},
        },
    )
    found = tried(source)
    names = [
        "state",
        "origin archive",
        f"issuer {nowhere}",
        f"syslog 127.0.0.1:{port}",
        f"mail server 127.0.0.1:{port}",
    ]
    assert list(found) == [*names, "webhook sms"]
    assert all(found.values()), found
    refused = "no connection (connection refused); are address and port right, and does it run?"
    assert (found["webhook sms"], found[f"syslog 127.0.0.1:{port}"]) == (refused, refused)
    assert found["origin archive"] == f"no connection to 127.0.0.1:{port} (connection refused)"
    assert found[f"mail server 127.0.0.1:{port}"] == "the mail server took no message (connection refused)"
    assert f"keys of the issuer {nowhere} cannot be read: connection refused" in caplog.text


def test_a_host_that_there_is_not_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = settings(
        tmp_path,
        origins={"archive": {"dicomweb": "https://archive.invalid/dicom-web"}},
        access={
            "oidc": [{"issuer": "https://id.invalid", "audience": "dicomveil"}],
            "allow": [{"users": ["a"], "roles": ["metrics"]}],
        },
        audit={"to": [{"syslog": "log.invalid:6514"}]},
    )
    found = tried(source)
    assert found["origin archive"] == "no connection to archive.invalid (no such host)"
    assert found["syslog log.invalid:6514"].startswith("no connection (no such host); ")
    assert "keys of the issuer https://id.invalid cannot be read: no such host" in caplog.text


async def test_a_server_that_speaks_no_tls_is_told_with_a_hint_at_http(tmp_path: Path) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        source = settings(
            tmp_path,
            origins={"archive": {"dicomweb": f"https://{where}/dicom-web"}},
            audit={"to": [{"syslog": where}]},
        )
        found = await asyncio.to_thread(tried, source)
    said = "(it answers without TLS; is it http, or another port?)"
    assert found["origin archive"] == f"no connection to {where} {said}"
    assert found[f"syslog {where}"].startswith(f"no connection {said}; ")


async def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    async def silent(_connection: object) -> None:
        await asyncio.Event().wait()

    async with scripted_server(silent, certificate(tmp_path).server()) as server:
        where = server.base.removeprefix("https://").removesuffix("/dicom-web")
        source = settings(tmp_path, origins={"samples": {"folder": "."}}, audit={"to": [{"syslog": where}]})
        found = await asyncio.to_thread(tried, source)
    assert found[f"syslog {where}"].startswith("its certificate is not trusted: ")


def test_the_command_prints_a_line_each_and_exits_with_1(tmp_path: Path) -> None:
    source = settings(tmp_path, origins={"archive": {"dicomweb": f"http://127.0.0.1:{free_port()}"}})
    sound = CliRunner().invoke(_commands, ["check", "--config", str(source)])
    result = CliRunner().invoke(_commands, ["check", "--connect", "--config", str(source)])
    assert (sound.exit_code, result.exit_code) == (0, 1)
    assert result.stdout.splitlines()[1:2] == ["state: answers"]
    assert result.stdout.splitlines()[2].startswith("origin archive: ")
