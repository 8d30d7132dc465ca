"""From the card's number typed in to a cryptogram that the vault accepts, through real doors."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from tests.wallet_lab import ANNA, LI, NOW, App, Band, Lab, lab, opened
from zheton.adapters.storage.incarnation import SqlIncarnation
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.lab.wearing import wear
from zheton.core.country import country
from zheton.core.debit import Admitted, Debit, Place
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tlv
from zheton.core.emv.cryptogram import verify_arpc_1, verify_arpc_2
from zheton.core.errors import RefusedError
from zheton.core.money import currency, money
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import BatchStatus
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Interface
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest, Sale
from zheton.roles.terminal.state import Transaction
from zheton.roles.tsp.recover import Range, carry_out, plan

PLACE = Place("220001", "TILL0001", "SHOP0001", "Coffee", "RU", "5814")


class Field:
    """A band in the till's field."""

    def __init__(self, band: Band) -> None:
        self._band = band
        band.element.reset(Interface.NFC)

    def transceive(self, command: bytes) -> bytes:
        """One APDU."""
        return self._band.element.transmit(Interface.NFC, command, self._band.clock.now())


def pay(band: Band, amount: str = "350") -> Sale:
    now = band.clock.now()
    wear(band.element, now)
    armed = band.element.arm(now)
    assert isinstance(armed, Armed), armed
    till = load_terminal(country("RU"), currency("RUB"))
    charge = Transaction(money(amount, "RUB"), now.date(), time(12, 0), b"\x01\x02\x03\x04", 7)
    outcome = tap(Field(band), till, charge)
    assert isinstance(outcome, OnlineRequest), outcome
    return outcome.sale


def debit_of(world: Lab, sale: Sale) -> Debit:
    """What the network reads out of the acquirer's message."""
    at = world.network_side.locate(sale.number)
    assert at is not None
    return Debit(
        number=sale.number,
        at=at,
        expiry=sale.expiry,
        sequence=f"{sale.psn or 0:03d}",
        amount=money("350", "RUB"),
        channel=Channel.TILL,
        place=PLACE,
        stan="000001",
        transmitted="0902090000",
        retrieval_reference="924509000001",
        chip=tlv.flat(sale.chip),
        code=None,
        repeat_key=sale.number,
        digest=b"",
    )


def examine(world: Lab, sale: Sale, **changes: object) -> Admitted | Decline:
    debit = replace(debit_of(world, sale), **changes)  # type: ignore[arg-type]
    return world.network_side.examine([debit], world.clock.now())[0]


def provisioned_band(world: Lab) -> tuple[App, Band, str]:
    app, band = world.sign_up(), world.band()
    card, device = app.active_card(), app.register(band)
    synced = app.companion(band).sync(device, unspent=0)
    assert synced is not None
    assert (synced.card, synced.numbers) == (card, 64)
    return app, band, device


def test_a_card_that_was_typed_in_pays_at_a_till() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        assert band.element.credentials_left() == 64
        sale = pay(band)
        admitted = examine(world, sale)
        assert isinstance(admitted, Admitted), admitted
        assert admitted.refusal is None
        assert world.network_side.reveal(admitted).pan.reveal() == ANNA
        assert sale.number != ANNA and sale.number[:-1] not in ANNA
        assert band.element.credentials_left() == 63
        assert app.companion(band).sync(device, unspent=63) is None


def test_after_a_recovery_the_next_sync_changes_dead_numbers_for_live_ones() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        before = world.databases["vault"]
        recovered(SqlIncarnation(before), world.clock.now())
        assert band.element.credentials_left() == 64  # nobody has told it
        dead = examine(world, pay(band))
        assert isinstance(dead, Decline) and dead.response_code == "62"

        synced = app.companion(band).sync(device, unspent=63)
        assert synced is not None and synced.numbers == 64
        assert band.element.credentials_left() == 64  # the dead ones are gone
        assert isinstance(examine(world, pay(band)), Admitted)
        assert app.companion(band).sync(device, unspent=63) is None


