"""Terminal risk management and terminal action analysis (EMV Book 3, 10.6 and 10.7)."""

from collections.abc import Mapping
from enum import IntEnum

from zheton.core.emv import tags
from zheton.roles.terminal.state import Setup
from zheton.roles.terminal.tvr import Tvr

_ALL, _NOTHING = b"\xff" * 5, bytes(5)


class CryptogramType(IntEnum):
    """What a GENERATE AC asks for and what 9F27 says it got (EMV Book 3, tables 12 and 15)."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


def floor_limit(setup: Setup) -> Tvr:
    """The only risk check of a contactless till: is the amount above the floor limit?"""
    exceeded = setup.transaction.amount.minor > setup.combination.limits.floor
    return Tvr.FLOOR_LIMIT_EXCEEDED if exceeded else Tvr.NONE


def action(card: Mapping[int, bytes], tvr: Tvr, setup: Setup) -> CryptogramType:
    """Which cryptogram to ask for, by the issuer's and the acquirer's action codes (10.7).

    Where the card holds no issuer action codes, denial is all zeros and the others all ones.
    """
    codes, seen = setup.combination.action_codes, tvr.encode()
    if _hit(seen, codes.denial, card.get(tags.ISSUER_ACTION_CODE_DENIAL, _NOTHING)):
        return CryptogramType.AAC
    if setup.config.online_only:
        return CryptogramType.ARQC
    if setup.config.online_capable:
        online = _hit(seen, codes.online, card.get(tags.ISSUER_ACTION_CODE_ONLINE, _ALL))
        return _unless_unproved(CryptogramType.ARQC if online else CryptogramType.TC, tvr, setup)
    stop = _hit(seen, codes.default, card.get(tags.ISSUER_ACTION_CODE_DEFAULT, _ALL))
    return _unless_unproved(CryptogramType.AAC if stop else CryptogramType.TC, tvr, setup)


def _unless_unproved(wanted: CryptogramType, tvr: Tvr, setup: Setup) -> CryptogramType:
    """A TC of a card that was not authenticated proves nothing to the till: it is not asked for."""
    if wanted is not CryptogramType.TC or Tvr.ODA_NOT_PERFORMED not in tvr:
        return wanted
    return CryptogramType.ARQC if setup.config.online_capable else CryptogramType.AAC


def _hit(seen: bytes, *masks: bytes) -> bool:
    return any(any(bit & want for bit, want in zip(seen, mask, strict=True)) for mask in masks)
