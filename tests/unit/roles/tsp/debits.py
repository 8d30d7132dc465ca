"""A vault with real keys, and the messages with which a band, a shop and an issuer come to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import text

from zheton.adapters.app_key import AppSeal, fresh_app_key, open_for_app, public_part
from zheton.adapters.datafiles import load_policy, load_schemes
from zheton.adapters.entropy import SeededEntropy
from zheton.adapters.keys.envelope import seal_envelope
from zheton.adapters.keys.file import memory_keys, plain_ring
from zheton.adapters.keys.ring import Ring
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.adapters.no_cvm_file import load_no_cvm
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
from zheton.core.country import country
from zheton.core.debit import Admitted, CardBehind, Debit
from zheton.core.decline import Decline
from zheton.core.emv import tags, tlv
from zheton.core.emv.cryptogram import application_cryptogram, cryptogram_input
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.emv.keys import session_key
from zheton.core.errors import UnreachableError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import Original
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.money import money
from zheton.core.scheme import Scheme
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.batch import Batch, application_transaction_counter
from zheton.core.token.domain import Channel, Device, Limits
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause, Verb
from zheton.core.token.pan import Pan, luhn_digit
from zheton.roles.network.read import read_debit
from zheton.roles.network.state import Switch
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.examine import SEQUENCE, examine
from zheton.roles.tsp.lease import Use, lease, leasing
from zheton.roles.tsp.service import TokenService
from zheton.roles.tsp.state import By, Card, Enrolment, RegisteredDevice, Rules
from zheton.roles.tsp.suspend import change_token
from zheton.roles.tsp.tokenise import Tokenised, tokenise
from zheton.roles.tsp.transact import OnlineCredential, SealedCredential, transact

NOW = datetime(2019, 9, 10, 9, 30, 15, tzinfo=UTC)  # after the launch in Russia
LIMITS = Limits("643", debit_max_minor=500_000, day_max_minor=1_200_000, debits_per_day=6)
BAND = RegisteredDevice("band-1", "00010203040506070809", Device.BAND)
SCHEMES = load_schemes()
RULES = Rules(SCHEMES, load_policy(), {"": LIMITS}, load_no_cvm())
_BIN = {"mastercard": "541333", "unionpay": "622848"}
_SHOP_OF = {"mastercard": ("RU", "643"), "unionpay": ("CN", "156")}


@cache
def app_key() -> dict[str, Any]:
    """The key pair of the one test phone."""
    return fresh_app_key()


def opened(sealed: SealedCredential) -> OnlineCredential:
    """An online number as the phone reads it."""
    return OnlineCredential(**json.loads(open_for_app(sealed.jwe, app_key())))


@cache
def _ring() -> Ring:
    bins = {each: s.cryptogram.cipher for s in SCHEMES for each in s.token_bins}
    return plain_ring(bins, "2019-08-01")


def make_keys() -> VaultKeys:
    """The keys of the one test vault: an RSA key takes long to make."""
    return memory_keys(_ring(), SeededEntropy(7).take)


def card_number(scheme: str = "mastercard", serial: int = 1) -> Pan:
    """A test card number."""
    body = f"{_BIN[scheme]}{serial:09d}"
    return Pan(body + luhn_digit(body))


@dataclass
class Bank:
    """The issuer's side of ID&V: it answers what it is told to and keeps what it was sent."""

    tar: str = "85"
    acn: str = "00"
    tcn: str = "00"
    reached_by: str | None = "SMS +7 *** ***-12-34"
    silent: bool = False
    heard: list[Message] = field(default_factory=list)

    def exchange(self, _pan: Pan, message: Message) -> Message:
        """The answer to TAR, ACN or TCN."""
        self.heard.append(message)
        if self.silent:
            raise UnreachableError("The issuer does not answer.")
        parts = subelements.decode(message.text(48))
        says = {"TAR": self.tar, "ACN": self.acn, "TCN": self.tcn}
        fields: dict[int, Value] = {39: says[parts["25"]]}
        if parts["25"] == "TAR" and self.reached_by is not None:
            fields[48] = subelements.encode({"27": self.reached_by})
        return message.with_fields(fields, mti="0110")

    @property
    def code(self) -> str:
        """The last code that it was told to deliver."""
        return subelements.decode(self.heard[-1].text(48))["26"]


