"""Whatever is done to a log without its key is found: every change of a byte and of the order of lines is tried."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.audit_file import AuditFile
from gateway.audit.chain import RECORD, Chain, audit_key, mac_of
from gateway.audit.dicom import Encoder
from gateway.audit.events import Event, Kind
from gateway.audit.lines import encode
from gateway.audit.verify import Fault, Verifier

KEY = audit_key(b"s" * 32)
FORMS: dict[str, Callable[[Event], list[bytes]]] = {"json": encode, "dicom": Encoder("dicomveil", "7")}
SHORT = [Kind.START, Kind.QUERY, Kind.STOP]


def event(kind: Kind, number: int = 0) -> Event:
    return Event(kind, 1e9 + number, user="alice", place="worklist:research", transaction="SearchForStudies")


def log_of(path: Path, form: str = "json") -> bytes:
    """Write what two processes would that write into one file, one after and one amid the other."""
    long, short, late = (AuditFile(path, FORMS[form], KEY) for _ in range(3))
    numbers = itertools.count()
    long.write(event(Kind.START, next(numbers)))
    long.write(event(Kind.QUERY, next(numbers)))
    for kind in SHORT:
        short.write(event(kind, next(numbers)))
    for kind in (Kind.QUERY, Kind.QUERY, Kind.STOP):
        long.write(event(kind, next(numbers)))
    for kind in SHORT:
        late.write(event(kind, next(numbers)))
    return path.read_bytes()


def faults(*files: bytes, key: bytes = KEY, live: bool = False) -> list[str]:
    verifier = Verifier([key])
    found: list[Fault] = []
    for number, text in enumerate(files):
        found += verifier.read(f"log{number}", _split(text))
    if not live:
        found += verifier.open_chains()
    return [str(fault) for fault in found]


def _split(text: bytes) -> list[bytes]:
    """Split as a file of bytes does: at line feeds only."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def lines_of(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(lines)


@pytest.fixture(scope="module", params=list(FORMS))
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return log_of(tmp_path_factory.mktemp("log") / "audit", request.param)


