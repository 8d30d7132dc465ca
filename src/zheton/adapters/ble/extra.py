"""Whether Bluetooth is installed; the other modules of this folder can't be imported without."""

import logging
from importlib.util import find_spec

from zheton.core.errors import ConfigurationError


def require_bluetooth() -> None:
    """ConfigurationError if the extra is not installed; call it before importing the rest."""
    if find_spec("bumble") is None:
        raise ConfigurationError(
            "Bluetooth needs the package bumble, which is not installed; run make ble."
        )
    # Its debugging log tells link keys and passkeys, so it stays silent under --debug as well.
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
