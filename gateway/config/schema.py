"""The settings file as it is written: keys, types and defaults. What one key means for another is in ``checks``."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.access.model import Role

__all__ = [
    "Access",
    "AccessRule",
    "ApiKey",
    "Audit",
    "AuditSink",
    "AuditTls",
    "Auth",
    "BasicAuth",
    "Choice",
    "Cors",
    "Entrance",
    "File",
    "Limits",
    "Logs",
    "Notify",
    "Oidc",
    "Origin",
    "ProxyHeaders",
    "SecretSource",
    "SharePolicy",
    "Smtp",
    "Tls",
    "Tracing",
    "Uplink",
    "Webhook",
    "Worklist",
]

MAX_CONNECTIONS = 1000
MAX_TIMEOUT_S = 3600
MAX_BUDGET = 1_000_000
MAX_SHARE_DAYS = 366
MAX_SHARE_VIEWS = 1_000_000
MAX_LIMIT = 10_000_000

MAX_LEEWAY_S = 300

_Seconds = Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)]
_Count = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
_Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


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


class Choice(_Strict):
    """Who comes to a worklist: all of what is given must fit."""

    worklist: str
    host: str | None = None
    groups: list[str] = []
    claims: dict[str, str | list[str]] = {}
    header: dict[str, str] = {}


class Entrance(_Strict):
    """One URL for several audiences."""

    path: str | None = None
    choose: list[Choice]


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


class Limits(_Strict):
    """What a server process lets its clients do."""

    requests_per_minute: _Count = 30_000
    requests_at_once: _Count = 500
    all_requests_at_once: _Count = 2_000
    misses_per_minute: _Count = 300
    connections: _Count = 4_000
    connections_per_address: _Count = 1_000
    memory_mb: _Count | None = None
    head_timeout_s: _Seconds = 20
    body_timeout_s: _Seconds = 60
    send_timeout_s: _Seconds = 60
    keep_alive_s: _Seconds = 75
    answer_timeout_s: _Seconds = 600


class Tls(_Strict):
    """Certificate and key of a server that clients reach without an ingress."""

    certificate: str
    key: str
    client_ca: str | None = None


class Oidc(_Strict):
    """An issuer of bearer tokens."""

    issuer: str
    audience: str | list[str]
    algorithms: list[_Algorithm] = ["RS256", "PS256", "ES256", "EdDSA"]
    leeway_s: Annotated[int, Field(ge=0, le=MAX_LEEWAY_S)] = 30
    name_claim: Annotated[str, Field(min_length=1)] = "sub"
    groups_claim: Annotated[str, Field(min_length=1)] = "groups"
    ca: str | None = None


class ApiKey(_Strict):
    """A key of a program, by its hash."""

    hash: str
    expires: date | None = None


class ProxyHeaders(_Strict):
    """The headers in which a trusted proxy names the user."""

    user: str
    groups: str | None = None


class AccessRule(_Strict):
    """Who may do what, where."""

    anyone: bool = False
    users: list[str] | Literal["*"] = []
    groups: list[str] = []
    keys: list[str] = []
    claims: dict[str, str | list[str]] = {}
    worklists: list[str] | Literal["*"] = []
    uplinks: list[str] | Literal["*"] = []
    roles: list[Role]


class Access(_Strict):
    """Who may come, and who may do what."""

    without_authentication: bool = False
    oidc: list[Oidc] = []
    keys: dict[str, ApiKey] = {}
    proxy: ProxyHeaders | None = None
    allow: list[AccessRule] = []


class AuditTls(_Strict):
    """How a syslog server is recognized, and what it is shown; without ``ca`` it must be of a public authority."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class AuditSink(_Strict):
    """One place that records go to."""

    file: str | None = None
    syslog: str | None = None
    tls: AuditTls | None = None
    form: Literal["json", "dicom"] = "json"


class Audit(_Strict):
    """Where it is put on record who did what."""

    to: list[AuditSink]
    required: bool = True
    source: Annotated[str, Field(min_length=1, max_length=64)] = "dicomveil"


class Logs(_Strict):
    """What is written to stderr."""

    form: Literal["text", "json"] = "text"
    exchanges: bool = False


class Tracing(_Strict):
    """Where traces go, and how many of them."""

    endpoint: str
    ratio: Annotated[float, Field(ge=0, le=1)] = 1.0


class File(_Strict):
    """The whole file."""

    secret: SecretSource | None = None
    previous_secrets: list[SecretSource] = []
    state: str | SecretSource | None = None
    profiles: str | None = None
    origins: dict[str, Origin]
    worklists: dict[str, Worklist] = {}
    entrances: dict[str, Entrance] = {}
    uplinks: dict[str, Uplink] = {}
    notify: Notify = Notify()
    access: Access | None = None
    limits: Limits = Limits()
    tls: Tls | None = None
    audit: Audit | None = None
    logs: Logs = Logs()
    tracing: Tracing | None = None
    public_url: str | None = None
    cors: Cors = Cors()
    trusted_proxies: list[str] = []
