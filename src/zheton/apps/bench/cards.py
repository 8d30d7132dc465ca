"""Cards for a bench: accounts at the bank, enrolled and identified, with numbers leased to them.

Everything goes the way that a wallet's cards go, but for the wires: the bank is asked in the same
process, and the codes that it sends are read from the lab's telephone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zheton.adapters.app_key import AppSeal, fresh_app_key, public_part
from zheton.apps.companion import Owner, entry_form
from zheton.apps.wiring import Installation
from zheton.core.decline import Decline
from zheton.core.emv.keys import session_key
from zheton.core.emv.perso import Credential
from zheton.core.errors import ConflictError
from zheton.core.iso8583.message import Message
from zheton.core.scheme import Scheme
from zheton.core.token.batch import BATCH_SIZE, Batch, application_transaction_counter
from zheton.core.token.domain import Device
from zheton.core.token.pan import Pan, luhn_digit
from zheton.roles.issuer.enrol import Cardholder, enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.network.answer import tokenisation
from zheton.roles.tsp.activate import activate
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.devices import register
from zheton.roles.tsp.examine import SEQUENCE
from zheton.roles.tsp.provision import Package, provision, provisioned
from zheton.roles.tsp.state import Enrolment, RegisteredDevice
from zheton.roles.tsp.tokenise import tokenise

REGION = "RU"
CURRENCY = "RUB"
EXPIRY = "3012"
_PLENTY_MINOR = 10**10
_CODE = re.compile("[0-9]{6}")


@dataclass(frozen=True, slots=True)
class BankInProcess:
    """The token service's way to the issuer (`roles.tsp.ports.IssuerLink`), without a wire."""

    on: Installation

    def exchange(self, _pan: Pan, message: Message) -> Message:
        """The bank's answer."""
        on = self.on
        asked = tokenisation(message)
        return handle([asked], on.bank, on.issuer, on.outbox, on.clock.now())[0]


@dataclass(frozen=True, slots=True)
class BenchCard:
    """An enrolled card and the device that its numbers are for."""

    account: str
    enrolment: Enrolment
    device: RegisteredDevice


def issue(on: Installation, count: int) -> Iterator[BenchCard]:
    """New cards, one at a time, each on a band of its own."""
    holders = [_cardholder(number) for number in range(count)]
    enrol(holders, on.bank, on.issuer, on.clock.now())
    desk, app_key = desk_of(on), public_part(fresh_app_key())
    for holder in holders:
        device = RegisteredDevice(on.entropy.take(16).hex(), on.entropy.take(10).hex(), Device.BAND)
        register(on.vault, device)
        enrolment = _enrolled(on, desk, holder, Owner(device.serial, app_key))
        yield BenchCard(holder.id, enrolment, device)


def desk_of(on: Installation) -> TokenDesk:
    """The token service's desk for wallets."""
    return TokenDesk(on.keys, on.vault, BankInProcess(on), on.rules, on.entropy, AppSeal())


def fill(on: Installation, card: BenchCard, *, counter: int = 0, batches: int = 1) -> Package:
    """Lease numbers to a card; its device is taken to have got them."""
    package = provision(
        desk_of(on),
        card.enrolment.id,
        card.device.id,
        counter=counter,
        batches=batches,
        now=on.clock.now(),
    )
    if isinstance(package, Decline):
        raise ConflictError(f"The bench's card gets no numbers: {package.text}")
    provisioned(desk_of(on), card.enrolment.id, on.clock.now())
    return package


def batches_of(on: Installation, card: BenchCard) -> list[Batch]:
    """The leases of a card."""
    with on.vault.transaction() as tx:
        return tx.batches_of(card.enrolment)


def credential(on: Installation, scheme: Scheme, batch: Batch, place: int) -> Credential:
    """What the chip got for a place of a batch, derived once more."""
    number = on.keys.token_range(batch.bin).number(batch.first_index + place)
    counter = application_transaction_counter(batch.generation, place)
    cipher = scheme.cryptogram.cipher
    card_key = on.keys.card_key(cipher, batch.bin, batch.key_version, number, SEQUENCE)
    return Credential(number, counter, session_key(cipher, card_key, counter))


def cards_for(debits: int) -> int:
    """How many cards make so many debits, of one batch each: what a day's limits leave room for."""
    return max(-(-debits // BATCH_SIZE), 1)


def _cardholder(number: int) -> Cardholder:
    """An account that never runs dry, with a card of Mastercard's range for tests (541333)."""
    digits = f"541333{number:09d}"
    return Cardholder(
        id=f"bench-{number}",
        holder=f"Bench {number}",
        pan=Pan(digits + luhn_digit(digits)),
        expiry=EXPIRY,
        currency=CURRENCY,
        opening_minor=_PLENTY_MINOR,
        credit_limit_minor=0,
        debit_limit_minor=_PLENTY_MINOR,
        daily_limit_minor=_PLENTY_MINOR,
        phone="+7 900 000-00-00",
    )


def _enrolled(on: Installation, desk: TokenDesk, holder: Cardholder, owner: Owner) -> Enrolment:
    envelope = entry_form(
        holder.pan.reveal(),
        f"{holder.expiry[2:]}/{holder.expiry[:2]}",
        owner,
        on.keys.envelope_key(),
        on.keys.envelope_thumbprint(),
    )
    tokenised = tokenise(desk, envelope, REGION, on.clock.now())
    if isinstance(tokenised, Decline):
        raise ConflictError(f"The bench's card is not enrolled: {tokenised.text}")
    code = _CODE.findall(on.outbox.letters()[-1].text)[0]
    active = activate(
        tokenised.enrolment.id,
        code,
        keys=on.keys,
        vault=on.vault,
        rules=on.rules,
        now=on.clock.now(),
    )
    if isinstance(active, Decline):
        raise ConflictError(f"The bench's card is not activated: {active.text}")
    return active