class VaultBench:
    """A vault, its token service and a switch on one database."""

    def __init__(
        self, database: Database, rules: Rules = RULES, seed: int = 1, mark: bytes = b"here"
    ) -> None:
        self.database, self.rules, self.bank = database, rules, Bank()
        self.vault = SqlVault(database)
        self.keys, self.entropy = make_keys(), SeededEntropy(seed)
        self.desk = TokenDesk(self.keys, self.vault, self.bank, rules, self.entropy, AppSeal())
        self.tokens = TokenService(self.keys, self.vault, rules)
        requestors = {scheme.name: scheme.token_requestor_id for scheme in rules.schemes}
        self.switch = Switch(self.tokens, self.vault, self.entropy, requestors, mark=mark)
        self._stan = count(1)
        with self.vault.transaction() as tx:
            if tx.device(BAND.id) is None:
                tx.add_device(BAND)

    def looking_at(self, card: Card) -> Resolution:
        """An entry of the detokenisation log for whoever opens a card of a test."""
        return Resolution(unix_ms(NOW), "test", Purpose.XRAY, "00" * 16, card.id)

    def envelope(self, pan: Pan | str, expiry: str = "12/28", **other: object) -> str:
        """What an entry form sends."""
        digits = pan.reveal() if isinstance(pan, Pan) else pan
        owner = {"device": BAND.serial, "appKey": public_part(app_key())}
        return self.seal(json.dumps({"pan": digits, "expiry": expiry, **owner, **other}).encode())

    def seal(self, content: bytes) -> str:
        """An envelope around any content."""
        return seal_envelope(content, self.keys.envelope_key(), self.keys.envelope_thumbprint())

    def enrolled(self, scheme: str = "mastercard", serial: int = 1) -> tuple[Enrolment, Card]:
        """A card that its issuer let in without a code."""
        before, self.bank.tar = self.bank.tar, "00"
        made = tokenise(
            self.desk, self.envelope(card_number(scheme, serial)), self.home(scheme), NOW
        )
        self.bank.tar = before
        assert isinstance(made, Tokenised)
        return made.enrolment, made.card

    def home(self, scheme: str) -> str:
        """The region of a network's cardholders here."""
        return _SHOP_OF[scheme][0]

    def leased(
        self,
        scheme: str = "mastercard",
        serial: int = 1,
        channel: Channel = Channel.TILL,
        now: datetime = NOW,
    ) -> Batch:
        """A batch of a card."""
        enrolment, _ = self.enrolled(scheme, serial)
        network, use = self.rules.schemes.named(scheme), Use(BAND.id, BAND.device, channel)
        return leasing(
            self.vault, lambda tx: lease(tx, self.keys, network, enrolment, use, 1, now)
        )[0]

    def online(
        self, limit: str = "1000", merchant: str = "", serial: int = 1, minutes: int = 10
    ) -> OnlineCredential:
        """A number for a web shop, as its owner's phone reads it."""
        enrolment, _ = self.enrolled("mastercard", serial)
        made = transact(
            self.desk,
            enrolment.id,
            BAND.id,
            money(limit, "RUB"),
            merchant=merchant,
            minutes=minutes,
            now=NOW,
        )
        assert isinstance(made, SealedCredential)
        return opened(made)

    def change(self, token: str, verb: Verb, actor: Actor = Actor.CARDHOLDER) -> Enrolment:
        """A token that is suspended, resumed or deleted."""
        with self.vault.transaction() as tx:
            by = By(actor, Cause.CARDHOLDER_REQUEST)
            return change_token(tx, token, verb, by, NOW)

    def number(self, batch: Batch, place: int = 0) -> str:
        """The number at a place of a batch."""
        return self.keys.token_range(batch.bin).number(batch.first_index + place)

    def key(self, batch: Batch, place: int) -> bytes:
        """What the chip has for a number: its session key."""
        cipher = self.scheme(batch).cryptogram.cipher
        card_key = self.keys.card_key(
            cipher, batch.bin, batch.key_version, self.number(batch, place), SEQUENCE
        )
        return session_key(
            cipher, card_key, application_transaction_counter(batch.generation, place)
        )

    def scheme(self, batch: Batch) -> Scheme:
        """The network of a batch."""
        return next(scheme for scheme in SCHEMES if batch.bin in scheme.token_bins)

    def at_till(
        self,
        batch: Batch,
        place: int = 0,
        *,
        amount_minor: int = 35000,
        signed: Mapping[int, bytes | None] | None = None,
        changed: Mapping[int, bytes | None] | None = None,
        fields: Mapping[int, Value] | None = None,
    ) -> Message:
        """The 0100 of a tap.

        `signed` are data objects that the chip made its cryptogram over, `changed` those that were
        changed afterwards, `fields` what the message says instead; None leaves an object out.
        """
        number, stan = self.number(batch, place), next(self._stan)
        region, currency = _SHOP_OF[self.scheme(batch).name]
        chip = self._chip(batch, place, amount_minor, signed or {})
        chip = _with(chip, changed or {})
        message: dict[int, Value] = {
            **_shop(number, stan, amount_minor, region, currency),
            13: "0910",
            14: batch.expiry,
            22: "071",
            23: "000",
            25: "00",
            35: f"{number}={batch.expiry}2010000000000000",
            55: tlv.encode_all(chip.items()),
            **(fields or {}),
        }
        return through_the_wire(Message("0100", message))

    def at_shop(
        self,
        credential: OnlineCredential,
        *,
        amount_minor: int = 35000,
        code: str | None = None,
        merchant: str = "MSKBOOKS",
        fields: Mapping[int, Value] | None = None,
    ) -> Message:
        """The 0100 of a web shop."""
        message: dict[int, Value] = {
            **_shop(credential.number, next(self._stan), amount_minor, "RU", "643"),
            14: credential.expiry,
            22: "810",
            25: "59",
            42: f"{merchant:<15}",
            48: subelements.encode({"92": credential.code if code is None else code}),
            **(fields or {}),
        }
        return through_the_wire(Message("0100", message))

    def _chip(
        self, batch: Batch, place: int, amount_minor: int, signed: Mapping[int, bytes | None]
    ) -> dict[int, bytes]:
        version = self.scheme(batch).cryptogram
        region, currency = _SHOP_OF[self.scheme(batch).name]
        results = CardVerificationResults(AcType.ARQC, cdcvm_performed=True, cdcvm_successful=True)
        counter = application_transaction_counter(batch.generation, place)
        chip = {
            tags.AMOUNT_AUTHORISED: bytes.fromhex(f"{amount_minor:012d}"),
            tags.AMOUNT_OTHER: bytes(6),
            tags.TERMINAL_COUNTRY_CODE: bytes.fromhex("0" + country(region).numeric),
            tags.TERMINAL_VERIFICATION_RESULTS: bytes(5),
            tags.TRANSACTION_CURRENCY_CODE: bytes.fromhex("0" + currency),
            tags.TRANSACTION_DATE: bytes.fromhex("190910"),
            tags.TRANSACTION_TYPE: b"\0",
            tags.UNPREDICTABLE_NUMBER: self.entropy.take(4),
            tags.APPLICATION_INTERCHANGE_PROFILE: bytes.fromhex("1280"),
            tags.ATC: counter.to_bytes(2, "big"),
            tags.CRYPTOGRAM_INFORMATION_DATA: b"\x80",
            tags.PAN_SEQUENCE_NUMBER: b"\0",
            tags.ISSUER_APPLICATION_DATA: IssuerApplicationData(
                version.cvn, batch.key_version, results
            ).encode(version),
        }
        chip = _with(chip, signed)
        covered = cryptogram_input(version, chip, chip[tags.ISSUER_APPLICATION_DATA])
        key = self.key(batch, place)
        return chip | {
            tags.APPLICATION_CRYPTOGRAM: application_cryptogram(version.cipher, key, covered)
        }

    def read(self, message: Message) -> Debit:
        """The debit of a message that is in order."""
        debit = read_debit(message, self.tokens.locate)
        assert isinstance(debit, Debit), debit
        return debit

    def examine(
        self, *messages: Message, now: datetime = NOW, rules: Rules | None = None
    ) -> list[Admitted | Decline]:
        """The verdicts on messages that are in order."""
        debits = [self.read(message) for message in messages]
        return examine(debits, self.keys, self.vault, rules or self.rules, now)

    def card_behind(self, batch: Batch) -> CardBehind:
        """The card of a batch as a debit knows it, whatever the batch's status."""
        with self.vault.transaction() as tx:
            card = tx.card(batch.card)
        assert card is not None
        return CardBehind(
            card.id,
            card.bucket,
            card.par,
            card.network,
            card.limits,
            card.expiry,
            card.sealed_pan,
            card.pan_key_version,
        )

    def set_status(self, batch: Batch, status: BatchStatus) -> None:
        """Put a batch where a test wants it, whatever the table of transitions says."""
        named = {"status": status, "bucket": batch.bucket, "bin": batch.bin, "batch": batch.batch}
        change = (
            "UPDATE batch SET status = :status"
            " WHERE bucket = :bucket AND bin = :bin AND batch = :batch"
        )
        with self.database.transaction() as connection:
            connection.execute(text(change), named)

    def burnt(self, batch: Batch) -> int:
        """The burn map of a batch as another connection sees it."""
        asked = {"bucket": batch.bucket, "bin": batch.bin, "batch": batch.batch}
        query = "SELECT burnt FROM batch WHERE bucket = :bucket AND bin = :bin AND batch = :batch"
        with self.database.reading() as connection:
            return int(connection.execute(text(query), asked).scalar_one())


