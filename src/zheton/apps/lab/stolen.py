"""What a thief of the vault's database finds by trying card numbers, with and without a key.

Cards are put into a vault of their own and, beside it, into a column as many vaults have it: the
unkeyed SHA-512 of the card number. The thief has both files. He knows an issuer's BIN and that it
gives out accounts in order, so a million numbers hold all the cards; they are as many as are left
of one card whose BIN and last four digits he knows.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from zheton.apps.wiring import Installation
from zheton.core.crypto.mac import hmac_sha256
from zheton.core.token.lifecycle import CardStatus
from zheton.core.token.pan import Pan, luhn_digit
from zheton.roles.tsp.state import Card
from zheton.roles.tsp.tokenise import draw_id

CANDIDATES = 1_000_000
CARDS = 20
_RANGE = "541333000"  # a test BIN, and where its accounts begin


@dataclass(frozen=True, slots=True)
class Finding:
    """One enumeration: what was tried on which column, and how many of the cards it gave away."""

    column: str
    tried: str
    found: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Theft:
    """All enumerations over the same cards and the same candidates."""

    cards: int
    candidates: int
    unkeyed: Finding
    keyed: tuple[Finding, ...]
    found_with_key: int

    @property
    def as_it_should_be(self) -> bool:
        """The unkeyed column gives all away, ours none, and ours all to whoever has the key.

        The first shows that the cards are among the candidates, the last that our index has them.
        """
        without_key = sum(finding.found for finding in self.keyed)
        return self.unkeyed.found == self.found_with_key == self.cards and without_key == 0


def steal(folder: Path, candidates: int = CANDIDATES, cards: int = CARDS) -> Theft:
    """Make both columns in an empty folder, take them, and try every candidate on them."""
    installation = Installation(folder)
    enrolled = _enrol(installation, candidates, cards)
    ours = _column(folder / "vault.db", "SELECT pan_index FROM card_index")
    theirs = _column(folder / "unkeyed.db", "SELECT pan_hash FROM card_hash")
    tried = [_number(place).encode("ascii") for place in range(candidates)]

    def attempt(
        column: set[bytes], name: str, how: str, image: Callable[[bytes], bytes]
    ) -> Finding:
        started = installation.clock.elapsed_ms()
        found = sum(image(number) in column for number in tried)
        seconds = (installation.clock.elapsed_ms() - started) / 1000
        return Finding(name, how, found, seconds)

    keyed, guess = "keyed index (Zheton)", secrets.token_bytes(32)

    def sha512(number: bytes) -> bytes:
        return hashlib.sha512(number).digest()

    return Theft(
        cards,
        candidates,
        attempt(theirs, "unkeyed SHA-512", "SHA-512", sha512),
        (
            attempt(ours, keyed, "SHA-256", lambda number: hashlib.sha256(number).digest()),
            attempt(ours, keyed, "HMAC, a guessed key", lambda n: hmac_sha256(guess, n)),
        ),
        sum(installation.keys.pan_indexes(pan)[0] in ours for pan in enrolled),
    )


def _enrol(installation: Installation, candidates: int, cards: int) -> list[Pan]:
    """The same cards, drawn anywhere in the range, in a vault and in an unkeyed column."""
    keys, now = installation.keys, installation.clock.now()
    places = secrets.SystemRandom().sample(range(candidates), cards)
    numbers = [Pan(_number(place)) for place in places]
    with installation.vault.transaction() as tx:
        for pan in numbers:
            bucket, card_id = draw_id(installation.entropy)
            version, sealed = keys.seal_pan(pan, bucket, card_id)
            scheme = installation.schemes.of_pan(pan.reveal())
            assert scheme is not None, "the range is of a network that is known"  # noqa: S101
            card = Card(
                id=card_id,
                bucket=bucket,
                network=scheme.name,
                region="RU",
                status=CardStatus.ACTIVE,
                par=scheme.par_bin_controller + keys.par_suffix(pan),
                last4=pan.last4,
                expiry="2912",
                limits=installation.rules.limits_in("RU"),
                sealed_pan=sealed,
                pan_key_version=version,
            )
            tx.add_card(card, keys.pan_indexes(pan)[0], now)
    with closing(sqlite3.connect(installation.data / "unkeyed.db")) as other, other:
        other.execute("CREATE TABLE card_hash (pan_hash BLOB PRIMARY KEY)")
        other.executemany("INSERT INTO card_hash VALUES (?)", _hashes(numbers))
    return numbers


def _hashes(numbers: Iterable[Pan]) -> Iterable[tuple[bytes]]:
    return ((hashlib.sha512(pan.reveal().encode("ascii")).digest(),) for pan in numbers)


def _column(file: Path, query: str) -> set[bytes]:
    """What a thief reads out of a database file."""
    with closing(sqlite3.connect(file)) as stolen:
        return {bytes(value) for (value,) in stolen.execute(query)}


def _number(place: int) -> str:
    body = f"{_RANGE}{place:06d}"
    return body + luhn_digit(body)
