"""Settings file -> Settings, or every fault of it and of the profiles it needs."""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from gateway.adapters.profile_files import ProfileFiles, shipped_profiles
from gateway.adapters.state_sql import state_url
from gateway.config import access, audit, entrances, limits, schema, telemetry, uplinks
from gateway.config.checks import RULES, exposed_secrets, match_tag, placeholders
from gateway.config.draft import Draft
from gateway.config.model import (
    BasicAuth,
    BearerAuth,
    DicomwebOrigin,
    FolderOrigin,
    Origin,
    Service,
    Settings,
    Worklist,
)
from gateway.config.paths import base_path
from gateway.config.sources import SecretReader
from gateway.core import marked_yaml
from gateway.core.errors import ConfigFault, ConfigFaults

DEFAULT_STATE = "sqlite:///state.db"


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings file; paths in it count from its folder.

    Raises ConfigFaults with every fault of the file, of the profiles in its folder and of those that worklists name.
    """
    document = marked_yaml.load(_read(path), str(path))
    folder = path.absolute().parent
    own = document.data.get("profiles")
    folders = [folder / own] if isinstance(own, str) and (folder / own).is_dir() else []
    draft = Draft(document, folder, SecretReader(folder, environment), ProfileFiles([*folders, shipped_profiles()]))
    checked = marked_yaml.check(schema.File, document)
    faults = checked if isinstance(checked, list) else []
    for rule in RULES:
        faults += rule(draft)
    faults += draft.profiles.faults
    if faults or isinstance(checked, list):
        raise ConfigFaults(_sorted(faults, str(path)))
    return _build(path, checked, draft)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ConfigFaults([ConfigFault(f"{path}:1", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigFaults([ConfigFault(f"{path}:1", "cannot be read: not UTF-8 text")]) from None


def _sorted(faults: list[ConfigFault], first: str) -> list[ConfigFault]:
    """Put the settings file before the profiles, and each file's faults in the order of its lines."""

    def position(fault: ConfigFault) -> tuple[bool, str, int]:
        source, _, line = fault.where.rpartition(":")
        return source != first, source, int(line)

    return sorted(faults, key=position)


def _build(path: Path, file: schema.File, draft: Draft) -> Settings:
    state = file.state or DEFAULT_STATE
    text = state if isinstance(state, str) else draft.secrets.get(state.model_dump()).text()
    return Settings(
        source=path,
        secret=draft.secrets.get(file.secret.model_dump()) if file.secret else None,
        previous_secrets=tuple(draft.secrets.get(source.model_dump()) for source in file.previous_secrets),
        state=state_url(text, draft.folder),
        profiles=draft.profiles.loaded,
        profile_folders=draft.profiles.folders,
        own_profiles=draft.profiles.own,
        origins={name: _origin(name, origin, draft) for name, origin in file.origins.items()},
        worklists={name: _worklist(name, worklist, draft) for name, worklist in file.worklists.items()},
        uplinks={name: uplinks.make_uplink(name, uplink, draft) for name, uplink in file.uplinks.items()},
        notify=uplinks.make_notify(file.notify, draft),
        entrances={name: entrances.make_entrance(name, entrance) for name, entrance in file.entrances.items()},
        access=access.make_access(file, draft.folder),
        without_authentication=file.access is not None and file.access.without_authentication,
        limits=limits.make_limits(file.limits),
        tls=limits.make_tls(file.tls, draft.folder),
        audit=audit.make_audit(file.audit, draft.folder),
        logs=telemetry.make_logs(file.logs),
        tracing=telemetry.make_tracing(file.tracing),
        public_url=file.public_url.rstrip("/") if file.public_url else None,
        cors_origins=tuple(file.cors.origins),
        trusted_proxies=tuple(ip_network(proxy) for proxy in file.trusted_proxies),
        warnings=tuple(
            str(warning)
            for warning in (
                *exposed_secrets(draft),
                *placeholders(draft),
                *uplinks.warnings(draft),
                *limits.warnings(draft),
                *access.warnings(draft),
                *entrances.warnings(draft),
            )
        ),
        secret_variables=draft.secrets.variables(),  # last: all of them are read by now
    )


def _origin(name: str, origin: schema.Origin, draft: Draft) -> Origin:
    if origin.dicomweb is None:
        return FolderOrigin(name, draft.folder / (origin.folder or ""), origin.writable)
    return DicomwebOrigin(
        name=name,
        url=origin.dicomweb.rstrip("/"),
        auth=_auth(origin.auth, draft.secrets) if origin.auth else None,
        connect_timeout_s=origin.connect_timeout_s,
        read_timeout_s=origin.read_timeout_s,
        connections=origin.connections,
        queue_timeout_s=origin.queue_timeout_s,
    )


def _auth(auth: schema.Auth, secrets: SecretReader) -> BasicAuth | BearerAuth | None:
    if auth.basic:
        return BasicAuth(auth.basic.username, secrets.get(auth.basic.password.model_dump()))
    return BearerAuth(secrets.get(auth.bearer.model_dump())) if auth.bearer else None


def _worklist(name: str, worklist: schema.Worklist, draft: Draft) -> Worklist:
    return Worklist(
        name=name,
        origin=worklist.origin,
        profile=None if worklist.identified else draft.profiles.require(worklist.profile or ""),
        match=tuple((match_tag(key), value) for key, value in worklist.match.items()),
        studies=None if worklist.studies is None else frozenset(worklist.studies),
        services=frozenset(Service(service) for service in worklist.services),
        path=base_path(name, worklist.path),
        domain=worklist.domain or name,
        search_budget=worklist.search_budget,
    )
