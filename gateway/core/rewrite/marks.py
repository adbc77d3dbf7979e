"""What every finished object says, the same for Part 10 and JSON, whatever it said before.

That is about its de-identification (PS3.15 Section E.1.1), and what its profile always writes.
"""

from collections.abc import Iterable

from gateway.core.profile.plan import IDENTITY_REMOVED, METHOD, METHOD_CODES, TEMPORAL, Plan
from gateway.core.standard.ps315 import BASIC_PROFILE_CODE, BASIC_PROFILE_MEANING, Option
from gateway.core.wire.elements import Encoding

CODE_MEANINGS = {BASIC_PROFILE_CODE: BASIC_PROFILE_MEANING} | {option.code: option.meaning for option in Option}
"""CID 7050."""
_STRENGTH = ("UNMODIFIED", "MODIFIED", "REMOVED")

Codes = tuple[tuple[str, str], ...]
"""Code Value and Code Meaning of CID 7050."""


def codes(ours: Codes, earlier: Iterable[str]) -> Codes:
    """Join what an earlier pass did with what we do. Only codes of CID 7050 stay, with the standard's own meaning."""
    own = {code for code, _ in ours}
    kept = dict.fromkeys(code for code in earlier if code in CODE_MEANINGS and code not in own)
    return (*((code, CODE_MEANINGS[code]) for code in kept), *ours)


def elements(
    plan: Plan, encoding: Encoding, earlier_codes: Iterable[str], earlier_temporal: str
) -> tuple[bytes, bytes, bytes]:
    """Encode what a finished object says, in the order of its tags: three runs with other elements between them."""
    items = code_items(codes(plan.codes, earlier_codes), encoding)
    return (
        encoding.make(IDENTITY_REMOVED, "CS", b"YES"),
        encoding.make(METHOD, "LO", plan.method.encode()) + encoding.make(METHOD_CODES, "SQ", items),
        encoding.make(TEMPORAL, "CS", temporal(plan.longitudinal, earlier_temporal).encode()),
    )


def stages(
    plan: Plan, encoding: Encoding, earlier_codes: Iterable[str] = (), earlier_temporal: str = ""
) -> tuple[tuple[int, bytes], ...]:
    """Encode all that is inserted at the root, in order: before the first element at or past a tag, what goes there."""
    first, second, third = elements(plan, encoding, earlier_codes, earlier_temporal)
    ours = [(IDENTITY_REMOVED, first), (METHOD_CODES + 1, second), (TEMPORAL + 1, third)]
    always = [(tag, encoding.make(tag, vr, value.encode("ascii"))) for tag, vr, value in plan.always]
    return tuple(sorted([*ours, *always], key=lambda stage: stage[0]))


def code_items(pairs: Codes, encoding: Encoding) -> bytes:
    """Encode De-identification Method Code Sequence items."""
    items = []
    for code, meaning in pairs:
        body = encoding.make(0x00080100, "SH", code.encode())
        body += encoding.make(0x00080102, "SH", b"DCM")
        body += encoding.make(0x00080104, "LO", meaning.encode())
        items.append(encoding.tag(0xFFFEE000) + encoding.u32.pack(len(body)) + body)
    return b"".join(items)


def temporal(ours: str, earlier: str) -> str:
    """Longitudinal Temporal Information Modified: what an earlier pass took away does not come back."""
    return max(ours, earlier if earlier in _STRENGTH else ours, key=_STRENGTH.index)
