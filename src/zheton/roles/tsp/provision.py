"""Filling a device: numbers are leased, their session keys derived and wrapped for its chip alone.

The package is a whole SCP03 session of the payment domain, made without talking to the chip: its
challenge is pseudo-random, so it follows from the counter that the chip says. Wallet and companion
carry it as ciphertext.
"""

from calendar import monthrange
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.country import country
from zheton.core.decline import Decline, Reason
from zheton.core.emv.apdu import Command
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.issuance import profile_of
from zheton.core.emv.keys import session_key
from zheton.core.emv.no_cvm import NoCvm
from zheton.core.emv.perso import (
    BATCH_HEADER,
    CARD_PROFILE,
    CREDENTIALS,
    PAYMENT_DOMAIN_AID,
    STANDING,
    STANDING_MAX,
    BatchHeader,
    Credential,
    Credentials,
    Dgi,
    Standing,
    store_data_commands,
)
from zheton.core.errors import ConflictError, NotFoundError, ZhetonError
from zheton.core.policy.rule import Moment, Question
from zheton.core.scheme import Scheme
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update
from zheton.core.scp03.keys import CHALLENGE_BYTES, derive_session, pseudo_random_challenge
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.batch import BATCH_SIZE, Batch, application_transaction_counter
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause
from zheton.roles.tsp.certify import (
    FIRST_CERTIFIED,
    Chip,
    certificates,
    certified_bin,
    issuer_key,
    places_left,
)
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.examine import SEQUENCE
from zheton.roles.tsp.history import of_batch
from zheton.roles.tsp.identify import APPROVED, tokenisation
from zheton.roles.tsp.lease import Use, lease, lease_month, leasing
from zheton.roles.tsp.ports import Keys, VaultTx
from zheton.roles.tsp.standing import own_device, standing
from zheton.roles.tsp.state import By, Card, Enrolment, RegisteredDevice

BATCHES_MAX = 4  # what one package may bring
_SELECT = 0xA4
_LANGUAGE = "ruen"


@dataclass(frozen=True, slots=True)
class Package:
    """Commands for the chip, in order, each of which it must answer with 9000.

    `numbers` it brings; `left` the device has then, or is about to have.
    """

    commands: tuple[bytes, ...]
    numbers: int
    left: int


@dataclass(frozen=True, slots=True)
class Supply:
    """Batches for a chip, with all that its package is made of; `standing` is all it may hold.

    Those of the supply are among them, whether the chip has taken them or not.
    """

    enrolment: Enrolment
    card: Card
    device: RegisteredDevice
    batches: tuple[Batch, ...]
    standing: tuple[Batch, ...]

    @property
    def left(self) -> int:
        """How many numbers for tills the device has of the token, or is about to have."""
        return sum(batch.left for batch in self.standing)


def provision(
    on: TokenDesk,
    enrolment_id: str,
    device_id: str,
    *,
    counter: int,
    batches: int,
    now: datetime,
) -> Package | Decline:
    """The card and `batches` batches as a package for the chip whose domain counts `counter`.

    The leases are committed before the package exists. What refuses is what refuses `replenish`.
    """
    supply = leasing(on.vault, lambda tx: replenish(tx, on, enrolment_id, device_id, batches, now))
    return supply if isinstance(supply, Decline) else package(on, supply, counter)


def replenish(
    tx: VaultTx, on: TokenDesk, enrolment_id: str, device_id: str, batches: int, now: datetime
) -> Supply | Decline:
    """`batches` batches for a device, or as many as there are, leased; called in `leasing`.

    Batches that were offered to this device and never confirmed come again before new ones are
    leased, so a package that was lost costs no numbers; a chip skips those that it has. A chip that
    the card's owner did not name gets none: Decline DOMAIN. NotFoundError for an unknown enrolment
    or device, ConflictError where one of them or the card is not active.
    """
    enrolment, card = standing(tx, enrolment_id)
    device = own_device(tx, enrolment, device_id)
    if isinstance(device, Decline):
        return device
    decision = on.rules.policy.decide(
        Question(
            Moment.PROVISIONING,
            country(enrolment.region),
            card.network,
            now.date(),
            Channel.TILL,
            device.device,
        )
    )
    if not decision.allowed:
        return Decline(Reason.POLICY, decision.text, decision.rule)
    scheme = on.rules.schemes.named(card.network)
    use = Use(device.id, device.device, Channel.TILL)
    count = min(max(batches, 1), BATCHES_MAX)
    offered = [b for b in _offered(tx.batches_of(enrolment)) if _still_good(b, device.id, now)]
    leased = offered[:count]
    if len(leased) < count:
        leased += lease(tx, on.keys, scheme, enrolment, use, count - len(leased), now)
    return Supply(enrolment, card, device, tuple(leased), _standing_on(tx, enrolment, device_id))


