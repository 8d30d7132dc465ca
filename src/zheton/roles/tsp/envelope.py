"""What an entry form seals to the vault, out of the wallet's sight: a card, a chip and a phone.

The wallet carries the envelope and can't open it. So whose band the card's numbers go into and
whose phone reads its online numbers is the cardholder's word and not the wallet's.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.token.pan import Pan

ENVELOPE_CHARACTERS_MAX = 4096
_SERIAL = re.compile("[0-9a-f]{20}")
# RFC 7518, 6.2.1: a public key on P-256, its coordinates of 32 bytes in base64url.
_APP_KEY = {
    "kty": re.compile("EC"),
    "crv": re.compile("P-256"),
    "x": re.compile("[A-Za-z0-9_-]{43}"),
    "y": re.compile("[A-Za-z0-9_-]{43}"),
}


@dataclass(frozen=True, slots=True)
class EnteredCard:
    """What the cardholder typed: the number and the expiry date (YYMM); and for what it is.

    `device` is the serial number of a chip (20 hex digits), `app_key` the phone's public key: a
    JWK in JSON, of its required members in lexical order.
    """

    pan: Pan
    expiry: str
    device: str
    app_key: str = field(repr=False)


def read_envelope(content: bytes) -> EnteredCard:
    """The content of an opened envelope: JSON with `pan`, `expiry` (MM/YY), `device`, `appKey`.

    DecodeError if it is another thing, EncodeError for a number or date that was typed wrong.
    """
    try:
        entered = json.loads(content)
        month, _, year = str(entered["expiry"]).replace(" ", "").partition("/")
        pan = Pan(str(entered["pan"]))
        device, app_key = str(entered["device"]).lower(), entered["appKey"]
    except (ValueError, TypeError, KeyError, RecursionError):
        # Not chained: a JSON error carries the document, and with it the card number.
        raise DecodeError("it holds no card", field="envelope", offset=0) from None
    if not (f"{month}{year}".isascii() and f"{month}{year}".isdigit() and len(year) == 2):
        raise EncodeError("the expiry date is written MM/YY", field="expiry")
    if len(month) != 2 or not 1 <= int(month) <= 12:
        raise EncodeError("the expiry date is written MM/YY", field="expiry")
    if not _SERIAL.fullmatch(device):
        raise DecodeError("it names no chip", field="envelope", offset=0)
    return EnteredCard(pan, year + month, device, _public_key(app_key))


def _public_key(jwk: Any) -> str:
    """The required members of a public key and no others, which might be private ones."""
    if not isinstance(jwk, Mapping) or not all(
        isinstance(jwk.get(name), str) and form.fullmatch(jwk[name])
        for name, form in _APP_KEY.items()
    ):
        raise DecodeError("it holds no key of an app", field="envelope", offset=0)
    return json.dumps({name: jwk[name] for name in sorted(_APP_KEY)}, separators=(",", ":"))
