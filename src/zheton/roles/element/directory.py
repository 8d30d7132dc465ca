"""What SELECT finds on the NFC side, and how it is described: the PPSE and one ADF a card.

The PPSE (Book B, 3.3.1) lists the cards with their priorities, the armed card first. Descriptions
hold nothing that differs between two devices with the same kinds of card.
"""

from zheton.core.emv import status, tags
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.tlv import encode, encode_all
from zheton.roles.element.log import LOG_ENTRY
from zheton.roles.element.state import Card

PPSE_NAME = b"2PAY.SYS.DDF01"

BY_NAME = 0x04
_FIRST, _NEXT = 0x00, 0x02
_NAME_BYTES_MAX = 16
_LATIN_1 = b"\x01"  # Issuer Code Table Index: ISO/IEC 8859-1
# EMV Book 1, annex B: in the order of tags of the standards an extended IIN has 9F0C.
_IIN_EXTENDED = 0x9F0C


def select(names: tuple[bytes, ...], selected: bytes | None, command: Command) -> bytes | Response:
    """The name that SELECT [by name] means, or the response that refuses it.

    A partial name matches every name that begins with it; *next occurrence* goes on after the one
    that is selected (ISO 7816-4, 11.2.2; EMV Book 1, 12.3.3).
    """
    if command.p1 != BY_NAME or command.p2 not in (_FIRST, _NEXT):
        return Response(sw=status.INCORRECT_P1_P2)
    if len(command.data) > _NAME_BYTES_MAX:
        return Response(sw=status.WRONG_LENGTH)
    start = names.index(selected) + 1 if command.p2 == _NEXT and selected in names else 0
    found = next((name for name in names[start:] if name.startswith(command.data)), None)
    if found is None or not command.data:
        return Response(sw=status.FILE_NOT_FOUND)
    return found


def describe_ppse(cards: tuple[Card, ...]) -> bytes:
    """The FCI of the PPSE: one entry (61) a card, priorities counted in the order given."""
    entries = b"".join(
        [
            encode(
                tags.APPLICATION_TEMPLATE,
                encode_all(
                    (
                        (tags.ADF_NAME, card.name),
                        (tags.APPLICATION_LABEL, card.profile.label.encode("ascii")),
                        (tags.APPLICATION_PRIORITY_INDICATOR, bytes((priority,))),
                        (tags.KERNEL_IDENTIFIER, bytes((card.profile.kernel_id,))),
                    )
                ),
            )
            for priority, card in enumerate(cards, start=1)
        ]
    )
    return describe(PPSE_NAME, encode(tags.FCI_ISSUER_DISCRETIONARY_DATA, entries))


def describe_card(card: Card, priority: int) -> bytes:
    """The FCI of a card's ADF (Book 1, table 45): how it is called and what its GPO wants."""
    profile = card.profile
    label = profile.label.encode("ascii")
    proprietary = encode_all(
        (
            (tags.APPLICATION_LABEL, label),
            (tags.APPLICATION_PRIORITY_INDICATOR, bytes((priority,))),
            (tags.PDOL, profile.pdol),
            (tags.LANGUAGE_PREFERENCE, profile.language.encode("ascii")),
            (tags.ISSUER_CODE_TABLE_INDEX, _LATIN_1),
            (tags.APPLICATION_PREFERRED_NAME, label),
            (tags.FCI_ISSUER_DISCRETIONARY_DATA, _discretionary(profile)),
        )
    )
    return describe(card.name, proprietary)


def _discretionary(profile: CardProfile) -> bytes:
    """The token range's BIN, which is public, and where a log lies, whether there is one or not.

    The BIN is 42 for 6 digits, the extended 9F0C for 8.
    """
    digits = bytes.fromhex(profile.token_bin)
    tag = tags.ISSUER_IDENTIFICATION_NUMBER if len(digits) == 3 else _IIN_EXTENDED
    return encode_all(((tag, digits), (tags.LOG_ENTRY, LOG_ENTRY)))


def describe(name: bytes, proprietary: bytes) -> bytes:
    """An FCI (6F): the name (84) and the proprietary part (A5), given as data objects."""
    return encode(
        tags.FCI_TEMPLATE,
        encode_all(((tags.DF_NAME, name), (tags.FCI_PROPRIETARY_TEMPLATE, proprietary))),
    )
