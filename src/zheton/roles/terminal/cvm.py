"""Cardholder verification: on the device, by the card's list, or none (Kernel 2, CVM selection).

Up to the CVM limit nobody has to prove anything. Above it a wearable has done so itself (CDCVM);
a plain card has its CVM list (8E) processed by EMV Book 3, 10.5. This till has no PIN pad: of the
list's methods it can perform signature and no CVM, as far as its 9F33 says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.emv import tags
from zheton.core.errors import DecodeError
from zheton.roles.terminal.application import Profile
from zheton.roles.terminal.state import Setup
from zheton.roles.terminal.terminal_data import capabilities
from zheton.roles.terminal.tvr import Tvr

# CVM codes without b7, the one that tells to go on when a method fails (EMV Book 3, annex C3)
_FAIL, _SIGNATURE, _NO_CVM = 0x00, 0x1E, 0x1F
_RECOGNISED = frozenset({*range(0x06), _SIGNATURE, _NO_CVM})
_METHOD_BITS, _NEXT_IF_UNSUCCESSFUL = 0x3F, 0x40
_PLAINTEXT_PIN_BY_CHIP, _NOT_PERFORMED = 0x01, 0x3F
_UNKNOWN, _FAILED, _SUCCESSFUL = 0x00, 0x01, 0x02
_CAPABILITY = {_SIGNATURE: 0x20, _NO_CVM: 0x08}  # 9F33 byte 2


@dataclass(frozen=True, slots=True)
class Verification:
    """The value of 9F34, the TVR bits that go with it, and whether the receipt is to be signed."""

    results: bytes
    tvr: Tvr = Tvr.NONE
    signature: bool = False


def verify(card: Mapping[int, bytes], profile: Profile, setup: Setup) -> Verification:
    """How the cardholder is verified for this debit; DecodeError if the list is malformed."""
    if profile.on_device_verification:
        if setup.cvm_required:  # Kernel 2 tells CDCVM by the code of a PIN that the chip checked
            return Verification(bytes((_PLAINTEXT_PIN_BY_CHIP, 0x00, _SUCCESSFUL)))
        return Verification(bytes((_NOT_PERFORMED, 0x00, _SUCCESSFUL)))
    if not profile.cardholder_verification:
        return Verification(bytes((_NOT_PERFORMED, 0x00, _UNKNOWN)))
    methods = card.get(tags.CVM_LIST, b"")
    if len(methods) % 2:
        raise DecodeError("has an odd length", field=tags.name_of(tags.CVM_LIST), offset=0)
    if len(methods) <= 8:  # the two amounts and no rule
        return Verification(bytes((_NOT_PERFORMED, 0x00, _UNKNOWN)), Tvr.ICC_DATA_MISSING)
    return _by_list(methods, card.get(tags.APPLICATION_CURRENCY_CODE), setup)


def _by_list(methods: bytes, card_currency: bytes | None, setup: Setup) -> Verification:
    """The first rule whose condition holds and whose method succeeds (EMV Book 3, 10.5)."""
    tvr = Tvr.NONE
    amounts = int.from_bytes(methods[:4]), int.from_bytes(methods[4:8])
    comparable = card_currency == bytes.fromhex(setup.config.currency.zfill(4))
    for at in range(8, len(methods), 2):
        code, condition = methods[at : at + 2]
        method = code & _METHOD_BITS
        can = bool(capabilities(setup)[1] & _CAPABILITY.get(method, 0))
        if not _holds(
            condition, can, setup.transaction.amount.minor, amounts if comparable else None
        ):
            continue
        if method not in _RECOGNISED:
            tvr |= Tvr.UNRECOGNISED_CVM
        elif can:
            done = _UNKNOWN if method == _SIGNATURE else _SUCCESSFUL
            return Verification(bytes((code, condition, done)), tvr, method == _SIGNATURE)
        if method == _FAIL or not code & _NEXT_IF_UNSUCCESSFUL:
            return Verification(bytes((code, condition, _FAILED)), tvr | Tvr.CVM_FAILED)
    return Verification(bytes((_NOT_PERFORMED, 0x00, _FAILED)), tvr | Tvr.CVM_FAILED)


def _holds(condition: int, can: bool, amount: int, limits: tuple[int, int] | None) -> bool:
    """A condition of EMV Book 3, annex C3, at a till that gives no cash and no cashback.

    The amounts X and Y mean something only in the card's own currency.
    """
    if condition == 0x03:  # if the terminal supports the method
        return can
    if condition in (0x00, 0x02):  # always; if neither cash nor cashback
        return True
    if limits is None or not 0x06 <= condition <= 0x09:
        return False
    limit = limits[0] if condition <= 0x07 else limits[1]
    return amount > limit if condition & 1 else amount < limit
