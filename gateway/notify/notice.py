"""What a message says: where the images are and until when; nothing of the exam, the patient or the sender."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

__all__ = ["DEFAULT_SUBJECT", "Notice"]

DEFAULT_SUBJECT = "Images have been shared with you"


@dataclass(frozen=True, slots=True)
class Notice:
    """One share. ``url`` opens it, so it does not print."""

    url: str = field(repr=False)
    expires: datetime

    @property
    def identity(self) -> str:
        """Return what is the same when the message is sent again, and tells nothing: a receiver can drop the second."""
        return hashlib.sha256(b"dicomveil notice\0" + self.url.encode()).hexdigest()[:32]

    @property
    def ends(self) -> str:
        """Return the end in words that no locale changes."""
        return f"{self.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def text(self) -> str:
        """Return the message as plain text."""
        return (
            "Images have been shared with you. You can look at them and download them here:\n\n"
            f"{self.url}\n\n"
            f"The link works until {self.ends}. Whoever has it can see the images, so please do not pass it on.\n"
            "If you were given a PIN, the page asks for it.\n\n"
            "This message was sent automatically.\n"
        )

    def html(self) -> str:
        """Return the same as a page that loads nothing."""
        url = escape(self.url)
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Images</title></head><body>'
            "<p>Images have been shared with you. You can look at them and download them here:</p>"
            f'<p><a href="{url}">{url}</a></p>'
            f"<p>The link works until {escape(self.ends)}. Whoever has it can see the images, so please do not pass it"
            " on. If you were given a PIN, the page asks for it.</p>"
            "<p>This message was sent automatically.</p></body></html>\n"
        )
