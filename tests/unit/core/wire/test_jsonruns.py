"""What objects share is split once, and never otherwise than an object that nobody knows."""

import json
import random
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.wire.dicomjson import ArrayReader, decode_object
from gateway.core.wire.jsonruns import PATIENCE, SharedDataSet, Splitter

Json = dict[str, Any]


def instance(number: int, **more: Any) -> Json:
    """Sixty elements, of which three differ from instance to instance."""
    found: Json = {f"0018{n:04X}": {"vr": "LO", "Value": [f"text that stays {n}"]} for n in range(57)}
    found["00080018"] = {"vr": "UI", "Value": [f"1.2.{number}"]}
    found["00181140"] = {"vr": "SQ", "Value": [{"00080018": {"vr": "UI", "Value": [f"1.2.{number + 1}"]}}]}
    found["00200032"] = {"vr": "DS", "Value": [1.5, number]}
    return dict(sorted((found | more).items()))


def compact(one: Json) -> bytes:
    return json.dumps(one, separators=(",", ":")).encode()


def spread(one: Json) -> bytes:
    return json.dumps(one, indent="\t", separators=(" ,\r\n", " : ")).encode()


def plain(members: Any) -> dict[str, Any]:
    return {name: json.loads(bytes(raw)) for name, raw in members.items()}


def taught(write: Any = compact) -> Splitter:
    splitter = Splitter(decode_object)
    for number in (1, 2):
        splitter.split(write(instance(number)))
    return splitter


@pytest.mark.parametrize("write", [compact, spread])
def test_what_two_objects_share_is_not_parsed_in_the_third(write: Any) -> None:
    found = taught(write).split(write(instance(3)))
    assert isinstance(found, SharedDataSet)
    assert plain(found) == instance(3)
    assert set(found.rest) == {"00080018", "00181140", "00200032"}
    assert {name for run in found.runs for name in run.members} == set(found) - set(found.rest)


@pytest.mark.parametrize("write", [compact, spread])
def test_any_object_is_split_as_one_that_nobody_knows(write: Any) -> None:
    chance = random.Random(4)
    splitter = Splitter(decode_object)
    for number in range(300):
        one = instance(number)
        for name in chance.sample(sorted(one), chance.randrange(5)):
            one[name] = chance.choice(list(one.values()))
        for name in chance.sample(sorted(one), chance.randrange(3)):
            del one[name]
        if chance.random() < 0.2:
            one["00400275"] = {"vr": "SQ", "Value": [instance(number), instance(number + 1)]}
        if chance.random() < 0.2:
            one["00184000"] = {"vr": "LT", "Value": ['"00180007":{"vr":"LO","Value":["text that stays 7"]},\\"{[']}
        if chance.random() < 0.1:
            one = dict(chance.sample(sorted(one.items()), len(one)))
        piece = write(one)
        found = splitter.split(piece)
        assert found == decode_object(piece)
        assert list(plain(found)) == list(found)


def test_what_changes_later_is_learned_anew() -> None:
    splitter = taught()
    other = {f"0018{n:04X}": {"vr": "LO", "Value": [f"text of the next series {n}"]} for n in range(57)}
    kinds = [type(splitter.split(compact(instance(number) | other))) for number in range(PATIENCE + 4)]
    assert kinds[-1] is SharedDataSet
    assert len(splitter.split(compact(instance(99) | other)).rest) == 3  # type: ignore[attr-defined]


def test_the_text_of_a_run_inside_an_item_is_the_items() -> None:
    splitter = taught()
    one = {"00080001": {"vr": "SQ", "Value": [instance(2)]}} | instance(3, **{"00180004": {"vr": "LO"}})
    found = splitter.split(compact(one))
    assert plain(found) == one


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"00200032":', b'"00180001":'),  # a name of a run
        (b'"00200032":', b'"00080018":'),  # a name before the run
        (b'"00080018":', b'"00200032":'),
        (b"]}}", b"]},}"),
        (b"}}", b"}"),
        (b'"00200032"', b',"00200032"'),
        (b'"00080018":{"vr":"UI","Value":["1.2.3"]},', b","),
        (b'"00080018":{"vr":"UI","Value":["1.2.3"]},', b'"00080018":{"vr":"UI","Value":["1.2.3"]}'),
        (b',"00181140"', b',,"00181140"'),
        (b"1.2.3", b"1.2.\xff"),
    ],
)
def test_what_is_no_object_of_single_names_is_refused_whatever_is_known(old: bytes, new: bytes) -> None:
    piece = compact(instance(3))
    broken = new.join(piece.split(old, 1) if old.startswith(b'"00080018"') else piece.rsplit(old, 1))
    assert broken != piece
    for splitter in (Splitter(decode_object), taught()):
        with pytest.raises(MalformedInput):
            splitter.split(broken)


def test_an_array_whose_objects_lose_what_they_shared_is_still_cut() -> None:
    found = [instance(n) for n in range(4)]
    found += [{name: one for name, one in instance(n).items() if name < "00180020"} for n in range(4, 8)]
    hidden = {"00180038": {"vr": "LT", "Value": ["}},{" * 50]}}
    found += [instance(n, **hidden) for n in range(8, 12)]
    document = json.dumps(found, separators=(",", ":")).encode()
    for size in (1, 700, len(document)):
        reader = ArrayReader()
        read = [one for at in range(0, len(document), size) for one in reader.feed(document[at : at + size])]
        reader.close()
        assert [plain(one) for one in read] == found
