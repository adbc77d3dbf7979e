"""What one setting means for another: rules over the file as written, so that a fault in one key hides no other.

Each rule takes a Draft and yields faults. Rules read plain data: a key of the wrong type is the schema's fault to
report, and a rule passes over it. No message holds a secret or a URL, which may carry one.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from shlex import quote
from stat import S_IROTH, S_IWOTH
from typing import Any

from gateway.adapters.profile_files import ProfileFiles
from gateway.adapters.state_sql import state_url
from gateway.config import access, audit, entrances, limits, telemetry, uplinks
from gateway.config.draft import (
    Draft,
    Place,
    Rule,
    domain_problem,
    is_true,
    mapping,
    name_problem,
    origin_problem,
    profile_problem,
    sequence,
    stores_nothing,
    text,
    url_problem,
)
from gateway.config.paths import collisions
from gateway.core.errors import ConfigFault
from gateway.core.marked_yaml import nearest
from gateway.core.pseudonym.keys import MIN_SECRET_BYTES
from gateway.core.rewrite.keys import has_wildcard
from gateway.core.rewrite.moments import parse_range
from gateway.core.standard import dictionary
from gateway.core.standard.tags import parse_tag
from gateway.core.standard.uids import MAX_UID_LENGTH

__all__ = ["RULES", "exposed_secrets", "match_tag", "placeholders"]

STUDY_KEYS = frozenset(
    {
        "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName", "PatientName",
        "PatientID", "IssuerOfPatientID", "StudyInstanceUID", "StudyID", "StudyDescription", "SOPClassesInStudy",
        "NameOfPhysiciansReadingStudy", "AdmittingDiagnosesDescription", "PatientBirthDate", "PatientBirthTime",
        "PatientSex", "OtherPatientIDs", "OtherPatientNames", "PatientAge", "PatientSize", "PatientWeight",
        "EthnicGroup", "Occupation", "AdditionalPatientHistory", "PatientComments", "RequestingPhysician",
        "InstitutionName",
    }
)  # fmt: skip
"""Keys that select studies: PS3.18 Table 10.6.1-5 and PS3.4 Section C.6.2.1, and InstitutionName, which archives offer.