def recovered(database: SqlIncarnation, now: datetime) -> None:
    """The database as after a restore and a recovery."""
    database.begin("00" * 16, now)
    what = plan(database, None, {"520473": Range(1 << 20, 1)}, skip=1)
    assert what is not None
    list(carry_out(database, what, now))
    with database.recovering() as tx:
        tx.open(now)


def test_the_chip_gets_an_answer_that_it_can_verify() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        admitted = examine(world, pay(band))
        assert isinstance(admitted, Admitted)
        answer = world.network_side.answer_chip(admitted, "00")
        assert admitted.session_key is not None and admitted.debit.chip is not None
        arqc = admitted.debit.chip[0x9F26]
        verify_arpc_1("3des", admitted.session_key, arqc, b"00", answer[:8])
        assert answer[8:] == b"00"


@pytest.mark.parametrize(("code", "update"), [("00", "00800000"), ("51", "00000000")])
def test_by_method_2_the_answer_says_whether_the_issuer_approves(code: str, update: str) -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        body = {"encryptedData": world.envelope(LI, "09/30"), "region": "CN"}
        card = app.post(f"/v1/users/{app.user}/creditCards", body, 201)["id"]
        app.post(f"/v1/creditCards/{card}/verify", {"code": world.code()})
        assert app.companion(band).sync(app.register(band), 0) is not None
        admitted = examine(world, pay(band))
        assert isinstance(admitted, Admitted), admitted
        answer = world.network_side.answer_chip(admitted, code)
        assert admitted.session_key is not None and admitted.debit.chip is not None
        arqc = admitted.debit.chip[0x9F26]
        verify_arpc_2("aes", admitted.session_key, arqc, answer[4:], b"", answer[:4])
        assert answer[4:].hex() == update


def test_every_number_of_a_batch_verifies() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        sales = [pay(band) for _ in range(64)]
        debits = [debit_of(world, sale) for sale in sales]
        verdicts = world.network_side.examine(debits, world.clock.now())
        assert all(isinstance(v, Admitted) and v.refusal is None for v in verdicts)
        assert len({sale.number for sale in sales}) == 64


def test_a_changed_debit_is_no_debit() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        sale = pay(band)
        chip = debit_of(world, sale).chip
        assert chip is not None
        for tag, reason in (
            (0x9F26, Reason.WRONG_CRYPTOGRAM),
            (0x9F02, Reason.WRONG_CRYPTOGRAM),
            (0x9F36, Reason.CHIP_DATA_MISMATCH),
        ):
            value = chip[tag][:-1] + bytes((chip[tag][-1] ^ 1,))
            verdict = examine(world, sale, chip={**chip, tag: value})
            assert isinstance(verdict, Decline) and verdict.reason is reason
        wrong_date = examine(world, sale, expiry="3001")
        assert isinstance(wrong_date, Decline) and wrong_date.reason is Reason.UNKNOWN_NUMBER
        assert isinstance(examine(world, sale), Admitted)


def test_a_number_pays_once() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        sale = pay(band)
        admitted = examine(world, sale)
        assert isinstance(admitted, Admitted)
        with world.desk.vault.transaction() as tx:
            assert tx.burn([admitted], NOW) == {admitted.debit.at}  # type: ignore[attr-defined]
            assert tx.burn([admitted], NOW) == set()  # type: ignore[attr-defined]
        replay = examine(world, sale)
        assert isinstance(replay, Decline) and replay.reason is Reason.REPLAY


