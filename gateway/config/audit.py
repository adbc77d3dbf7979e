"""Where it is put on record who did what: rules over the settings file, and what the settings become."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.adapters.syslog import tls_context
from gateway.config import schema
from gateway.config.draft import Draft, Place, Rule, mapping, sequence, text
from gateway.config.model import Audit, AuditSink
from gateway.core.errors import ConfigFault

__all__ = ["RULES", "make_audit"]

_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def _sinks(draft: Draft) -> Iterator[tuple[Place, Mapping[str, object]]]:
    for index, sink in enumerate(sequence(mapping(draft.data, "audit"), "to")):
        if isinstance(sink, Mapping):
            yield ("audit", "to", index), sink


def _kinds(draft: Draft) -> Iterator[ConfigFault]:
    audit = mapping(draft.data, "audit")
    if audit.get("to") == []:
        yield draft.document.fault(("audit", "to"), "list a file or a syslog server")
    if audit and "secret" not in draft.data:
        yield draft.document.fault(("audit",), "needs a secret: records are chained by a key that is made of it")
    source = text(audit, "source")
    if source is not None and not (source and source.isprintable()):
        yield draft.document.fault(("audit", "source"), "should be one line of text")
    for place, sink in _sinks(draft):
        given = [key for key in ("file", "syslog") if key in sink]
        if len(given) != 1:
            yield draft.document.fault(place, "give file or syslog" + (", not both" if given else ""))
        elif "tls" in sink and given != ["syslog"]:
            yield draft.document.fault((*place, "tls"), "only for syslog")


def _files(draft: Draft) -> Iterator[ConfigFault]:
    seen: set[Path] = set()
    for sink, entry in _sinks(draft):
        name = text(entry, "file")
        if name is None:
            continue
        place, path = (*sink, "file"), draft.folder / name
        if not path.parent.is_dir():
            yield draft.document.fault(place, f"no folder {path.parent}")
        elif path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            yield draft.document.fault(place, f"cannot write {name}")
        if path.resolve() in seen:
            yield draft.document.fault(place, "the same file as one above")
        seen.add(path.resolve())


def _servers(draft: Draft) -> Iterator[ConfigFault]:
    for place, entry in _sinks(draft):
        address, tls = text(entry, "syslog"), mapping(entry, "tls")
        if address is not None and _split(address) is None:
            yield draft.document.fault((*place, "syslog"), "should be HOST:PORT, such as log.example.org:6514")
        if "key" in tls and "certificate" not in tls:
            yield draft.document.fault((*place, "tls", "key"), "of no certificate")
        files = {key: str(draft.folder / name) for key in ("ca", "certificate", "key") if (name := text(tls, key))}
        try:
            tls_context(files.get("ca"), files.get("certificate"), files.get("key"))
        except OSError as error:  # also what is not a certificate
            what = _missing(tls, files) or error.strerror or type(error).__name__
            yield draft.document.fault((*place, "tls"), f"cannot be used: {what}")


def _missing(tls: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Name what is not there."""
    return ", ".join(f"no file {text(tls, key)}" for key, name in files.items() if not Path(name).is_file())


RULES: tuple[Rule, ...] = (_kinds, _files, _servers)


def make_audit(audit: schema.Audit | None, folder: Path) -> Audit | None:
    """Make the audit settings of a file that the rules found sound."""
    if audit is None:
        return None
    return Audit(tuple(_make_sink(sink, folder) for sink in audit.to), audit.required, audit.source)


def _make_sink(sink: schema.AuditSink, folder: Path) -> AuditSink:
    host, port = _split(sink.syslog or "") or ("", 0)
    tls = sink.tls or schema.AuditTls()
    ca, certificate, key = (str(folder / name) if name else None for name in (tls.ca, tls.certificate, tls.key))
    return AuditSink(folder / sink.file if sink.file else None, host, port, ca, certificate, key, sink.form)


def _split(address: str) -> tuple[str, int] | None:
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65536:
        return None
    return found["host"].strip("[]"), int(found["port"])
