"""The JSON documents of uplinks, in and out: what ``/openapi.json`` describes is made of these models."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gateway.notify.contact import (
    EMAIL_PATTERN,
    MAX_ADDRESS_LENGTH,
    PHONE_PATTERN,
    REFERENCE_PATTERN,
    WEBHOOK_PATTERN,
)

__all__ = ["JobDocument", "NewShare", "NewUplink", "Problem", "ShareDocument"]

MAX_NAMED: Final = 1000
"""Series or instances that one request names; a study that has more is asked for as a whole."""

# As archives have them, letters and leading zeros among them; nothing that means something in a path.
SourceUID = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]*[0-9A-Za-z][0-9A-Za-z.-]*$", max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _not_together(*members: str) -> JsonDict:
    return {"not": {"required": [*members], "properties": {name: {"type": "string"} for name in members}}}


_EXCLUSIVE: Final[JsonDict] = {
    "allOf": [
        _not_together("email", "phone"),
        _not_together("email", "reference"),
        _not_together("phone", "reference"),
        {
            "if": {"required": ["webhook"], "properties": {"webhook": {"type": "string"}}},
            "then": {
                "anyOf": [
                    {"required": ["phone"], "properties": {"phone": {"type": "string"}}},
                    {"required": ["reference"], "properties": {"reference": {"type": "string"}}},
                ]
            },
        },
    ]
}
"""What ``read_contact`` checks of several members, for those who read the description."""


class NewShare(_Strict):
    """Whom to tell of the study's page; without an e-mail address, phone number or reference, nobody is told."""

    model_config = ConfigDict(json_schema_extra=_EXCLUSIVE)

    email: Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=MAX_ADDRESS_LENGTH)] | None = Field(None, repr=False)
    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] | None = Field(None, repr=False)
    reference: Annotated[str, Field(pattern=REFERENCE_PATTERN)] | None = Field(None, repr=False)
    webhook: Annotated[str, Field(pattern=WEBHOOK_PATTERN)] | None = None
    pin: Annotated[str, Field(pattern="^[!-~]{4,32}$")] | None = Field(None, repr=False)


class NewUplink(_Strict):
    """What to bring up: a study, or the series and instances of it that are named, in the origin's own UIDs."""

    study: SourceUID = Field(repr=False)
    series: Annotated[list[SourceUID], Field(min_length=1, max_length=MAX_NAMED)] | None = Field(None, repr=False)
    instances: Annotated[list[SourceUID], Field(min_length=1, max_length=MAX_NAMED)] | None = Field(None, repr=False)
    share: NewShare | None = None


class ShareDocument(_Strict):
    """The page of a study that was brought up; ``url`` while it opens, ``notified`` where somebody is told."""

    id: str
    url: str | None = Field(None, repr=False)
    expires: datetime
    revoked: bool
    notified: Literal["pending", "handed over", "failed"] | None = None


class JobDocument(_Strict):
    """What became of an uplink so far: how many instances there are, and how many came to what end."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    total: Annotated[int, Field(ge=0)]
    stored: Annotated[int, Field(ge=0)]
    refused: Annotated[int, Field(ge=0)]
    discarded: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    reason: str | None = None
    share: ShareDocument | None = None


class Problem(_Strict):
    """What went wrong (RFC 9457); ``type`` is what programs may rely on."""

    type: Annotated[str, Field(pattern="^urn:dicomveil:problem:[a-z-]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
