"""The issuer's messages to cardholders in a file, where the issuer is a process of its own.

It stands in for a gateway to the telephone network: one JSON object a line, for the owner's eyes.
"""

import json
import logging
import os
from pathlib import Path

BYTES_MAX = 1_000_000  # then the file is put aside once, and the one put aside before is gone
_log = logging.getLogger(__name__)


class LetterFile:
    """Appends messages to a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, phone: str, text: str) -> None:
        """Write one message; a disk that takes none is told of in the log and stops nobody."""
        line = json.dumps({"phone": phone, "text": text}, ensure_ascii=False) + "\n"
        try:
            if self._path.exists() and self._path.stat().st_size > BYTES_MAX:
                self._path.replace(self._path.with_suffix(".before"))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.error("a message to a cardholder is lost: %s", error.strerror)
