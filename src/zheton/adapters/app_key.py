"""The key pair of an app: what the vault seals to it passes the wallet unread.

JWE (RFC 7516) by ECDH-ES with A256KW on P-256, content under A256GCM. The phone makes the pair and
keeps the private key; the public one came to the vault inside a card's envelope.
"""

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from zheton.core.errors import ConfigurationError, EncodeError, VerificationError

ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]
_CURVE = "P-256"
_PUBLIC = ("kty", "crv", "x", "y")


def fresh_app_key() -> dict[str, Any]:
    """A new key pair (JWK); it holds the private key."""
    return dict(ECKey.generate_key(_CURVE).as_dict(private=True))


def public_part(app_key: Mapping[str, Any]) -> dict[str, str]:
    """What others may know of a key pair; ConfigurationError if it is none."""
    try:
        return {name: str(app_key[name]) for name in _PUBLIC}
    except KeyError:
        raise ConfigurationError("The app's key is damaged; add the card again.") from None


class AppSeal:
    """Seals to apps (`roles.tsp.ports.AppSeal`)."""

    def seal(self, app_key: str, content: bytes) -> str:
        """A JWE to a public key (JWK in JSON); EncodeError if it is no point of the curve."""
        header = {"alg": ALGORITHMS[0], "enc": ALGORITHMS[1]}
        try:
            key = ECKey.import_key(json.loads(app_key))
            return jwe.encrypt_compact(header, content, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            raise EncodeError("it is no key that one can seal to", field="appKey") from None


def open_for_app(jwe_text: str, app_key: Mapping[str, Any]) -> bytes:
    """What the vault sealed to this app; VerificationError if to another, or it was changed."""
    try:
        key = ECKey.import_key(dict(app_key))
        return jwe.decrypt_compact(jwe_text, key, algorithms=ALGORITHMS).plaintext or b""
    except (JoseError, ValueError, KeyError):
        raise VerificationError(
            "What came is not sealed to this phone, or was changed on its way; ask again."
        ) from None
