"""The key derivation of SCP03 and what is made with it (Amendment D, 4.1.5 and 6.2)."""

from dataclasses import dataclass, field

from zheton.core.crypto.aes import checked_key
from zheton.core.crypto.mac import cmac
from zheton.core.errors import EncodeError

CHALLENGE_BYTES = CRYPTOGRAM_BYTES = 8  # S8 mode
SEQUENCE_COUNTER_BYTES = 3
_BLOCK_BITS = 128

# Derivation constants (4.1.5, table 4-1)
_CARD_CRYPTOGRAM, _HOST_CRYPTOGRAM, _CARD_CHALLENGE = 0x00, 0x01, 0x02
_S_ENC, _S_MAC, _S_RMAC = 0x04, 0x06, 0x07


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """A security domain's keys, all of 16, 24 or 32 bytes; `dek` wraps keys sent by PUT KEY."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not len(checked_key(self.enc)) == len(self.mac) == len(self.dek):
            raise EncodeError("the three keys have the same length", field="SCP03 keys")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one session: encryption, command MAC, response MAC."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    rmac: bytes = field(repr=False)


def derive_session(static: StaticKeys, host_challenge: bytes, card_challenge: bytes) -> SessionKeys:
    """The session keys of two challenges of 8 bytes, as long as the static ones (6.2.1)."""
    context, bits = _context(host_challenge, card_challenge), 8 * len(static.enc)
    return SessionKeys(
        enc=_derive(static.enc, _S_ENC, bits, context),
        mac=_derive(static.mac, _S_MAC, bits, context),
        rmac=_derive(static.mac, _S_RMAC, bits, context),
    )


def card_cryptogram(session: SessionKeys, host_challenge: bytes, card_challenge: bytes) -> bytes:
    """The 8 bytes by which the card shows that it knows the keys (6.2.2.2)."""
    return _derive(session.mac, _CARD_CRYPTOGRAM, 64, _context(host_challenge, card_challenge))


def host_cryptogram(session: SessionKeys, host_challenge: bytes, card_challenge: bytes) -> bytes:
    """The 8 bytes by which the host shows that it knows the keys (6.2.2.3)."""
    return _derive(session.mac, _HOST_CRYPTOGRAM, 64, _context(host_challenge, card_challenge))


def pseudo_random_challenge(static: StaticKeys, sequence_counter: int, aid: bytes) -> bytes:
    """The card's challenge of 8 bytes where i has the bit 10 (6.2.2.1).

    `aid` names the security domain that opens the channel. `sequence_counter` is the value that
    the card sends along. Our card raises it, as SCP02 does, when a session was opened, that is
    when the host's cryptogram and MAC have been verified, before it answers: a recorded session
    then never opens again, while a host that cannot hear the card may prepare the next session in
    advance, which strangers' attempts do not spoil. It starts anew with new keys, and a card
    refuses to open a session at its end.
    """
    if not 0 <= sequence_counter < 1 << 8 * SEQUENCE_COUNTER_BYTES:
        raise EncodeError("it has 3 bytes", field="sequence counter")
    context = sequence_counter.to_bytes(SEQUENCE_COUNTER_BYTES) + aid
    return _derive(static.enc, _CARD_CHALLENGE, 64, context)


def _context(host_challenge: bytes, card_challenge: bytes) -> bytes:
    if not len(host_challenge) == len(card_challenge) == CHALLENGE_BYTES:
        raise EncodeError(f"it has {CHALLENGE_BYTES} bytes", field="challenge")
    return host_challenge + card_challenge


def _derive(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    """NIST SP 800-108 in counter mode with CMAC; label, separator, length, counter, context."""
    label = bytes(11) + bytes((constant, 0x00)) + bits.to_bytes(2)
    blocks = range(1, -(-bits // _BLOCK_BITS) + 1)
    derived = b"".join([cmac(key, label + bytes((number,)) + context) for number in blocks])
    return derived[: bits // 8]
