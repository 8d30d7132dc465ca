"""Card envelopes: JWE (RFC 7516) from an entry form to the vault's key, which the form pins."""

from collections.abc import Iterable
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from zheton.core.errors import VerificationError

ALGORITHMS = ["RSA-OAEP-256", "A256GCM"]
RSA_BITS = 2048


def seal_envelope(content: bytes, public_key: dict[str, Any], thumbprint: str) -> str:
    """What an entry form does: a JWE to the vault's key, which has to be the one that is pinned."""
    key = RSAKey.import_key(public_key)
    if key.thumbprint() != thumbprint:
        raise VerificationError("The vault's key is not the one that is pinned; nothing was sent.")
    header = {"alg": ALGORITHMS[0], "enc": ALGORITHMS[1]}
    return jwe.encrypt_compact(header, content, key, algorithms=ALGORITHMS)


def open_envelope(jwe_text: str, keys: Iterable[RSAKey]) -> bytes:
    """The content of a JWE to one of some keys; VerificationError if none opens it."""
    for key in keys:
        try:
            return jwe.decrypt_compact(jwe_text, key, algorithms=ALGORITHMS).plaintext or b""
        except (JoseError, ValueError):
            continue
    raise VerificationError(
        "The envelope does not open: it was sealed to another key, or changed on its way."
    )