Origins ignore a key they do not know and then answer with every study; hence no other key is let through.
"""

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_DATES = re.compile(r"[0-9]{8}(-([0-9]{8})?)?|-[0-9]{8}")

_EXAMPLE = re.compile(r"(?<![a-z0-9-])example\.(com|net|org)(?![a-z0-9.-])", re.IGNORECASE)
_CHANGE_ME = re.compile(r"change[-_ ]?me", re.IGNORECASE)
NOBODYS_HASH = "sha256:" + "0" * 64


def match_tag(key: str) -> int:
    """Return the tag of a match key, a keyword or a tag; raises ValueError when it does not select studies."""
    try:
        tag = dictionary.tag_of(key) or parse_tag(key)
    except ValueError:
        raise ValueError("unknown attribute" + nearest(key, sorted(STUDY_KEYS))) from None
    if dictionary.keyword_of(tag) not in STUDY_KEYS:
        raise ValueError("not a key that selects studies" + nearest(key, sorted(STUDY_KEYS)))
    return tag


def _secret(draft: Draft) -> Iterator[ConfigFault]:
    place = ("secret",)
    source = draft.data.get("secret")
    if source is None:
        if any(entry.get("profile") for _, _, entry in draft.entries("worklists")):
            yield draft.document.fault(place, "missing; worklists with a profile need it")
        elif mapping(draft.data, "uplinks"):
            yield draft.document.fault(place, "missing; uplinks need it")
        return
    if not isinstance(source, Mapping):
        return
    try:
        _long_secret(draft, source)
    except ValueError as fault:
        yield draft.document.fault(place, str(fault))


def _previous_secrets(draft: Draft) -> Iterator[ConfigFault]:
    sources = sequence(draft.data, "previous_secrets")
    if sources and "secret" not in draft.data:
        yield draft.document.fault(("previous_secrets",), "needs a secret that follows them")
    seen = {_readable(draft, draft.data.get("secret"))}
    for index, source in enumerate(sources):
        place = ("previous_secrets", index)
        if not isinstance(source, Mapping):
            continue
        try:
            value = _long_secret(draft, source)
        except ValueError as fault:
            yield draft.document.fault(place, str(fault))
            continue
        if value in seen:
            yield draft.document.fault(place, "a secret that is given twice")
        seen.add(value)


def exposed_secrets(draft: Draft) -> Iterator[ConfigFault]:
    """Say which files of secrets everyone can read or write: no fault, since mounted ones may have to be so."""
    sources: list[tuple[Place, Any]] = [(("secret",), draft.data.get("secret"))]
    previous = sequence(draft.data, "previous_secrets")
    sources += [(("previous_secrets", index), one) for index, one in enumerate(previous)]
    sources += uplinks.secret_sources(draft)
    sources.append((("state",), draft.data.get("state")))
    for origin, _, entry in draft.entries("origins"):
        auth = mapping(entry, "auth")
        sources.append(((*origin, "auth", "basic", "password"), mapping(auth, "basic").get("password")))
        sources.append(((*origin, "auth", "bearer"), auth.get("bearer")))
    for place, source in sources:
        name = text(source, "file") if isinstance(source, Mapping) else None
        if name and (draft.folder / name).stat().st_mode & (S_IROTH | S_IWOTH):
            what = f"other users of this machine can read or change {name}; chmod 600 it"
            yield draft.document.fault(place, what)


def placeholders(draft: Draft) -> Iterator[ConfigFault]:
    """Say what was copied from an example and stands for a value of one's own."""
    for place, value in _texts((), draft.data):
        if _EXAMPLE.search(value):
            yield draft.document.fault(
                place, "a name of example.org, .com or .net stands for one of yours; put it here"
            )
        elif value == NOBODYS_HASH:
            yield draft.document.fault(place, "the hash of no key; `dicomveil key NAME` makes one, and its line")
        elif _CHANGE_ME.fullmatch(value):
            yield draft.document.fault(place, "a placeholder; put a value of yours here")


def _texts(place: Place, data: Any) -> Iterator[tuple[Place, str]]:
    """Yield every value with its place."""
    if isinstance(data, str):
        yield place, data
    elif isinstance(data, Mapping | list):
        for step, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield from _texts((*place, step), value)


def _state(draft: Draft) -> Iterator[ConfigFault]:
    state = draft.data.get("state")
    try:
        if isinstance(state, Mapping):
            state = draft.secrets.get(state).text()
        if isinstance(state, str):
            file = state_url(state, draft.folder)
            if file.get_backend_name() == "sqlite" and not Path(file.database or "").parent.is_dir():
                raise ValueError(f"no folder {Path(file.database or '').parent}")
    except ValueError as fault:
        yield draft.document.fault(("state",), str(fault))


def _profile_folder(draft: Draft) -> Iterator[ConfigFault]:
    name = text(draft.data, "profiles")
    if name is None:
        return
    folder = draft.folder / name
    if not folder.is_dir():
        yield draft.document.fault(("profiles",), f"no folder {name}")
    own = ProfileFiles([folder])
    for profile in own.names:
        draft.profiles.get(profile)
    for rules in own.mask_sets:
        draft.profiles.rules(rules)


def _origin_kind(draft: Draft) -> Iterator[ConfigFault]:
    for place, name, entry in draft.entries("origins"):
        if problem := name_problem(name):
            yield draft.document.fault(place, problem)
        given = [key for key in ("dicomweb", "folder") if key in entry]
        if len(given) != 1:
            yield draft.document.fault(place, "give dicomweb or folder" + (", not both" if given else ""))
        if "writable" in entry and given != ["folder"]:
            yield draft.document.fault((*place, "writable"), "only for an origin with folder")
        if given == ["folder"]:
            for key in ("auth", "connect_timeout_s", "read_timeout_s", "connections", "queue_timeout_s"):
                if key in entry:
                    yield draft.document.fault((*place, key), "only for an origin with dicomweb")


