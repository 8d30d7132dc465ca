"""GET DATA (GPC 2.3.1, 11.3 and annex H): what a domain tells to everybody on its link."""

from zheton.core.emv import status
from zheton.core.emv.tlv import encode
from zheton.core.scp03.initialize import I_PARAMETER, SCP
from zheton.core.scp03.keys import SEQUENCE_COUNTER_BYTES
from zheton.roles.element.gp.put_key import KEY_TYPE_AES
from zheton.roles.element.registry import Domain
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

ISSUER_IDENTIFICATION_NUMBER, CARD_IMAGE_NUMBER = 0x42, 0x45
_CARD_DATA, _CARD_CAPABILITIES, _KEY_INFORMATION = 0x66, 0x67, 0xE0
_SEQUENCE_COUNTER, _CPLC = 0xC1, 0x9F7F

_OBJECT_IDENTIFIER = 0x06
_GLOBALPLATFORM = bytes.fromhex("2A864886FC6B")  # 1.2.840.114283
# Card recognition data (H.2, table H-1): of GlobalPlatform, its version, its scheme, its channel.
_RECOGNITION = (
    (None, _GLOBALPLATFORM + b"\x01"),
    (0x60, _GLOBALPLATFORM + b"\x02\x02\x03\x01"),
    (0x63, _GLOBALPLATFORM + b"\x03"),
    (0x64, _GLOBALPLATFORM + bytes((4, SCP, I_PARAMETER))),
)
_AES_128_192_256 = b"\x07"  # H.4, table H-7


def get_data(state: ElementState, domain: Domain, tag: int) -> bytes:
    """A data object with its tag; Rejected (6A88) if this domain has none of this tag."""
    registry = state.registry
    values = {
        _CARD_DATA: recognition(),
        _CARD_CAPABILITIES: _capabilities(),
        _KEY_INFORMATION: _key_information(domain),
        _SEQUENCE_COUNTER: _sequence_counter(domain),
    }
    if domain.aid == state.issuer_domain.aid:
        values |= {
            ISSUER_IDENTIFICATION_NUMBER: registry.issuer_identification,
            CARD_IMAGE_NUMBER: registry.card_image,
            _CPLC: _production_life_cycle(state),
        }
    if not values.get(tag):
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    return encode(tag, values[tag])


def recognition() -> bytes:
    """Card recognition data (73): whose card management this is, and which secure channel (H.2)."""
    parts = []
    for tag, identifier in _RECOGNITION:
        coded = encode(_OBJECT_IDENTIFIER, identifier)
        parts.append(coded if tag is None else encode(tag, coded))
    return encode(0x73, b"".join(parts))


def _capabilities() -> bytes:
    """Card capability information (H.4): SCP03 with its option and its key sizes."""
    channel = ((0x80, bytes((SCP,))), (0x81, bytes((I_PARAMETER,))), (0x82, _AES_128_192_256))
    return encode(0xA0, b"".join([encode(tag, value) for tag, value in channel]))


def _key_information(domain: Domain) -> bytes:
    """Key information template (11.3.3.1): C0 { identifier, version, type, length } a key."""
    return b"".join(
        [
            encode(0xC0, bytes((key, each.version, KEY_TYPE_AES, len(each.keys.enc))))
            for each in domain.key_sets
            for key in (1, 2, 3)
        ]
    )


def _sequence_counter(domain: Domain) -> bytes:
    """Of the key set that a host gets who names none; it can prepare a session by it."""
    found = domain.key_set()
    return found.sequence.to_bytes(SEQUENCE_COUNTER_BYTES) if found else b""


def _production_life_cycle(state: ElementState) -> bytes:
    """The CPLC, 42 bytes (H.6 of GPC 2.2, kept by every tool): serial number and day, zeros else.

    The chip's serial number of 10 bytes is where a reader looks for one: IC serial number (4),
    batch (2), equipment that personalised it first (4).
    """
    serial, made = state.serial, state.registry.made
    integrated_circuit = bytes(10) + made + serial[:4] + serial[4:6]
    module_and_card = bytes(2) + made + bytes(2) + made
    first = bytes(2) + made + serial[6:]
    return integrated_circuit + module_and_card + first + bytes(2) + made + bytes(4)