def test_suspension_holds_at_once_and_resuming_ends_it() -> None:
    with lab() as world:
        app, band, _ = provisioned_band(world)
        (card,) = app.get(f"/v1/users/{app.user}/creditCards")
        sale = pay(band)
        app.post(f"/v1/creditCards/{card['id']}/suspend")
        refused = examine(world, sale)
        assert isinstance(refused, Decline) and refused.reason is Reason.SUSPENDED
        app.post(f"/v1/creditCards/{card['id']}/resume")
        assert isinstance(examine(world, sale), Admitted)
        app.post(f"/v1/creditCards/{card['id']}/delete")
        gone = examine(world, sale)
        assert isinstance(gone, Decline) and gone.reason is Reason.SUSPENDED


def test_an_acknowledged_package_is_provisioned_and_a_low_band_is_filled_again() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        reference = world.wallet_desk.store
        with reference.transaction() as wallet_tx:
            token = wallet_tx.cards(app.user)[0].token.reference
        with world.desk.vault.transaction() as tx:
            found = tx.enrolment(token)
            assert found is not None
            assert [b.status for b in tx.batches_of(found[0])] == [BatchStatus.PROVISIONED]
        for _ in range(48):
            pay(band)
        filled = app.companion(band).sync(device, band.element.credentials_left())
        assert filled is not None and band.element.credentials_left() == 16 + 64


def test_a_package_that_did_not_arrive_is_the_same_again() -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        app.active_card()
        device = app.register(band)
        need = {"counter": app.companion(band).counter(), "unspent": 0}
        first = app.post(f"/v1/devices/{device}/commits", need)
        assert app.post(f"/v1/devices/{device}/commits", need) == first
        synced = app.companion(band).sync(device, 0)
        assert synced is not None and synced.commit == first["commit"]


def test_a_package_that_tore_is_replaced_by_another() -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        app.active_card()
        device = app.register(band)
        need = {"counter": app.companion(band).counter(), "unspent": 0}
        torn = app.post(f"/v1/devices/{device}/commits", need)
        for command in torn["commands"][:-1]:
            assert band.transmit(bytes.fromhex(command))[-2:] == b"\x90\x00"
        band.element.reset(Interface.HOST)
        assert band.element.credentials_left() == 0
        synced = app.companion(band).sync(device, 0)
        assert synced is not None and synced.commit == torn["commit"] + 1
        assert band.element.credentials_left() == 64
        assert isinstance(examine(world, pay(band)), Admitted)


def test_a_chip_that_refuses_is_named_with_its_command() -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        app.active_card()
        device = app.register(band)

        def deaf(command: bytes) -> bytes:
            return b"\x6a\x84" if command[1] == 0xE2 else band.transmit(command)

        companion = app.companion(band)
        companion._transmit = deaf
        with pytest.raises(RefusedError, match=r"command 4 of \d+ \(STORE DATA\).*6A84"):
            companion.sync(device, 0)
        assert band.element.credentials_left() == 0
        assert app.companion(band).sync(device, 0) is not None
        assert band.element.credentials_left() == 64


def test_another_chip_takes_no_package() -> None:
    """A package is sealed to one chip: no other opens it, though its counter is the same."""
    with lab() as world:
        app, band, other = world.sign_up(), world.band(), world.band(bytes(10))
        app.active_card()
        device = app.register(band)
        with pytest.raises(RefusedError, match="EXTERNAL AUTHENTICATE"):
            app.companion(other).sync(device, 0)
        assert other.element.credentials_left() == 0


@pytest.mark.parametrize(("pan", "region", "armed_label"), [(ANNA, "RU", "M"), (LI, "CN", "U")])
def test_both_networks_can_be_provisioned(pan: str, region: str, armed_label: str) -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        expiry = "09/30" if pan == LI else "12/29"
        body = {"encryptedData": world.envelope(pan, expiry), "region": region}
        card = app.post(f"/v1/users/{app.user}/creditCards", body, 201)["id"]
        app.post(f"/v1/creditCards/{card}/verify", {"code": world.code()})
        assert app.companion(band).sync(app.register(band), 0) is not None
        wear(band.element, NOW)
        armed = band.element.arm(NOW)
        assert isinstance(armed, Armed) and armed.label.startswith(armed_label)


