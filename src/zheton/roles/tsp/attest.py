"""Whether a device is what its registration says: its maker's certificate, and a fresh signature.

The challenge is not kept: it carries its moment and a MAC over moment, asker and serial number, so
that any process of the token service knows it again. For ten minutes it can be answered, by the
chip that it was made for and to the wallet that asked.
"""

import hmac
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from zheton.core.decline import Decline, Reason
from zheton.core.emv.device_certificate import certified_device
from zheton.core.emv.device_proof import Evidence, verify_proof
from zheton.core.errors import DecodeError, EncodeError, VerificationError
from zheton.core.token.audit.entry import unix_ms
from zheton.roles.tsp.ports import Keys
from zheton.roles.tsp.state import RegisteredDevice

CHALLENGE_LIVES = timedelta(minutes=10)
_MOMENT_BYTES = 8
RULE = "device-certificate"


def challenge(keys: Keys, requestor: str, serial: str, now: datetime) -> bytes:
    """40 bytes for a chip to sign (`core.emv.device_proof`)."""
    return _challenge(keys, requestor, serial, unix_ms(now))


def attested(
    keys: Keys,
    makers: Collection[bytes],
    device: RegisteredDevice,
    evidence: Evidence,
    now: datetime,
) -> RegisteredDevice | Decline:
    """The device with its chip's key, if a known maker made it and it is the one that answers.

    `makers` are their public keys. Declined where the certificate is of none of them, says another
    serial number or class, or where the chip did not sign this challenge with the certified key.
    """
    if not _is_ours(keys, device, evidence.challenge, now):
        return _refused("The challenge is not of the last ten minutes; register the device anew.")
    try:
        certified = certified_device(makers, evidence.certificate)
    except VerificationError as error:
        return _refused(str(error))
    if (certified.serial.hex(), certified.device_class) != (device.serial, device.device.value):
        return _refused("The device's certificate is for another device; it is not taken.")
    try:
        verify_proof(certified.key, certified.serial, evidence.challenge, evidence.proof)
    except (VerificationError, DecodeError, EncodeError):
        return _refused("The device does not have the key of its certificate; it is not taken.")
    return replace(device, chip_key=certified.key)


def _is_ours(keys: Keys, device: RegisteredDevice, given: bytes, now: datetime) -> bool:
    moment_ms = int.from_bytes(given[:_MOMENT_BYTES])
    age_ms = unix_ms(now) - moment_ms
    fresh = 0 <= age_ms < CHALLENGE_LIVES // timedelta(milliseconds=1)
    made = _challenge(keys, device.requestor, device.serial, moment_ms)
    return hmac.compare_digest(made, given) and fresh


def _challenge(keys: Keys, requestor: str, serial: str, moment_ms: int) -> bytes:
    mac = keys.challenge_mac(f"{requestor}:{serial}:{moment_ms}")
    return moment_ms.to_bytes(_MOMENT_BYTES) + mac


def _refused(text: str) -> Decline:
    return Decline(Reason.DOMAIN_DEVICE, text, RULE)
