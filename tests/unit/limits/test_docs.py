"""The table of fixed limits in the settings reference, against the program."""

import re
from pathlib import Path

import pytest

from gateway import connection
from gateway.core.rewrite import query
from gateway.core.rewrite.stream import Limits
from gateway.core.wire import accept, elements, jsonbytes, multipart
from gateway.rendering import look
from gateway.rendering import pool as rendering
from gateway.routes import bodies, octets, shares, store
from gateway.screening import pool as screening
from gateway.screening import service
from gateway.sharing import misses
from gateway.storing import bulkparts, described, parts, rewriting
from gateway.uplink import jobs

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"
TABLE = DOCS.read_text(encoding="utf-8").split("The rest is fixed.")[1].split("\n## ")[0]
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`([a-z0-9_/]+\.py)`", TABLE))))
def test_every_limit_is_tried_where_it_says(file: str) -> None:
    assert (DOCS.parents[1] / "tests" / "unit" / file).is_file()


@pytest.mark.parametrize(
    ("row", "told", "real"),
    [
        ("head of a request", "64 KiB", connection.MAX_HEAD_BYTES / KIB),
        ("search: parameters", "200; 1,000,000", (query.MAX_PARAMETERS, query.MAX_OFFSET)),
        ("Accept", "8 KiB, of it 64 media", (accept.MAX_CHARACTERS / KIB, accept.MAX_RANGES)),
        ("frames named", "10,000", octets.MAX_FRAMES),
        ("body of `/uplinks`", "256 KiB; 1 KiB", (bodies.MAX_BODY_BYTES / KIB, shares.MAX_FORM_BYTES / KIB)),
        ("store: parts in", "10,000", parts.MAX_PARTS),
        ("store: parts in", "10,000", described.MAX_OBJECTS),
        ("store: header", "8 KiB, 64 lines, 1 KiB",
         (multipart.MAX_HEADER_BYTES / KIB, multipart.MAX_HEADERS, multipart.MAX_PADDING_BYTES / KIB)),
        ("store: metadata", "64 MiB a request, 256 MiB",
         (bulkparts.MAX_HELD_BYTES / MIB, bulkparts.MAX_ALL_HELD_BYTES / MIB)),
        ("store: silence", "60 s; at least 16 KiB/s", (store.RECEIVE_TIMEOUT_S, rewriting.MIN_RATE / KIB)),
        ("object: what stands", "32 MiB; 256 MiB; 1 MiB",
         (Limits().max_head_bytes / MIB, Limits().max_element_bytes / MIB, Limits().max_meta_bytes / MIB)),
        ("object: inflated", "8 GiB; 1 GiB",
         (Limits().max_inflated_bytes / GIB, rewriting.LIMITS.max_inflated_bytes / GIB)),
        ("object: sequences", "64; 32", (elements.MAX_DEPTH, rewriting.LIMITS.max_depth)),
        ("JSON and XML", "64 MiB; 64; 16 MiB", (64, elements.MAX_DEPTH, jsonbytes.MAX_INLINE_BYTES / MIB)),
        ("rendering", "8,192; 60 s; 10 s", (look.MAX_SIDE, rendering.MAX_SECONDS, rendering.MAX_WAIT_SECONDS)),
        ("screening", "300 s; 20 s; 8", (screening.MAX_SECONDS, service.WAIT_S, service.MAX_WAITING)),
        ("who follows", "64", jobs.MOST_FOLLOWERS),
        ("links of shares", "30 a minute", misses.MAX_MISSES),
    ],
)  # fmt: skip
def test_every_number_is_the_real_one(row: str, told: str, real: object) -> None:
    (line,) = (line for line in TABLE.splitlines() if line.startswith(f"| {row}"))
    assert told in line
    numbers = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", told.replace(", ", "; "))]
    assert numbers == [float(one) for one in (real if isinstance(real, tuple) else (real,))]