def test_neither_card_number_nor_key_is_in_the_wallet(tmp_path: Path) -> None:
    """Canaries: the card number, the one-time numbers and their session keys, hunted everywhere."""
    with lab(tmp_path) as world:
        app, band, device = provisioned_band(world)
        card = app.get(f"/v1/users/{app.user}/creditCards")[0]["id"]
        body = {"deviceId": device, "amountMinor": 10_000, "currency": "RUB", "merchant": "SHOP"}
        online = opened(app.post(f"/v1/creditCards/{card}/transact", body)["encryptedPayload"])
        credentials = [
            credential
            for one in band.element._chip.state.cards
            for batch in one.batches
            for credential in batch.credentials
            if credential is not None
        ]
        assert len(credentials) == 64
        digits = [ANNA, online["number"], *(credential.number for credential in credentials)]
        canaries = [number.encode() for number in digits]
        canaries += [bytes.fromhex(number) for number in digits]
        canaries += [number.encode().hex().encode() for number in digits]
        keys = [credential.session_key for credential in credentials]
        canaries += keys + [key.hex().encode() for key in keys]
        content = b"".join(path.read_bytes() for path in tmp_path.glob("wallet.db*"))
        assert card.encode() in content  # the hunt is in the right place, write-ahead log included
        assert [canary for canary in canaries if canary in content] == []
        with world.wallet_desk.store.transaction() as tx:
            commit = tx.last_commit(device)
            held = repr((tx.cards(app.user), tx.devices(app.user), commit))
            assert commit is not None
            sent = b"".join(commit.package.commands)
        assert [canary for canary in canaries if canary in sent or canary in held.encode()] == []
        assert online["code"] not in held


def online_debit(world: Lab, app: App, device: str, card: str) -> Debit:
    """A debit in a web shop by a new number of 350 RUB for five minutes."""
    body = {"deviceId": device, "amountMinor": 35_000, "currency": "RUB", "minutes": 5}
    made = opened(app.post(f"/v1/creditCards/{card}/transact", body)["encryptedPayload"])
    at = world.network_side.locate(made["number"])
    assert at is not None
    return Debit(
        number=made["number"],
        at=at,
        expiry=made["expiry"],
        sequence="",
        amount=money("350", "RUB"),
        channel=Channel.ONLINE,
        place=PLACE,
        stan="000002",
        transmitted="0902090000",
        retrieval_reference="924509000002",
        chip=None,
        code=made["code"],
        repeat_key="online",
        digest=b"",
    )


def test_an_online_number_pays_once_up_to_its_limit_for_its_minutes() -> None:
    with lab() as world:
        app, _, device = provisioned_band(world)
        card = app.get(f"/v1/users/{app.user}/creditCards")[0]["id"]
        judge, now = world.network_side.examine, world.clock.now()
        (admitted,) = judge([online_debit(world, app, device, card)], now)
        assert isinstance(admitted, Admitted) and admitted.refusal is None and admitted.binds_shop
        dearer = replace(online_debit(world, app, device, card), amount=money("350.01", "RUB"))
        (over,) = judge([dearer], now)
        assert isinstance(over, Admitted) and over.refusal is not None
        assert over.refusal.reason is Reason.AMOUNT_LIMIT
        (late,) = judge([online_debit(world, app, device, card)], now + timedelta(minutes=5))
        assert isinstance(late, Decline) and late.reason is Reason.EXPIRED
        debit = online_debit(world, app, device, card)
        guess = replace(debit, code=f"{(int(debit.code or '') + 1) % 10**6:06d}")
        for _ in range(3):
            (wrong,) = judge([guess], now)
            assert isinstance(wrong, Decline) and wrong.reason is Reason.WRONG_CODE
        (dead,) = judge([debit], now)
        assert isinstance(dead, Decline) and dead.reason is Reason.WRONG_CODE
