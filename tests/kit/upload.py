"""Requests of Store transactions, and what their answers say."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx

BOUNDARY: Final = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1"
PARTS: Final = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@dataclass(frozen=True, slots=True)
class Said:
    """A Store Instances Response: UIDs of what was stored, failure reasons by UID and without one."""

    status: int
    stored: list[str]
    failed: dict[str, int]
    others: list[int]
    urls: list[str]


def part(data: bytes, media_type: str = "application/dicom") -> bytes:
    """Write one part with its delimiter."""
    return f"\r\n--{BOUNDARY}\r\nContent-Type: {media_type}\r\n\r\n".encode() + data


def body(*parts: bytes) -> bytes:
    """Write a whole request of Part 10 parts."""
    return b"".join(map(part, parts)) + end()


def end() -> bytes:
    """Write the closing delimiter."""
    return f"\r\n--{BOUNDARY}--\r\n".encode()


def said(answer: httpx.Response) -> Said:
    """Read a response and check its form: no attribute but those that it may have, no media type parameter."""
    assert answer.headers["content-type"] == "application/dicom+json", answer.text
    found = answer.json()
    assert found.keys() <= {"00081190", "00081198", "00081199", "0008119A"}
    assert list(found) == sorted(found)
    assert all("Value" in element for key, element in found.items() if key != "00081190"), "no empty sequence"
    stored, failed, others = (_items(found, key) for key in ("00081199", "00081198", "0008119A"))
    assert all(item.keys() <= {"00081150", "00081155", "00081190"} for item in stored)
    assert all(item.keys() == {"00081150", "00081155", "00081197"} for item in failed)
    assert all(item.keys() == {"00081197"} for item in others)
    return Said(
        answer.status_code,
        [_value(item, "00081155") for item in stored],
        {_value(item, "00081155"): _value(item, "00081197") for item in failed},
        [_value(item, "00081197") for item in others],
        [_value(item, "00081190") for item in [found, *stored] if "Value" in item.get("00081190", {})],
    )


def store(base: str, *parts: bytes, path: str = "/studies", **headers: str) -> Said:
    """Store parts in one request."""
    return said(send(base, body(*parts), path=path, **headers))


def send(
    base: str, content: bytes | Iterable[bytes], content_type: str = PARTS, path: str = "/studies", **headers: str
) -> httpx.Response:
    """Send a request whatever it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(base + path, content=content, headers={"Content-Type": content_type} | named, timeout=300)


def _items(found: Any, key: str) -> list[Any]:
    items: list[Any] = found.get(key, {}).get("Value", [])
    return items


def _value(item: Any, key: str) -> Any:
    return item[key]["Value"][0]
