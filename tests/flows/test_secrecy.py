"""A canary card number goes through the whole journey; afterwards it is hunted everywhere.

The hunter knows nothing of the product, and has to find the number where it may be before it is
believed that the number is nowhere else.
"""

import base64
import json
import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chain_lab import Chain, flow
from zheton.apps.lab.journey import TRAVELLER, Journey, Leg
from zheton.apps.lab.people import cardholder
from zheton.apps.trace import Crossing
from zheton.apps.wiring import Installation
from zheton.core.emv.keys import session_key
from zheton.core.token.batch import BATCH_SIZE, application_transaction_counter

CANARY = cardholder(TRAVELLER.name).pan.reveal()
# Who hears it from whom; the form has it typed, the rest is inside the vault boundary or the bank.
ALLOWED = {("cardholder", "entry form"), ("vault", "issuer"), ("issuer", "vault")}


def spellings(secret: bytes) -> Iterator[bytes]:
    """The bytes as they are, in hexadecimal, and within base64 at every alignment."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for lead in range(3):
        encoded = base64.b64encode(bytes(lead) + secret)
        # Groups that others share with the secret are left out.
        last = len(encoded) if (lead + len(secret)) % 3 == 0 else len(encoded) - 4
        whole = encoded[4 if lead else 0 : last]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def of_digits(digits: str) -> list[bytes]:
    """Every way in which a number may be written."""
    groups = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    plain = [
        digits.encode(),
        " ".join(groups).encode(),
        "-".join(groups).encode(),
        digits.encode("utf-16-le"),
        digits.encode("utf-16-be"),
        digits.encode("cp500"),
        bytes.fromhex(digits),
    ]
    return [each for one in plain for each in spellings(one)]


def found(data: bytes, digits: str) -> bool:
    """Whether a number is in the data, BCD at an odd nibble included."""
    return digits in data.hex() or any(each in data for each in of_digits(digits))


@dataclass
class Evidence:
    """Everything that a journey left behind."""

    folder: Path
    crossings: list[Crossing] = field(default_factory=list)
    told: list[Leg] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def files(self) -> dict[str, bytes]:
        """Every file of the data folder, by its path in there."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def between(self, *parties: str) -> Iterable[Crossing]:
        """What one of the parties sent or got."""
        return (c for c in self.crossings if {c.source, c.target} & set(parties))


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """One whole journey with all logging at DEBUG, statements of SQL and their rows included."""
    evidence = Evidence(tmp_path_factory.mktemp("secrecy"))
    keeper = logging.Handler()
    keeper.emit = lambda record: evidence.logged.append(  # type: ignore[method-assign]
        f"{record.name} {record.getMessage()} {record.exc_info} {record.stack_info}"
    )
    loggers = [logging.getLogger(), logging.getLogger("sqlalchemy")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
    loggers[0].addHandler(keeper)

    async def test(chain: Chain) -> None:
        record = chain.lab.trace.record

        def keep(source: str, target: str, *more: object, **named: object) -> None:
            crossing = Crossing(0.0, source, target, *more, **named)  # type: ignore[arg-type]
            evidence.crossings.append(crossing)
            record(source, target, *more, **named)  # type: ignore[arg-type]

        chain.lab.trace.record = keep  # type: ignore[method-assign]
        story = await Journey(chain.lab, chain.people).walk(evidence.told.append)
        assert story.complete, story.legs

    try:
        flow(evidence.folder, test)
    finally:
        loggers[0].removeHandler(keeper)
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
    return evidence


def test_the_hunter_finds_every_writing_in_a_database(tmp_path: Path) -> None:
    path = tmp_path / "leak.db"
    for writing in of_digits(CANARY):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE leak (data BLOB)")
            connection.execute("INSERT INTO leak VALUES (?)", (b"a" + writing,))
            connection.commit()
        assert found(path.read_bytes(), CANARY), writing
        path.unlink()


def test_the_hunter_finds_a_number_within_other_text_and_nibbles() -> None:
    for lead in range(3):
        sealed = base64.b64encode(b"x" * lead + CANARY.encode() + b" and more")
        assert found(sealed, CANARY)
    assert found(bytes.fromhex(f"0{CANARY}f"), CANARY)
    assert not found(bytes(1000) + CANARY[:-1].encode(), CANARY)


def test_the_card_number_crosses_where_it_may_and_nowhere_else(journey: Evidence) -> None:
    seen = {(c.source, c.target) for c in journey.crossings if found(c.data, CANARY)}
    assert {("cardholder", "entry form"), ("vault", "issuer")} <= seen
    assert seen <= ALLOWED
    outside = list(
        journey.between("wallet", "companion", "element", "terminal", "acquirer", "web shop")
    )
    assert len(outside) > 40
    assert not [c for c in outside if found(c.data, CANARY) or found(c.note.encode(), CANARY)]


def test_the_wallet_carries_no_number_that_pays(journey: Evidence) -> None:
    told = " ".join(leg.text for leg in journey.told if leg.name in ("tap", "online"))
    numbers = re.findall(r"number ([0-9]{16})", told)
    assert len(set(numbers)) == 2
    carried = list(journey.between("wallet"))
    assert len(carried) > 10
    assert not [c for c in carried for number in numbers if found(c.data, number)]


def test_every_party_was_listened_to(journey: Evidence) -> None:
    pairs = {(c.source, c.target) for c in journey.crossings}
    for one, other in (
        ("companion", "wallet"),
        ("wallet", "vault"),
        ("companion", "element"),
        ("terminal", "element"),
        ("terminal", "acquirer"),
        ("web shop", "acquirer"),
        ("acquirer", "vault"),
        ("vault", "issuer"),
    ):
        assert {(one, other), (other, one)} <= pairs
    assert {c.protocol for c in journey.crossings} >= {"typed", "http", "apdu", "iso8583", "file"}


def test_no_file_of_the_installation_holds_the_card_number(journey: Evidence) -> None:
    files = journey.files()
    assert {"vault.db", "issuer.db", "wallet.db", "acquirer.db", "bands/anna.se"} <= set(files)
    assert [name for name, data in files.items() if found(data, CANARY)] == []


def test_the_databases_were_written_and_read_as_they_are(journey: Evidence) -> None:
    """The hunt in the files is worth something: they do hold the one-time number, that may be."""
    text = next(leg.text for leg in journey.told if leg.name == "tap")
    number = text.split("number ")[1][:16]
    files = journey.files()
    assert found(files["acquirer.db"] + files.get("acquirer.db-wal", b""), number)


def test_no_log_line_holds_a_number_of_any_kind(journey: Evidence) -> None:
    lines = [line.encode() for line in journey.logged]
    assert any(b"INSERT INTO card" in line for line in lines)
    assert any(line.startswith(b"http") for line in lines)
    assert [line for line in lines if found(line, CANARY)] == []


def test_what_is_shown_to_people_holds_no_card_number(journey: Evidence) -> None:
    shown = json.dumps([leg.to_json() for leg in journey.told]).encode()
    assert len(shown) > 10_000
    assert not found(shown, CANARY)


def session_keys(folder: Path) -> list[bytes]:
    """The session keys of every credential that the band was given, derived from the vault's."""
    with closing(sqlite3.connect(folder / "vault.db")) as connection:
        leases = connection.execute(
            "SELECT bin, batch, generation, key_version FROM batch WHERE channel = 'till'"
        ).fetchall()
    keys = Installation(folder).keys
    derived = []
    for token_bin, batch, generation, version in leases:
        for place in range(BATCH_SIZE):
            number = keys.token_range(token_bin).number(batch * BATCH_SIZE + place)
            card_key = keys.card_key("3des", token_bin, version, number, 0)
            counter = application_transaction_counter(generation, place)
            derived.append(session_key("3des", card_key, counter))
    return derived


def test_session_keys_are_on_the_band_and_nowhere_else(journey: Evidence) -> None:
    keys = session_keys(journey.folder)
    files = journey.files()
    chip = files.pop("bands/anna.se")
    unspent = [key for key in keys if any(each in chip for each in spellings(key))]
    assert len(unspent) == len(keys) - 1  # the one that has paid is gone
    haystacks = dict(files)
    haystacks["traffic"] = b"\n".join(c.data for c in journey.crossings)
    haystacks["log"] = "\n".join(journey.logged).encode()
    for name, data in haystacks.items():
        assert not any(each in data for key in keys for each in spellings(key)), name
