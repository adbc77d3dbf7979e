"""Settings: one YAML file, checked as a whole; every fault at once, each with file and line."""

from gateway.config.load import load_settings
from gateway.config.model import (
    BasicAuth,
    BearerAuth,
    DicomwebOrigin,
    FolderOrigin,
    Origin,
    Secret,
    Service,
    Settings,
    Worklist,
)

__all__ = [
    "BasicAuth",
    "BearerAuth",
    "DicomwebOrigin",
    "FolderOrigin",
    "Origin",
    "Secret",
    "Service",
    "Settings",
    "Worklist",
    "load_settings",
]