def replenished(tx: VaultTx, enrolment_id: str, device_id: str, names: Sequence[str]) -> Supply:
    """A supply once more, by the names of its batches; ConflictError where it is good no more."""
    enrolment, card = standing(tx, enrolment_id)
    device = own_device(tx, enrolment, device_id)
    live = {batch.name: batch for batch in tx.batches_of(enrolment)}
    if isinstance(device, Decline) or any(name not in live for name in names):
        raise ConflictError("These batches are no longer the device's; ask for others.")
    batches = tuple(live[name] for name in names)
    return Supply(enrolment, card, device, batches, _standing_on(tx, enrolment, device_id))


def package(on: TokenDesk, supply: Supply, counter: int) -> Package:
    """The commands that bring a supply to its chip, whose domain counts `counter`."""
    scheme = on.rules.schemes.named(supply.card.network)
    # First what stands, so that the chip makes room: batches may be void that it still holds.
    profile = _profile(scheme, supply.enrolment, supply.card, on.rules.no_cvm)
    chip = _chip(supply, profile)
    dgis = [Dgi(CARD_PROFILE, profile.encode()), _standing_dgi(supply)]
    if chip is not None:
        dgis += issuer_key(on.keys, chip)
    for batch in supply.batches:
        header = _header(supply.enrolment, batch)
        dgis += _batch(on.keys, scheme, header, batch)
        if chip is not None:
            dgis += certificates(on.keys, chip, header, batch, range(FIRST_CERTIFIED))
    numbers = len(supply.batches) * BATCH_SIZE
    return Package(_wrapped(on, supply.device, counter, dgis), numbers, supply.left)


def certify(on: TokenDesk, enrolment_id: str, device_id: str, *, counter: int) -> Package | Decline:
    """The certificates that batches on a device did not bring with them, as a package.

    ConflictError where there is nothing to certify; what else refuses is what refuses `replenish`.
    """
    with on.vault.transaction() as tx:
        enrolment, card = standing(tx, enrolment_id)
        device = own_device(tx, enrolment, device_id)
        if isinstance(device, Decline):
            return device
        on_it = _standing_on(tx, enrolment, device_id)
        supply = Supply(enrolment, card, device, (), on_it)
    scheme = on.rules.schemes.named(card.network)
    chip = _chip(supply, _profile(scheme, enrolment, card, on.rules.no_cvm))
    dgis: list[Dgi] = []
    for batch in supply.standing:
        if chip is not None and batch.status is BatchStatus.PROVISIONED:
            header = _header(enrolment, batch)
            dgis += certificates(on.keys, chip, header, batch, places_left(batch))
    if chip is None or not dgis:
        raise ConflictError("The device has no numbers that could be certified.")
    dgis = [*issuer_key(on.keys, chip), *dgis]
    return Package(_wrapped(on, device, counter, dgis), 0, supply.left)


def _chip(supply: Supply, profile: CardProfile) -> Chip | None:
    """What the device's numbers are certified for; None for a chip without a key of its own."""
    key = supply.device.chip_key
    return None if key is None else Chip(key, profile, certified_bin(supply.standing))


def provisioned(on: TokenDesk, enrolment_id: str, now: datetime) -> None:
    """The chip has taken the package: what was offered is on it, and the issuer hears of the first.

    Only what was offered to the enrolment's own chip: no other one can have opened a package.
    The issuer tells its cardholder. If it does not answer, the next package tells it; what is on
    the chip stays there all the same.
    """
    with on.vault.transaction() as tx:
        found = tx.enrolment(enrolment_id)
        if found is None:
            raise NotFoundError("There is no such card; enrol it first.")
        enrolment, card = found
        device = tx.device_by_serial(enrolment.device)
        held = _offered(tx.held_batches(enrolment))
        offered = [each for each in held if device and each.device_id == device.id]
        tx.set_batch_status(offered, BatchStatus.PROVISIONED)
        by = By(Actor.WALLET, Cause.REPLENISHED, enrolment.requestor)
        confirmed = [replace(each, status=BatchStatus.PROVISIONED) for each in offered]
        owner, pairs = enrolment.requestor, zip(offered, confirmed, strict=True)
        tx.record([of_batch(was, one, owner, by, now) for was, one in pairs])
        telling = bool(offered) and not enrolment.issuer_told
        if telling:
            purpose = Purpose.ENROLMENT
            tx.log([Resolution(unix_ms(now), on.who, purpose, enrolment.id, card.id)])
    if telling:
        with suppress(ZhetonError):
            _tell_issuer(on, enrolment, card, now)


