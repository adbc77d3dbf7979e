"""Settings as the rest of the gateway sees them: complete, resolved, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from sqlalchemy.engine import URL

from gateway.access.entrances import Entrance
from gateway.access.keys import ApiKey
from gateway.access.policy import Policy
from gateway.access.proxy import Proxy
from gateway.access.tokens import TokenRules
from gateway.core.profile.model import Profile


class Secret:
    """A value that does not print; ``reveal`` hands it out where it is used."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written out")

    def reveal(self) -> bytes:
        """Return the value."""
        return self._value

    def text(self) -> str:
        """Return the value as the text it is in a header."""
        return self._value.decode()


class Service(StrEnum):
    """What a worklist offers (PS3.18 Chapter 10)."""

    SEARCH = "search"
    RETRIEVE = "retrieve"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User name and password toward an origin (RFC 7617)."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """Token toward an origin (RFC 6750)."""

    token: Secret


@dataclass(frozen=True, slots=True)
class DicomwebOrigin:
    """An origin server; ``url`` is its DICOMweb service base, without a slash at the end."""

    name: str
    url: str
    auth: BasicAuth | BearerAuth | None
    connect_timeout_s: float
    read_timeout_s: float
    connections: int
    queue_timeout_s: float


@dataclass(frozen=True, slots=True)
class FolderOrigin:
    """The embedded origin: a folder of DICOM files. Only a ``writable`` one stores."""

    name: str
    folder: Path
    writable: bool = False


Origin = DicomwebOrigin | FolderOrigin


@dataclass(frozen=True, slots=True)
class Worklist:
    """A named set of studies and how they are shown.

    ``profile`` None passes identified data. ``match`` holds study-level keys (tag, value) and ``studies`` source UIDs;
    a study must satisfy both, and empty ``match`` or ``studies`` None select all.
    """

    name: str
    origin: str
    profile: Profile | None
    match: tuple[tuple[int, str], ...]
    studies: frozenset[str] | None
    services: frozenset[Service]
    path: str
    domain: str
    search_budget: int

    @property
    def wado_path(self) -> str:
        """Path of the URI Service (PS3.18 Chapter 9)."""
        return f"/worklists/{self.name}/wado"


@dataclass(frozen=True, slots=True)
class SharePolicy:
    """How long, and how often (None: no limit), a shared study can be looked at."""

    days: int
    views: int | None


@dataclass(frozen=True, slots=True)
class Uplink:
    """Where studies go up: read at ``origin``, de-identified, stored at ``destination``.

    Without ``share`` nothing of it can be shared.
    """

    name: str
    origin: str
    destination: str
    profile: Profile
    domain: str
    share: SharePolicy | None


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server; ``security`` is ``starttls``, ``tls`` or ``none``."""

    host: str
    port: int
    security: str
    sender: str
    username: str | None
    password: Secret | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A service that is handed messages, signed with ``secret``."""

    name: str
    url: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Notify:
    """How patients are told of what is shared with them."""

    smtp: Smtp | None
    webhooks: Mapping[str, Webhook]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs bearer tokens, and what they must say; ``ca`` None: what the system trusts."""

    rules: TokenRules
    ca: Path | None


@dataclass(frozen=True, slots=True)
class Access:
    """Who is recognized, and what the rules allow them."""

    issuers: tuple[Issuer, ...]
    keys: tuple[ApiKey, ...]
    proxy: Proxy | None
    policy: Policy


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server process lets its clients do; a client is who is logged in, else an address.

    ``misses_per_minute`` counts studies that are not there. ``memory_mb`` None: a share of what the machine has.
    """

    requests_per_minute: int
    requests_at_once: int
    all_requests_at_once: int
    misses_per_minute: int
    connections: int
    connections_per_address: int
    memory_mb: int | None
    head_timeout_s: float
    body_timeout_s: float
    send_timeout_s: float
    keep_alive_s: float
    answer_timeout_s: float


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and key (PEM); with ``client_ca``, only clients that show a certificate of it are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True, slots=True)
class AuditSink:
    """A ``file``, or else a syslog server with the files of its TLS; ``form`` is ``json`` or ``dicom``."""

    file: Path | None
    host: str
    port: int
    ca: str | None
    certificate: str | None
    key: str | None
    form: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Where records go; where they are ``required``, nothing happens that cannot be recorded."""

    sinks: tuple[AuditSink, ...]
    required: bool
    source: str


@dataclass(frozen=True, slots=True)
class Logs:
    """``form`` is ``text`` or ``json``; ``exchanges`` adds a line for each."""

    form: str = "text"
    exchanges: bool = False


@dataclass(frozen=True, slots=True)
class Tracing:
    """``endpoint`` takes OTLP over HTTP below ``/v1/traces``; of traces that begin here ``ratio`` are kept."""

    endpoint: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything one gateway is told. ``secret`` is None only where no worklist has a profile and nothing goes up.

    ``access`` None: everybody may do everything, which ``without_authentication`` says in so many words.
    ``profiles`` are those of the profile folder and those that worklists name, ``own_profiles`` the names of those that
    are not shipped. ``state`` hides its
    password when printed; ``secret_variables`` are the environment variables that secrets came from.
    """

    source: Path
    secret: Secret | None
    previous_secrets: tuple[Secret, ...]
    state: URL
    secret_variables: frozenset[str]
    profiles: Mapping[str, Profile]
    profile_folders: tuple[Path, ...]
    origins: Mapping[str, Origin]
    worklists: Mapping[str, Worklist]
    uplinks: Mapping[str, Uplink]
    notify: Notify
    limits: Limits
    tls: Tls | None
    public_url: str | None
    cors_origins: tuple[str, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    logs: Logs = Logs()
    tracing: Tracing | None = None
    warnings: tuple[str, ...] = ()
    access: Access | None = None
    audit: Audit | None = None
    without_authentication: bool = False
    entrances: Mapping[str, Entrance] = field(default_factory=dict)
    own_profiles: frozenset[str] = frozenset()
