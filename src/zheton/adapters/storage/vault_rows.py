"""Between the vault's rows and the records of the roles."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from zheton.core.crypto.rsa import PublicKey
from zheton.core.debit import Advice, DebitState, Journalled, Location, Place
from zheton.core.money import BY_NUMERIC, Money
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel, Counted, Device, Limits
from zheton.core.token.lifecycle import BatchStatus, CardStatus, Hold
from zheton.roles.tsp.state import Card, Enrolment, Lease, OnlineNumber, RegisteredDevice

Row = Mapping[Any, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """A moment as the tables keep it."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(value: int) -> datetime:
    """The moment that a row says, UTC."""
    return _EPOCH + value * _MILLISECOND


def bucket_of(name: str) -> int:
    """The bucket of a card or an enrolment, which its id begins with; -1 where it is no id."""
    try:
        return int(name[:2], 16)
    except ValueError:
        return -1


def read_batch(row: Row) -> Batch:
    """A row of `batch`."""
    return Batch(
        bin=row["bin"],
        batch=row["batch"],
        generation=row["generation"],
        status=BatchStatus(row["status"]),
        card=row["card"],
        enrolment=row["enrolment"],
        device_id=row["device"],
        device=Device(row["device_class"]),
        channel=Channel(row["channel"]),
        key_version=row["key_version"],
        expiry=row["expiry"],
        until=from_ms(row["until_ms"]),
        burnt=row["burnt"],
        held=Hold(row["held"]),
    )


def read_card(row: Row, prefix: str = "") -> Card:
    """A row of `card`; in a join the columns that others have too carry a prefix."""
    return Card(
        id=row["card"],
        bucket=row["bucket"],
        network=row["network"],
        region=row["region"],
        status=CardStatus(row[f"{prefix}status"]),
        par=row["par"],
        last4=row["last4"],
        expiry=row[f"{prefix}expiry"],
        limits=Limits(
            row["limit_currency"],
            row["debit_max_minor"],
            row["day_max_minor"],
            row["debits_per_day"],
            row["velocity_debits"],
            row["velocity_ms"] // 60_000,
        ),
        sealed_pan=bytes(row["sealed_pan"]),
        pan_key_version=row["pan_key_version"],
        controls=row["controls"],
        controls_edition=row["controls_edition"],
        held=Hold(row[f"{prefix}held"]),
    )


def read_counted(row: Row) -> Counted:
    """What a row of `card` has counted."""
    return Counted(
        active=row["status"] == CardStatus.ACTIVE,
        limits=read_card(row).limits,
        day=row["day"],
        day_minor=row["day_minor"],
        day_debits=row["day_debits"],
        recent=tuple(from_ms(each) for each in json.loads(row["recent"])),
    )


def read_lease(row: Row) -> Lease:
    """A row of batch, card and online number joined."""
    online = None
    if row["limit_minor"] is not None:
        online = OnlineNumber(
            row["bin"],
            row["asked_index"],
            row["generation"],
            row["limit_minor"],
            row["currency"],
            from_ms(row["expires_ms"]),
            row["merchant"],
            row["codes_tried"],
        )
    return Lease(read_batch(row), read_card(row, "card_"), online)


def read_enrolment(row: Row) -> Enrolment:
    """A row of `enrolment`."""
    return Enrolment(
        id=row["enrolment"],
        bucket=row["bucket"],
        card=row["card"],
        status=CardStatus(row["status"]),
        region=row["region"],
        expiry=row["expiry"],
        device=row["device"],
        app_key=row["app_key"],
        delivery=row["delivery"],
        code_mac=bytes(row["code_mac"]),
        code_until=from_ms(row["code_until_ms"]) if row["code_until_ms"] else None,
        tries_left=row["tries_left"],
        issuer_told=bool(row["issuer_told"]),
        requestor=row["requestor"],
        held=Hold(row["held"]),
    )


def read_device(row: Row) -> RegisteredDevice:
    """A row of `device`."""
    return RegisteredDevice(
        id=row["device"],
        serial=row["serial"],
        device=Device(row["device_class"]),
        requestor=row["requestor"],
        status=CardStatus(row["status"]),
        held=Hold(row["held"]),
        settled=bool(row["settled"]),
        version=row["version"],
        chip_key=PublicKey.decode(bytes(row["chip_key"])) if row["chip_key"] else None,
    )


def journal_entry(line: Journalled) -> list[Any]:
    """A journal line in the order of the columns of APPEND."""
    place = line.place
    return [
        line.at.bucket, line.repeat_key, line.debit, line.digest.hex(), line.at.bin, line.at.index,
        line.generation, line.card, line.par, line.state, line.amount.minor,
        line.amount.currency.numeric, place.acquirer, place.terminal, place.merchant,
        place.merchant_name, place.country, place.category, line.stan, line.transmitted,
        line.retrieval_reference, to_ms(line.received_at), line.response_code, line.auth_code,
        line.issuer_authentication_data.hex(), line.reason, line.preauthorised,
    ]  # fmt: skip


def read_journalled(row: Row) -> Journalled:
    """A row of `debit`."""
    return Journalled(
        debit=row["debit"],
        repeat_key=row["repeat_key"],
        digest=bytes.fromhex(row["digest"]),
        at=Location(row["bin"], row["number_index"]),
        generation=row["generation"],
        card=row["card"],
        par=row["par"],
        state=DebitState(row["state"]),
        amount=Money(row["amount_minor"], BY_NUMERIC[row["currency"]]),
        place=Place(
            row["acquirer"],
            row["terminal"],
            row["merchant"],
            row["merchant_name"],
            row["country"],
            row["category"],
        ),
        stan=row["stan"],
        transmitted=row["transmitted"],
        retrieval_reference=row["retrieval_reference"],
        received_at=from_ms(row["received_ms"]),
        response_code=row["response_code"],
        auth_code=row["auth_code"],
        issuer_authentication_data=bytes.fromhex(row["issuer_authentication_data"]),
        reason=row["reason"],
        advice=Advice(row["advice"]),
        preauthorised=bool(row["preauthorised"]),
        completed=bool(row["completed"]),
        changed_minor=row["changed_minor"],
        refunded_minor=row["refunded_minor"],
        under_way=row["under_way"],
        edition=row["edition"],
    )