@pytest.fixture(scope="module", params=list(FORMS))
def short(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("log") / "audit"
    writer = AuditFile(path, FORMS[request.param], KEY)
    for number, kind in enumerate(SHORT):
        writer.write(event(kind, number))
    return path.read_bytes()


def test_what_was_written_is_whole(log: bytes) -> None:
    assert faults(log) == []
    assert len(lines_of(log)) == 11


def test_every_change_of_a_byte_is_found(short: bytes) -> None:
    for position, now in enumerate(short):
        for value in {now ^ 1, now ^ 0x20, 0x0A} - {now}:
            changed = short[:position] + bytes([value]) + short[position + 1 :]
            assert faults(changed), (position, value)


def test_every_byte_taken_away_or_added_is_found(short: bytes) -> None:
    for position in range(len(short)):
        assert faults(short[:position] + short[position + 1 :]), position
        for more in (b"\n", b"0"):
            assert faults(short[:position] + more + short[position:]), (position, more)


def test_every_missing_line_is_found_and_named(log: bytes) -> None:
    lines = lines_of(log)
    for gone in range(len(lines)):
        found = faults(joined(lines[:gone] + lines[gone + 1 :]))
        is_last_of_all = gone == len(lines) - 1
        where = gone if is_last_of_all else gone + 1
        assert any(fault.startswith(f"log0:{where}:") for fault in found), (gone, found)


def test_every_run_of_missing_lines_is_found(log: bytes) -> None:
    lines = lines_of(log)
    for begin, end in itertools.combinations(range(len(lines) + 1), 2):
        if end - begin == len(lines):
            continue  # a log that is gone altogether
        rest = joined(lines[:begin] + lines[end:])
        is_last_chain = (begin, end) == (8, 11)
        assert bool(faults(rest)) is not is_last_chain, (begin, end)


def test_all_lines_put_elsewhere_or_written_twice_are_found(log: bytes) -> None:
    lines = lines_of(log)
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = lines[other], lines[one]
        assert faults(joined(swapped)), (one, other)
    for one, place in itertools.product(range(len(lines)), range(len(lines) + 1)):
        assert faults(joined([*lines[:place], lines[one], *lines[place:]])), (one, place)


@given(st.data())
def test_nothing_that_is_not_the_log_passes(data: st.DataObject) -> None:
    chain = Chain(KEY, "ab" * 8)
    records = [b'{"n":%d}' % number for number in range(4)]
    sealed = chain.seal(records, ends=True)
    text = b"".join(line + b"\n" for line in sealed)
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    changed = text[:begin] + data.draw(st.binary(max_size=8)) + text[end:]
    assert bool(faults(changed)) is (changed not in (text, b""))


def test_the_first_line_that_is_wrong_is_named(log: bytes) -> None:
    lines = lines_of(log)
    lines[3] = lines[3].replace(b"alice", b"mallo")
    (first, *_) = faults(joined(lines))
    assert first.startswith("log0:4: record 1 of chain ")
    assert "was changed" in first


def test_another_secret_or_none_of_the_records_key_is_a_fault(log: bytes) -> None:
    assert "under another secret" in faults(log, key=audit_key(b"t" * 32))[0]
    verifier = Verifier([audit_key(b"t" * 32), KEY])
    assert list(verifier.read("log", lines_of(log))) == []
    assert (verifier.records, verifier.chains) == (11, 3)


def test_a_chain_that_does_not_end_is_said_unless_gateways_still_write(log: bytes) -> None:
    cut = joined(lines_of(log)[:-1])
    (fault,) = faults(cut)
    assert fault.startswith("log0:10: chain ")
    assert "has no end" in fault
    assert faults(cut, live=True) == []


def test_a_log_that_was_cut_at_its_beginning_is_not_whole(log: bytes) -> None:
    (first, *_) = faults(joined(lines_of(log)[1:]))
    assert first.startswith("log0:1: record 1 of chain")
    assert "where 0 is due: missing or reordered" in first


def test_a_chain_whose_older_files_are_gone_is_a_fault_once(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    one, other = (AuditFile(path, encode, KEY) for _ in range(2))
    for writer in (one, other):
        writer.write(event(Kind.START))
    path.rename(tmp_path / "audit.1")
    for writer in (one, one, other, one, other):
        writer.write(event(Kind.QUERY))
    found = faults(path.read_bytes(), live=True)
    assert [fault.partition(": record 1 of chain ")[0] for fault in found] == ["log0:1", "log0:3"]


@pytest.mark.parametrize("form", list(FORMS))
def test_chains_go_on_over_files(tmp_path: Path, form: str) -> None:
    path = tmp_path / "audit"
    one, other = (AuditFile(path, FORMS[form], KEY) for _ in range(2))
    for writer in (one, other, one):
        writer.write(event(Kind.QUERY))
    path.rename(tmp_path / "audit.1")
    for writer in (other, one, one):
        writer.write(event(Kind.QUERY))
    for writer in (one, other):
        writer.write(event(Kind.STOP))
    first, second = (tmp_path / "audit.1").read_bytes(), path.read_bytes()
    assert faults(first, second) == []
    assert faults(second)[0].startswith("log0:1: record 1 of chain")
    assert faults(second, first)
    assert any("has no end" in fault for fault in faults(first))
    assert faults(first + second)  # two files are not one


def test_a_record_of_another_course_of_the_same_chain_is_found() -> None:
    done, undone = Chain(KEY, "ab" * 8), Chain(KEY, "ab" * 8)
    first = done.seal([b'{"n":1}', b'{"n":2}', b'{"n":3}'], ends=True)
    other = undone.seal([b'{"n":0}', b'{"n":2}', b'{"n":3}'], ends=True)
    assert faults(joined(line + b"\n" for line in first)) == []
    assert faults(joined(line + b"\n" for line in (other[0], *first[1:])))
    assert faults(joined(line + b"\n" for line in (first[0], other[1], first[2])))


def test_a_name_cannot_end_a_record_or_begin_one() -> None:
    chain = Chain(KEY, "ab" * 8)
    fake = '","chain":"' + "cd" * 8 + '","seq":0,"end":true,"mac":"' + "0" * 64 + '"}'
    hostile = Event(Kind.QUERY, 1e9, user=f'{fake}<!--chain="{"cd" * 8}" seq="0" end="true" mac="{"0" * 64}"-->')
    for form in FORMS.values():
        (sealed,) = chain.seal(form(hostile))
        found = RECORD.fullmatch(sealed)
        assert found is not None
        assert (found["chain"] or found["chain_x"]) == b"ab" * 8
        assert b"cdcd" not in (found["chain"] or found["chain_x"])


def test_what_is_sealed_again_takes_the_same_place_until_it_is_kept() -> None:
    chain = Chain(KEY, "ab" * 8)
    first = chain.seal([b'{"n":1}'])
    assert chain.seal([b'{"n":1}']) == first
    chain.keep(first)
    assert b'"seq":1' in chain.seal([b'{"n":1}'])[0]


def test_a_mac_is_of_the_record_before_it_too() -> None:
    assert mac_of(KEY, b"a", b"bc") != mac_of(KEY, b"ab", b"c")
    assert mac_of(KEY, b"a", b"c") != mac_of(KEY, b"b", b"c")
    assert audit_key(b"s" * 32) != audit_key(b"t" * 32)
