"""Settings: one YAML file, checked as a whole; every fault at once, each with file and line."""

from gateway.config.limits import DEFAULT_LIMITS
from gateway.config.load import load_settings
from gateway.config.model import (
    Audit,
    AuditSink,
    BasicAuth,
    BearerAuth,
    DicomwebOrigin,
    FolderOrigin,
    Limits,
    Notify,
    Origin,
    Secret,
    Service,
    Settings,
    SharePolicy,
    Smtp,
    Tls,
    Uplink,
    Webhook,
    Worklist,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Audit",
    "AuditSink",
    "BasicAuth",
    "BearerAuth",
    "DicomwebOrigin",
    "FolderOrigin",
    "Limits",
    "Notify",
    "Origin",
    "Secret",
    "Service",
    "Settings",
    "SharePolicy",
    "Smtp",
    "Tls",
    "Uplink",
    "Webhook",
    "Worklist",
    "load_settings",
]
