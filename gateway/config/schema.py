"""The settings file as it is written: keys, types and defaults. What one key means for another is in ``checks``."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Auth",
    "BasicAuth",
    "Cors",
    "File",
    "Notify",
    "Origin",
    "SecretSource",
    "SharePolicy",
    "Smtp",
    "Uplink",
    "Webhook",
    "Worklist",
]

MAX_CONNECTIONS = 1000
MAX_TIMEOUT_S = 3600
MAX_BUDGET = 1_000_000
MAX_SHARE_DAYS = 366
MAX_SHARE_VIEWS = 1_000_000

_Seconds = Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Strict):
    """Where a secret is kept; the settings file itself never holds one."""

    file: str | None = None
    env: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_plain_text(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            # Not TypeError: pydantic reports ValueError only.
            raise ValueError("give {file: PATH} or {env: NAME}; a secret is not written into this file")  # noqa: TRY004
        return data


class BasicAuth(_Strict):
    """User name and password for an origin."""

    username: str
    password: SecretSource


class Auth(_Strict):
    """One way to log in at an origin."""

    basic: BasicAuth | None = None
    bearer: SecretSource | None = None


class Origin(_Strict):
    """An archive, or a folder of DICOM files."""

    dicomweb: str | None = None
    folder: str | None = None
    writable: bool = False
    auth: Auth | None = None
    connect_timeout_s: _Seconds = 5
    read_timeout_s: _Seconds = 60
    connections: Annotated[int, Field(ge=1, le=MAX_CONNECTIONS)] = 32
    queue_timeout_s: _Seconds = 10


class Worklist(_Strict):
    """A named set of studies, bound to a profile."""

    origin: str
    profile: str | None = None
    identified: bool = False
    match: dict[str, str] = {}
    studies: list[str] | None = None
    services: list[Literal["search", "retrieve", "store"]] = ["search", "retrieve"]
    path: str | None = None
    domain: str | None = None
    search_budget: Annotated[int, Field(ge=1, le=MAX_BUDGET)] = 20_000


class SharePolicy(_Strict):
    """How long, and how often, a shared study can be looked at."""

    days: Annotated[int, Field(ge=1, le=MAX_SHARE_DAYS)] = 30
    views: Annotated[int, Field(ge=1, le=MAX_SHARE_VIEWS)] | None = None


class Uplink(_Strict):
    """Where studies go up: from one origin, under a profile, to another."""

    origin: str
    destination: str
    profile: str = "strict"
    domain: str | None = None
    share: SharePolicy | None = None


class Smtp(_Strict):
    """The mail server that takes messages to patients."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(alias="from")
    auth: BasicAuth | None = None
    subject: str | None = None


class Webhook(_Strict):
    """A service that is handed what e-mail can't carry, signed with a secret that it knows."""

    url: str
    secret: SecretSource


class Notify(_Strict):
    """How patients are told of what is shared with them."""

    smtp: Smtp | None = None
    webhooks: dict[str, Webhook] = {}


class Cors(_Strict):
    """Web pages on other hosts that may read answers."""

    origins: list[str] = ["*"]


class File(_Strict):
    """The whole file."""

    secret: SecretSource | None = None
    previous_secrets: list[SecretSource] = []
    state: str | SecretSource | None = None
    profiles: str | None = None
    origins: dict[str, Origin]
    worklists: dict[str, Worklist] = {}
    uplinks: dict[str, Uplink] = {}
    notify: Notify = Notify()
    public_url: str | None = None
    cors: Cors = Cors()
    trusted_proxies: list[str] = []
