"""What each target starts from: something honest of its kind, written by our own encoders."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from tests.fuzz.conversations import EXCHANGES_MAX, personalised
from tests.unit.adapters.test_ipm import FILE
from tests.unit.core.iso8583.test_iso8583_message import PURCHASE
from tests.unit.roles.element.conftest import MASTERCARD, make_package, make_profile
from tests.unit.roles.terminal.test_terminal_tap import (
    AID,
    CDOL1,
    IAD,
    NUMBER,
    RECORD,
    cryptogram,
    directory,
    entry,
    fci,
    options,
)
from zheton.adapters import ipm
from zheton.core.ble.fragment import Message, fragments
from zheton.core.ble.report import CardReport, Report
from zheton.core.emv import perso, tlv
from zheton.core.emv.apdu import Command
from zheton.core.iso8583 import message
from zheton.core.iso8583.dialect import DIALECT, PACKED

_CONTROLS = {
    "channels": ["till"],
    "regions": {"only": ["RU"]},
    "merchants": {"never": ["1234567"]},
    "debitMinor": 100,
    "dayCount": 3,
    "from": "2019-08-30",
}
_CARD = {
    "pan": "5204730000000013",
    "expiry": "12/25",
    "device": "00" * 10,
    "appKey": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
}
_SELECT = Command(0x00, 0xA4, 0x04, 0x00, AID, le=256).encode()
_FRAGMENTS = b"".join(bytes((len(each),)) + each for each in fragments(Message(7, _SELECT * 3), 23))
_TALK = [bytes((choice,)) * EXCHANGES_MAX for choice in range(12)]
# Arm, SELECT, GPO, READ RECORD, relay resistance, both GENERATE AC, in T=1's and T=0's first byte.
_DEBITS = [bytes((link, 0, 0, 1, 1, 1, 3, 1, 4, 1, 6, 1, 7, 1, 8)) for link in range(2)]
# A session of each level with either domain, then a data grouping and GET STATUS in it.
_WRAPPED = bytes((8, 1, 3, 8)) + bytes(8) + bytes((8, 0, 3, 0x40, 2, 2, 0x4F, 0))
_SESSIONS = [bytes((0, 7, level, domain)) + _WRAPPED for level in range(5) for domain in range(2)]

SEEDS: Mapping[str, Sequence[bytes]] = {
    "tlv": [directory(entry(AID, 1)), tlv.encode(0x70, tlv.encode_all(RECORD.items())), options()],
    "dol": [CDOL1, bytes.fromhex("9F1D089F1A029F3501")],
    "apdu": [_SELECT, bytes.fromhex("00A4040000000702A0000000040000"), b"\x6a\x82"],
    "fci": [directory(entry(AID, 1, b"\2"), entry(AID, 2, b"\x81\6\x43")), fci(AID, CDOL1)],
    "gpo": [options(), bytes.fromhex("8006028008010100")],
    "afl": [bytes.fromhex("080101001001020018010300")],
    "identity": [b"\x08" + bytes.fromhex(NUMBER) + RECORD[0x5F24] + b"\1\x12" + RECORD[0x57]],
    "ac": [cryptogram(0x80), tlv.encode(0x80, b"\x80\0\7ARQCARQC" + IAD)],
    "iad": [b"\0" + IAD, b"\xff\x0f\xa6\1\x20\0\0\0\0" + bytes(8) + b"\x0f" + bytes(15)],
    "iso8583": [message.encode(DIALECT, PURCHASE)],
    "iso8583-packed": [message.encode(PACKED, PURCHASE)],
    "de48": [b"2503TAR9206123456", b"010000012311220930000000040000100000000000"],
    "dgi": [perso.encode_dgis(make_package(make_profile(MASTERCARD), MASTERCARD, size=2))],
    "profile": [make_profile(MASTERCARD).encode()],
    "image": [personalised()],
    "ble": [_FRAGMENTS],
    "report": [Report(bytes(10), armed=True, cards=(CardReport(bytes(16), 3, 1),)).encode()],
    "card-entry": [json.dumps(_CARD).encode()],
    "jwe": [b"eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.AA.AA.AA.AA"],
    "ipm": [ipm.write(FILE)],
    "policy": [(files("zheton") / "data" / "policy" / "mi-pay-2019.toml").read_bytes()],
    "controls": [json.dumps(_CONTROLS).encode()],
    "sheet": [json.dumps({"format": 1, "card": None, "tokens": {"t": _CONTROLS}}).encode()],
    "kernel": [bytes((card,)) + talk for card in range(3) for talk in _TALK],
    "element": [*_TALK, *_DEBITS, *_SESSIONS],
}