def _origin_target(draft: Draft) -> Iterator[ConfigFault]:
    for place, _, entry in draft.entries("origins"):
        url = text(entry, "dicomweb")
        if url is not None and (problem := url_problem(url)):
            yield draft.document.fault((*place, "dicomweb"), problem)
        folder = text(entry, "folder")
        if folder is not None and not (folder and (draft.folder / folder).is_dir()):
            hint = " (~ stands for nothing here: write the whole path)" if folder.startswith("~") else ""
            yield draft.document.fault((*place, "folder"), f"no folder {folder}{hint}")


def _origin_auth(draft: Draft) -> Iterator[ConfigFault]:
    for origin, _, entry in draft.entries("origins"):
        if not isinstance(auth := entry.get("auth"), Mapping):
            continue
        place = (*origin, "auth")
        if len([key for key in ("basic", "bearer") if key in auth]) != 1:
            yield draft.document.fault(place, "give basic or bearer")
        basic = mapping(auth, "basic")
        if ":" in (text(basic, "username") or ""):
            yield draft.document.fault((*place, "basic", "username"), "cannot hold a colon (RFC 7617)")
        for step, source in ((("basic", "password"), basic.get("password")), (("bearer",), auth.get("bearer"))):
            if not isinstance(source, Mapping):
                continue
            try:
                if not draft.secrets.get(source).text().isprintable():
                    raise ValueError("holds a character that no header can")
            except UnicodeDecodeError:
                yield draft.document.fault((*place, *step), "is not UTF-8 text")
            except ValueError as fault:
                yield draft.document.fault((*place, *step), str(fault))


def _counts(draft: Draft) -> Iterator[ConfigFault]:
    for key in ("origins", "worklists"):
        if draft.data.get(key) == {}:
            yield draft.document.fault((key,), "there is none")
    if "worklists" not in draft.data and not mapping(draft.data, "uplinks"):
        yield draft.document.fault(("worklists",), "missing")


def _worklist_name(draft: Draft) -> Iterator[ConfigFault]:
    for place, name, entry in draft.entries("worklists"):
        if problem := name_problem(name):
            yield draft.document.fault(place, problem)
        domain = text(entry, "domain")
        if domain is not None and (problem := domain_problem(domain)):
            yield draft.document.fault((*place, "domain"), problem)


def _worklist_origin(draft: Draft) -> Iterator[ConfigFault]:
    for place, _, entry in draft.entries("worklists"):
        name = text(entry, "origin")
        if name is not None and (problem := origin_problem(draft, name)):
            yield draft.document.fault((*place, "origin"), problem)


def _worklist_profile(draft: Draft) -> Iterator[ConfigFault]:
    for worklist, _, entry in draft.entries("worklists"):
        identified = is_true(entry, "identified")
        if identified and "profile" in entry:
            yield draft.document.fault(worklist, "give a profile or identified: true, not both")
        elif not identified and "profile" not in entry:
            yield draft.document.fault(worklist, "give a profile, or identified: true to pass identified data")
        name = text(entry, "profile")
        if name is not None and (problem := profile_problem(draft, name)):
            yield draft.document.fault((*worklist, "profile"), problem)


def _worklist_match(draft: Draft) -> Iterator[ConfigFault]:
    for worklist, _, entry in draft.entries("worklists"):
        seen: dict[int, str] = {}
        for key, value in mapping(entry, "match").items():
            place = (*worklist, "match", key)
            try:
                tag = match_tag(key)
            except ValueError as fault:
                yield draft.document.fault(place, str(fault))
                continue
            if tag in seen:
                yield draft.document.fault(place, f"the same attribute as {seen[tag]}")
            seen[tag] = key
            if isinstance(value, str) and (problem := _value_problem(tag, value)):
                yield draft.document.fault(place, problem)


