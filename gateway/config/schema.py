"""The settings file as it is written: keys, types and defaults. What one key means for another is in ``checks``."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Auth", "BasicAuth", "Cors", "File", "Origin", "SecretSource", "Worklist"]

MAX_CONNECTIONS = 1000
MAX_TIMEOUT_S = 3600
MAX_BUDGET = 1_000_000

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
    worklists: dict[str, Worklist]
    public_url: str | None = None
    cors: Cors = Cors()
    trusted_proxies: list[str] = []
