"""A relay before an origin that can fail in the middle of anything, on connections that stand and on new ones.

It is a process of its own, told of its faults on its standard input: ``python -m tests.kit.faulty PORT``.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Final

from tests.kit.scripted_server import until

CUT_AT: Final = 20_000
"""In the middle of a frame."""


class Fault(Enum):
    """What the relay does to bytes that come from the origin."""

    NONE = "none"
    REFUSES = "refuses"
    STALLS = "stalls"
    CUTS = "cuts"
    LIES = "lies"


class Faulty:
    """A running relay, from outside."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._says = process.stdin
        self.port = int(process.stdout.readline())

    def begin(self, fault: Fault) -> None:
        """Fail so from now on."""
        self._says.write(f"{fault.value}\n")
        self._says.flush()


@contextmanager
def faulty(to_port: int) -> Iterator[Faulty]:
    """Run a relay to a port of loopback."""
    program = [sys.executable, "-m", "tests.kit.faulty", str(to_port)]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            yield Faulty(process)
        finally:
            process.kill()


class _Relay:
    def __init__(self, to_port: int) -> None:
        self.fault = Fault.NONE
        self._to = to_port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection; whichever side ends it, ends both."""
        if self.fault is Fault.REFUSES:
            writer.close()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            sides = [asyncio.create_task(self._ask(reader, back)), asyncio.create_task(self._answer(there, writer))]
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            for side in sides:
                side.cancel()
            back.close()
        writer.close()

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            back.write(data)
            await back.drain()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while data := await there.read(1 << 16):
            await until(lambda: self.fault is not Fault.STALLS)
            if self.fault is Fault.REFUSES:
                return
            if self.fault is Fault.CUTS and passed + len(data) > CUT_AT:
                writer.write(data[: max(0, CUT_AT - passed)])
                return
            writer.write(bytes(reversed(data)) if self.fault is Fault.LIES else data)
            passed += len(data)
            await writer.drain()


async def _main(to_port: int) -> None:
    relay = _Relay(to_port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        relay.fault = Fault(line.strip())


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
