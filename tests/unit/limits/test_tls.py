"""What a server shows by TLS, and to whom it speaks."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.config import Tls
from gateway.limits import tls
from tests.kit.certificates import Certificate, certificate


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def greeting(port: int, context: ssl.SSLContext) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    said = await reader.read()
    version: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    return said, version


def of(shown: Certificate, authority: Certificate | None = None) -> Tls:
    return Tls(shown.path, shown.path, authority.path if authority else None)


async def test_clients_speak_tls_1_2_or_1_3(tmp_path: Path) -> None:
    shown = certificate(tmp_path)
    async with serving(tls.context(of(shown))) as port:
        assert await greeting(port, shown.client()) == (b"hello", "TLSv1.3")
        older = shown.client()
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await greeting(port, older) == (b"hello", "TLSv1.2")


def test_every_cipher_has_forward_secrecy(tmp_path: Path) -> None:
    ciphers = tls.context(of(certificate(tmp_path))).get_ciphers()
    assert all(one["name"].startswith(("TLS_", "ECDHE-", "DHE-")) for one in ciphers)


async def test_with_an_authority_only_its_clients_are_let_in(tmp_path: Path) -> None:
    shown, known, unknown = (certificate(tmp_path, name) for name in ("server", "known", "unknown"))
    async with serving(tls.context(of(shown, known))) as port:
        client = shown.client()
        client.load_cert_chain(known.path)
        assert (await greeting(port, client))[0] == b"hello"
        for stranger in (None, unknown):
            client = shown.client()
            if stranger:
                client.load_cert_chain(stranger.path)
            said = b""
            with suppress(ssl.SSLError, ConnectionError):  # of TLS 1.3 a client hears after its own handshake
                said, _ = await greeting(port, client)
            assert said == b""


def of_client(shown: Certificate, own: Certificate, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = shown.client()
    context.check_hostname = False
    context.load_cert_chain(own.path)
    context.maximum_version = newest
    return context


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLObject:
    """Shake hands in memory and say a word each way; raises SSLError where one side does not want to."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    its = server.wrap_bio(there, back, server_side=True)
    own = client.wrap_bio(back, there, session=session)
    for _ in range(4):
        for side in (own, its):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    its.write(b"word")
    assert own.read() == b"word"
    return own


def follow(shown: ssl.SSLContext, *reloads: Tls) -> None:
    for one in reloads:
        settings: Any = SimpleNamespace(tls=one)
        tls.following(shown)(settings, settings)


VERSIONS = pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
def test_an_authority_that_is_taken_out_is_believed_no_longer_after_a_reload(
    tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    shown, first, second = (certificate(tmp_path, name) for name in ("server", "first", "second"))
    context = tls.context(of(shown, first))
    before, after = of_client(shown, first, newest), of_client(shown, second, newest)
    session = shaken(context, before).session
    with pytest.raises(ssl.SSLError):
        shaken(context, after)
    follow(context, of(shown, second))
    assert shaken(context, after).version()
    for known in (None, session):
        with pytest.raises(ssl.SSLError):
            shaken(context, before, known)
    follow(context, of(shown, first), of(shown, second), of(shown, first))
    assert shaken(context, before).version()
    with pytest.raises(ssl.SSLError):
        shaken(context, after)


@VERSIONS
def test_clients_that_need_a_certificate_show_it_each_time(tmp_path: Path, newest: ssl.TLSVersion) -> None:
    shown, known = (certificate(tmp_path, name) for name in ("server", "known"))
    for authority, resumes in ((known, False), (None, True)):
        server, client = tls.context(of(shown, authority)), of_client(shown, known, newest)
        assert shaken(server, client, shaken(server, client).session).session_reused is resumes


async def test_a_reload_shows_the_new_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    shown = tls.context(of(first))
    follow = tls.following(shown)
    settings: Any = SimpleNamespace(tls=of(second))
    async with serving(shown) as port:
        follow(settings, None)  # faults: nothing changes
        assert (await greeting(port, first.client()))[0] == b"hello"
        follow(settings, settings)
        assert (await greeting(port, second.client()))[0] == b"hello"
        with pytest.raises(ssl.SSLError):
            await greeting(port, first.client())
        second.path.unlink()
        with caplog.at_level(logging.ERROR):
            follow(settings, settings)
        assert caplog.messages == ["the certificate stays as it was: FileNotFoundError"]
