"""Settings: one YAML file, checked as a whole; every fault at once, each with file and line."""

from gateway.config.load import load_settings
from gateway.config.model import (
    BasicAuth,
    BearerAuth,
    DicomwebOrigin,
    FolderOrigin,
    Notify,
    Origin,
    Secret,
    Service,
    Settings,
    SharePolicy,
    Smtp,
    Uplink,
    Webhook,
    Worklist,
)

__all__ = [
    "BasicAuth",
    "BearerAuth",
    "DicomwebOrigin",
    "FolderOrigin",
    "Notify",
    "Origin",
    "Secret",
    "Service",
    "Settings",
    "SharePolicy",
    "Smtp",
    "Uplink",
    "Webhook",
    "Worklist",
    "load_settings",
]