def _worklist_studies(draft: Draft) -> Iterator[ConfigFault]:
    for worklist, _, entry in draft.entries("worklists"):
        studies = entry.get("studies")
        if not isinstance(studies, list):
            continue
        if not studies:
            yield draft.document.fault((*worklist, "studies"), "the list is empty; leave it out to select every study")
        for index, uid in enumerate(studies):
            if isinstance(uid, str) and not (_UID.fullmatch(uid) and len(uid) <= MAX_UID_LENGTH):
                yield draft.document.fault((*worklist, "studies", index), "not a Study Instance UID")


def _worklist_services(draft: Draft) -> Iterator[ConfigFault]:
    for worklist, _, entry in draft.entries("worklists"):
        services = entry.get("services")
        if services == []:
            yield draft.document.fault((*worklist, "services"), "list search, retrieve or store")
        is_read = stores_nothing(draft, text(entry, "origin") or "")
        for index, service in enumerate(services if isinstance(services, list) else ()):
            if service == "store" and is_read:
                what = "its origin is a folder that stores nothing; writable: true there lets it"
                yield draft.document.fault((*worklist, "services", index), what)


def _public_url(draft: Draft) -> Iterator[ConfigFault]:
    url = text(draft.data, "public_url")
    if url is not None and (problem := url_problem(url)):
        yield draft.document.fault(("public_url",), problem)


def _cors(draft: Draft) -> Iterator[ConfigFault]:
    for index, origin in enumerate(sequence(mapping(draft.data, "cors"), "origins")):
        if isinstance(origin, str) and origin != "*" and not _ORIGIN.fullmatch(origin):
            yield draft.document.fault(
                ("cors", "origins", index), "should be * or scheme://host, with a port if needed"
            )


def _proxies(draft: Draft) -> Iterator[ConfigFault]:
    for index, proxy in enumerate(sequence(draft.data, "trusted_proxies")):
        try:
            ip_network(str(proxy))
        except ValueError:
            yield draft.document.fault(("trusted_proxies", index), "not an IP address or network, such as 10.0.0.0/8")


RULES: tuple[Rule, ...] = (
    _secret,
    _previous_secrets,
    _state,
    _profile_folder,
    _counts,
    _origin_kind,
    _origin_target,
    _origin_auth,
    _worklist_name,
    _worklist_origin,
    _worklist_profile,
    _worklist_match,
    _worklist_studies,
    _worklist_services,
    collisions,
    _public_url,
    _cors,
    _proxies,
    *uplinks.RULES,
    *limits.RULES,
    *telemetry.RULES,
    *access.RULES,
    *entrances.RULES,
    *audit.RULES,
)


def _long_secret(draft: Draft, source: Mapping[str, Any]) -> bytes:
    try:
        value = draft.secrets.get(source).reveal()
    except ValueError as fault:
        if not isinstance(fault.__cause__, FileNotFoundError):
            raise
        raise ValueError(
            f"{fault}; make one with (umask 077; openssl rand -hex 32 > {quote(source['file'])})"
        ) from None
    if len(value) < MIN_SECRET_BYTES:
        raise ValueError(f"too short: it needs {MIN_SECRET_BYTES} random bytes or more")
    return value


def _readable(draft: Draft, source: object) -> bytes | None:
    """Return a secret, or None when there is none to read; that is another rule's fault to report."""
    try:
        return draft.secrets.get(source).reveal() if isinstance(source, Mapping) else None
    except ValueError:
        return None


def _value_problem(tag: int, value: str) -> str | None:
    if not value.strip("*, "):
        return "selects every study; leave it out or give a value"
    if dictionary.vr_of(tag) == "DA" and not _DATES.fullmatch(value):
        return "should be a date or a range: 20200101, 20200101-, -20201231, 20200101-20201231"
    if dictionary.vr_of(tag) == "TM" and not (has_wildcard(value) or parse_range("TM", value)):
        return "should be a time or a range: 0800, 0800-, -1200, 0800-1200"
    return None