def through_the_wire(message: Message) -> Message:
    """The message as it arrives: what the dialect can't carry does not get into a test."""
    return decode(DIALECT, encode(DIALECT, message))


def approval(forwarded: Message, code: str = "00") -> Message:
    """An issuer's 0110."""
    fields = {n: forwarded[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49)}
    fields |= {39: code} | ({38: "A1B2C3"} if code == "00" else {})
    return through_the_wire(Message("0110", fields))


def reversal(original: Message, **changes: Value) -> Message:
    """The 0400 of a debit; `changes` by names such as de4."""
    fields = {n: original[n] for n in (2, 3, 4, 32, 37, 41, 42, 49)}
    named = Original("0100", original.text(11), original.text(7), original.text(32), "")
    fields |= {7: "0910093100", 11: "900001", 90: named.encode()}
    fields |= {int(name[2:]): value for name, value in changes.items()}
    return through_the_wire(Message("0400", fields))


def _with(chip: Mapping[int, bytes], changes: Mapping[int, bytes | None]) -> dict[int, bytes]:
    merged = {**chip, **changes}
    return {tag: value for tag, value in merged.items() if value is not None}


def _shop(
    number: str, stan: int, amount_minor: int, region: str, currency: str
) -> dict[int, Value]:
    where = country(region)
    return {
        2: number,
        3: "000000",
        4: f"{amount_minor:012d}",
        7: "0910093015",
        11: f"{stan:06d}",
        12: "123015",
        18: "5814",
        19: where.numeric,
        32: "400001",
        37: f"{stan:012d}",
        41: "MSK1    ",
        42: f"{'MSKCOFFEE':<15}",
        43: f"{'Kofeynya':<22} {'Moscow':<13} {where.alpha3}",
        49: currency,
    }
