"""Enrolment and leasing in the vault's database: single operations of one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage import audit_append
from zheton.adapters.storage import vault_sqlite as sql
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.adapters.storage.vault_batches import BatchTx
from zheton.adapters.storage.vault_rows import (
    bucket_of,
    read_batch,
    read_card,
    read_device,
    read_enrolment,
    to_ms,
)
from zheton.adapters.storage.vault_tables import (
    card,
    card_index,
    device,
    enrolment,
    online_number,
)
from zheton.core.debit import Location
from zheton.core.token.audit.entry import Resolution
from zheton.core.token.batch import BUCKETS, Batch
from zheton.core.token.domain import Limits
from zheton.roles.tsp.state import Card, Enrolment, OnlineNumber, RegisteredDevice

_TAKE_PLACE = text(sql.TAKE_PLACE)


class TokenTx(BatchTx):
    """What the token service asks of a transaction (`roles.tsp.ports.VaultTx`)."""

    def card_by_index(self, pan_index: bytes) -> Card | None:
        """The card of a keyed index."""
        row = self._one(
            select(card)
            .join(
                card_index,
                (card_index.c.card_bucket == card.c.bucket) & (card_index.c.card == card.c.card),
            )
            .where(card_index.c.bucket == pan_index[0] % BUCKETS)
            .where(card_index.c.pan_index == pan_index)
        )
        return read_card(row) if row else None

    def add_card(self, new: Card, pan_index: bytes, at: datetime) -> None:
        """A new card and its entry in the index."""
        self._insert(
            card,
            bucket=new.bucket,
            card=new.id,
            network=new.network,
            region=new.region,
            status=new.status,
            par=new.par,
            last4=new.last4,
            expiry=new.expiry,
            sealed_pan=new.sealed_pan,
            pan_key_version=new.pan_key_version,
            **_limits(new.limits),
            changed_ms=to_ms(at),
        )
        self._index(new, pan_index)

    def renew_card(
        self, known: Card, expiry: str, region: str, limits: Limits, at: datetime
    ) -> None:
        """Another expiry; region and limits too where the card has none yet."""
        this = update(card).where(card.c.bucket == known.bucket, card.c.card == known.id)
        self.connection.execute(this.values(expiry=expiry, changed_ms=to_ms(at)))
        self.connection.execute(
            this.where(card.c.region == "").values(region=region, **_limits(limits))
        )

    def set_controls(self, before: Card, controls: str, limits: Limits, at: datetime) -> bool:
        """Write a sheet of controls and limits where the edition is that of `before`; whether."""
        changed = self.connection.execute(
            update(card)
            .where(card.c.bucket == before.bucket, card.c.card == before.id)
            .where(card.c.controls_edition == before.controls_edition)
            .values(
                controls=controls,
                controls_edition=card.c.controls_edition + 1,
                changed_ms=to_ms(at),
                **_limits(limits),
            )
        )
        return changed.rowcount == 1

    def count_claims(self, known: Card, since: datetime) -> int:
        """How many claims to a card were made since a moment, whatever became of them."""
        count = (
            select(func.count())
            .select_from(enrolment)
            .where(enrolment.c.bucket == known.bucket, enrolment.c.card == known.id)
            .where(enrolment.c.made_ms > to_ms(since))
        )
        return int(self.connection.execute(count).scalar_one())

    def card(self, card_id: str) -> Card | None:
        """A card by its id, which begins with its bucket."""
        row = self._one(
            select(card).where(card.c.bucket == bucket_of(card_id), card.c.card == card_id)
        )
        return read_card(row) if row else None

    def reseal_card(self, before: Card, version: int, sealed: bytes) -> bool:
        """Write another ciphertext where it is still that of `before`; whether it did."""
        changed = self.connection.execute(
            update(card)
            .where(card.c.bucket == before.bucket, card.c.card == before.id)
            .where(card.c.pan_key_version == before.pan_key_version)
            .where(card.c.sealed_pan == before.sealed_pan)
            .values(sealed_pan=sealed, pan_key_version=version)
        )
        return changed.rowcount == 1

    def move_index(self, known: Card, old: Sequence[bytes], new: bytes) -> bool:
        """Put a card under a new index in the place of its old ones; whether it had one of them."""
        gone = 0
        for each in old:
            gone += self.connection.execute(
                delete(card_index)
                .where(card_index.c.bucket == each[0] % BUCKETS, card_index.c.pan_index == each)
                .where(card_index.c.card == known.id)
            ).rowcount
        if gone and self.card_by_index(new) is None:
            self._index(known, new)
        return gone > 0

    def log(self, resolutions: Sequence[Resolution]) -> None:
        """Write openings of cards into the detokenisation log."""
        audit_append.append(self.connection, resolutions)

    def add_enrolment(self, new: Enrolment, at: datetime) -> None:
        """A new claim to a card."""
        self._insert(
            enrolment,
            bucket=new.bucket,
            enrolment=new.id,
            card=new.card,
            delivery=new.delivery,
            region=new.region,
            expiry=new.expiry,
            device=new.device,
            app_key=new.app_key,
            made_ms=to_ms(at),
            requestor=new.requestor,
            **_claim(new, at),
        )

    def enrolment(self, enrolment_id: str) -> tuple[Enrolment, Card] | None:
        """A claim by its id, with its card."""
        row = self._one(
            select(enrolment).where(
                enrolment.c.bucket == bucket_of(enrolment_id),
                enrolment.c.enrolment == enrolment_id,
            )
        )
        if row is None:
            return None
        found = read_enrolment(row)
        behind = self.card(found.card)
        return (found, behind) if behind else None

    def change_enrolment(self, before: Enrolment, after: Enrolment, at: datetime) -> bool:
        """Write `after` where status, holders and tries are those of `before`; whether it did."""
        changed = self.connection.execute(
            update(enrolment)
            .where(enrolment.c.bucket == before.bucket, enrolment.c.enrolment == before.id)
            .where(enrolment.c.status == before.status)
            .where(enrolment.c.tries_left == before.tries_left)
            .where(enrolment.c.held == int(before.held))
            .values(**_claim(after, at))
        )
        return changed.rowcount == 1

    def add_device(self, new: RegisteredDevice) -> None:
        """A new device."""
        self._insert(
            device,
            device=new.id,
            serial=new.serial,
            device_class=new.device,
            requestor=new.requestor,
            chip_key=new.chip_key.encode() if new.chip_key else None,
        )

    def device(self, device_id: str) -> RegisteredDevice | None:
        """A device by its id."""
        return self._device(device.c.device == device_id)

    def device_by_serial(self, serial: str) -> RegisteredDevice | None:
        """A device by the serial number of its chip."""
        return self._device(device.c.serial == serial)

    def take_online_place(self, claim: Enrolment, now: datetime) -> tuple[Batch, int] | None:
        """A place never given out before in an online batch of the enrolment, if one has any."""
        found = (
            self.connection.execute(
                _TAKE_PLACE, {"bucket": claim.bucket, "enrolment": claim.id, "now": to_ms(now)}
            )
            .mappings()
            .first()
        )
        return (read_batch(found), found["given"] - 1) if found else None

    def add_online_number(self, new: OnlineNumber) -> None:
        """Bind an online number."""
        self._insert(
            online_number,
            bucket=Location(new.bin, new.index).bucket,
            bin=new.bin,
            number_index=new.index,
            generation=new.generation,
            limit_minor=new.limit_minor,
            currency=new.currency,
            expires_ms=to_ms(new.expires_at),
            merchant=new.merchant,
        )

    def use_code_try(self, at: Location, generation: int, tries: int) -> bool:
        """Use up one of an online number's `tries`; False where none is left."""
        used = self.connection.execute(
            update(online_number)
            .where(online_number.c.bucket == at.bucket, online_number.c.bin == at.bin)
            .where(online_number.c.number_index == at.index)
            .where(online_number.c.generation == generation)
            .where(online_number.c.codes_tried < tries)
            .values(codes_tried=online_number.c.codes_tried + 1)
        )
        return used.rowcount == 1

    def _index(self, found: Card, pan_index: bytes) -> None:
        self._insert(
            card_index,
            bucket=pan_index[0] % BUCKETS,
            pan_index=pan_index,
            card_bucket=found.bucket,
            card=found.id,
        )

    def _insert(self, table: Table, **values: Any) -> None:
        try:
            self.connection.execute(insert(table), values)
        except IntegrityError as error:
            # The driver's text would carry the row.
            raise OvertakenError(
                f"The vault has this already, among its rows of {table.name}; nothing was kept."
            ) from error.__cause__

    def _device(self, condition: ColumnElement[bool]) -> RegisteredDevice | None:
        row = self._one(select(device).where(condition))
        return read_device(row) if row else None

    def _one(self, statement: Any) -> Any:
        return self.connection.execute(statement).mappings().first()


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "limit_currency": limits.currency,
        "debit_max_minor": limits.debit_max_minor,
        "day_max_minor": limits.day_max_minor,
        "debits_per_day": limits.debits_per_day,
        "velocity_debits": limits.velocity_debits,
        "velocity_ms": limits.velocity_minutes * 60_000,
    }


def _claim(claim: Enrolment, at: datetime) -> dict[str, Any]:
    """What of an enrolment changes."""
    return {
        "status": claim.status,
        "code_mac": claim.code_mac,
        "code_until_ms": to_ms(claim.code_until) if claim.code_until else 0,
        "tries_left": claim.tries_left,
        "held": int(claim.held),
        "issuer_told": claim.issuer_told,
        "changed_ms": to_ms(at),
    }