def _tell_issuer(on: TokenDesk, enrolment: Enrolment, card: Card, now: datetime) -> None:
    """TCN: the tokenisation is complete."""
    pan = on.keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
    answer = on.issuer.exchange(pan, tokenisation(pan, card.expiry, "TCN", now, on.entropy))
    if answer.text(39) == APPROVED:
        with on.vault.transaction() as tx:
            tx.change_enrolment(enrolment, replace(enrolment, issuer_told=True), now)


def _offered(batches: Sequence[Batch]) -> list[Batch]:
    """The batches on their way to a device, the oldest first."""
    offered = [
        batch
        for batch in batches
        if batch.status is BatchStatus.OFFERED and batch.channel is Channel.TILL
    ]
    return sorted(offered, key=lambda batch: (batch.until, batch.bin, batch.batch))


def _standing_on(tx: VaultTx, enrolment: Enrolment, device_id: str) -> tuple[Batch, ...]:
    """The batches for tills that a device has of a token, or is about to have."""
    return tuple(
        batch
        for batch in tx.batches_of(enrolment)
        if batch.channel is Channel.TILL and batch.device_id == device_id
    )


def _standing_dgi(supply: Supply) -> Dgi:
    names = [bytes.fromhex(batch.name) for batch in supply.standing]
    refs = tuple(names[-STANDING_MAX:])
    return Dgi(STANDING, Standing(bytes.fromhex(supply.enrolment.id), refs).encode())


def _profile(scheme: Scheme, enrolment: Enrolment, card: Card, no_cvm: NoCvm) -> CardProfile:
    return profile_of(
        scheme,
        card_ref=bytes.fromhex(enrolment.id),
        par=card.par,
        priority=1,
        language=_LANGUAGE,
        issuer_country=country(enrolment.region).numeric,
        currency=card.limits.currency,
        no_cvm=no_cvm,
    )


def _header(enrolment: Enrolment, batch: Batch) -> BatchHeader:
    """What all numbers of a batch share: the same whenever it is asked for.

    Certificates cover it, and may be made long after the batch has left.
    """
    year, month = 2000 + int(batch.expiry[:2]), int(batch.expiry[2:])
    return BatchHeader(
        card_ref=bytes.fromhex(enrolment.id),
        batch_ref=bytes.fromhex(batch.name),
        expiry=f"{batch.expiry}{monthrange(year, month)[1]:02d}",
        effective=f"{lease_month(batch.expiry)}01",
        derivation_key_index=batch.key_version,
        pan_sequence_number=SEQUENCE,
    )


def _batch(keys: Keys, scheme: Scheme, header: BatchHeader, batch: Batch) -> list[Dgi]:
    numbers = keys.token_range(batch.bin).numbers(batch.first_index, BATCH_SIZE)
    credentials = tuple(
        _credential(keys, scheme, batch, place, number) for place, number in enumerate(numbers)
    )
    return [
        Dgi(BATCH_HEADER, header.encode()),
        Dgi(CREDENTIALS, Credentials(header.batch_ref, credentials).encode()),
    ]


def _still_good(batch: Batch, device_id: str, now: datetime) -> bool:
    return batch.device_id == device_id and now < batch.until


def _credential(keys: Keys, scheme: Scheme, batch: Batch, place: int, number: str) -> Credential:
    cipher = scheme.cryptogram.cipher
    counter = application_transaction_counter(batch.generation, place)
    card_key = keys.card_key(cipher, batch.bin, batch.key_version, number, SEQUENCE)
    return Credential(number, counter, session_key(cipher, card_key, counter))


def _wrapped(
    on: TokenDesk, device: RegisteredDevice, counter: int, dgis: Sequence[Dgi]
) -> tuple[bytes, ...]:
    """SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and the sealed STORE DATA commands."""
    static = on.keys.device_keys(device.serial)
    host_challenge = on.entropy.take(CHALLENGE_BYTES)
    card_challenge = pseudo_random_challenge(static, counter, PAYMENT_DOMAIN_AID)
    session = HostSession(
        derive_session(static, host_challenge, card_challenge), SecurityLevel.C_DECRYPTION_C_MAC
    )
    commands = [
        Command(0x00, _SELECT, 0x04, 0x00, PAYMENT_DOMAIN_AID, le=256),
        initialize_update(host_challenge),
        session.external_authenticate(host_challenge, card_challenge),
        *(session.wrap(command) for command in store_data_commands(dgis)),
    ]
    return tuple(command.encode() for command in commands)
