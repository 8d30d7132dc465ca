"""Controls over real cryptograms: each refuses with its reason and DE39, and the number burns."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, reversal
from zheton.core.debit import DebitState
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags
from zheton.core.errors import ConflictError, EncodeError, NotFoundError
from zheton.core.iso8583.message import Message
from zheton.core.token.batch import Batch
from zheton.core.token.lifecycle import Actor, Cause, Verb
from zheton.roles.network.authorise import authorise
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward, Step
from zheton.roles.tsp.controls import Controlled, Wish, controls_of, set_controls
from zheton.roles.tsp.history import OPERATOR
from zheton.roles.tsp.state import By, Kind

BY = By(Actor.CARDHOLDER, Cause.CARDHOLDER_REQUEST)


def put(bench: VaultBench, batch: Batch, document: Mapping[str, Any], card: bool) -> Controlled:
    edition = controls_of(bench.vault, batch.enrolment).edition
    wish = Wish(batch.enrolment, card, document, edition, BY)
    return set_controls(bench.vault, bench.rules, wish, NOW)


def step(bench: VaultBench, message: Message, now: datetime = NOW) -> Step:
    return authorise(bench.switch, [message], now)[0]


def refused(bench: VaultBench, message: Message, now: datetime = NOW) -> tuple[Decline, Message]:
    found = step(bench, message, now)
    assert isinstance(found, Answer), found
    assert found.decline is not None
    return found.decline, found.message


CASES: tuple[tuple[dict[str, Any], str, Reason, str], ...] = (
    ({"from": "2019-09-11"}, "dates", Reason.DOMAIN_DATES, "57"),
    ({"channels": ["online"]}, "channels", Reason.DOMAIN_CHANNEL, "57"),
    ({"devices": ["phone"]}, "devices", Reason.DOMAIN_DEVICE, "57"),
    ({"regions": {"only": ["CN"]}}, "regions", Reason.DOMAIN_REGION, "62"),
    ({"currencies": {"never": ["RUB"]}}, "currencies", Reason.DOMAIN_CURRENCY, "57"),
    ({"merchants": {"never": ["400001/MSKCOFFEE"]}}, "merchants", Reason.DOMAIN_MERCHANT, "57"),
    ({"categories": {"never": ["5811-5814"]}}, "categories", Reason.DOMAIN_CATEGORY, "57"),
)


@pytest.mark.parametrize(("document", "field", "reason", "code"), CASES)
@pytest.mark.parametrize("card", [True, False])
def test_what_controls_refuse_burns_and_tells_the_merchant_a_code(
    bench: VaultBench, document: dict[str, Any], field: str, reason: Reason, code: str, card: bool
) -> None:
    batch = bench.leased()
    put(bench, batch, document, card)
    request = bench.at_till(batch, 5)
    decline, message = refused(bench, request)
    scope = "card" if card else "token"
    assert (decline.reason, decline.rule) == (reason, f"{scope}.{field}")
    assert message.text(39) == code
    assert bench.burnt(batch) == 1 << 5
    (line,) = bench.vault.of_number(bench.read(request).at)
    assert (line.state, line.reason) == (DebitState.DECLINED, reason)
    # Beside the code the acquirer gets what it sent, and the PAR that every decline has.
    assert set(message.fields) - set(request.fields) <= {39, 56}
    assert decline.text not in str(message.fields)
    put(bench, batch, {}, card)
    assert isinstance(step(bench, bench.at_till(batch, 6)), Forward)


@pytest.mark.parametrize(
    ("document", "amounts", "field", "reason", "code"),
    [
        ({"debitMinor": 999}, (999, 1000), "card.debitMinor", Reason.AMOUNT_LIMIT, "61"),
        ({"dayMinor": 1500}, (1000, 500, 1), "card.dayMinor", Reason.DAY_AMOUNT, "61"),
        ({"dayCount": 2}, (1, 1, 1), "card.dayCount", Reason.DAY_COUNT, "65"),
        (
            {"velocity": {"debits": 1, "minutes": 9}},
            (1, 1),
            "card.velocity",
            Reason.VELOCITY,
            "65",
        ),
    ],
)
def test_amounts_and_counts_hold_over_all_batches_of_a_card(
    bench: VaultBench,
    document: dict[str, Any],
    amounts: tuple[int, ...],
    field: str,
    reason: Reason,
    code: str,
) -> None:
    """Every debit is one of another device's batch; the last is one too many."""
    batches = [bench.leased() for _ in amounts]
    put(bench, batches[0], document, card=True)
    for batch, minor in list(zip(batches, amounts, strict=True))[:-1]:
        assert isinstance(step(bench, bench.at_till(batch, amount_minor=minor)), Forward)
    decline, message = refused(bench, bench.at_till(batches[-1], amount_minor=amounts[-1]))
    assert (decline.reason, decline.rule, message.text(39)) == (reason, field, code)
    assert bench.burnt(batches[-1]) == 1


def test_a_number_that_is_not_proven_is_told_nothing_of_controls(bench: VaultBench) -> None:
    batch = bench.leased()
    put(bench, batch, {"regions": {"only": ["CN"]}}, card=True)
    wrong = bench.at_till(batch, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)})
    assert refused(bench, wrong)[0].reason is Reason.WRONG_CRYPTOGRAM
    assert bench.burnt(batch) == 0


def test_one_tokens_controls_leave_the_others_alone(bench: VaultBench) -> None:
    first, second = bench.leased(), bench.leased()
    assert (first.card, first.enrolment != second.enrolment) == (second.card, True)
    put(bench, first, {"channels": ["online"]}, card=False)
    assert refused(bench, bench.at_till(first))[0].rule == "token.channels"
    assert isinstance(step(bench, bench.at_till(second)), Forward)


def test_a_reversal_gives_the_day_back_and_not_the_velocity(bench: VaultBench) -> None:
    """A shop that debits and reverses in turns is what a velocity is there for."""
    batch = bench.leased()
    put(bench, batch, {"dayCount": 1, "velocity": {"debits": 2, "minutes": 5}}, card=True)
    for place in range(2):
        request = bench.at_till(batch, place)
        assert isinstance(step(bench, request), Forward)
        reverse(bench.switch, reversal(request), NOW)
    assert refused(bench, bench.at_till(batch, 2))[0].reason is Reason.VELOCITY
    assert isinstance(step(bench, bench.at_till(batch, 3), NOW + timedelta(minutes=5)), Forward)


def test_nobody_lifts_a_card_above_the_operators_limits(bench: VaultBench) -> None:
    batch = bench.leased()
    for field, above in (("debitMinor", 500_001), ("dayMinor", 1_200_001), ("dayCount", 7)):
        with pytest.raises(EncodeError, match="limit of the operator") as caught:
            put(bench, batch, {field: above}, card=True)
        assert caught.value.field == field
    limits = put(bench, batch, {"dayMinor": 5, "dayCount": 6}, card=True).limits
    assert (limits.debit_max_minor, limits.day_max_minor, limits.debits_per_day) == (500_000, 5, 6)
    assert put(bench, batch, {}, card=True).limits == bench.rules.limits_in("")


def test_controls_need_a_token_that_is_there_and_not_deleted(bench: VaultBench) -> None:
    batch = bench.leased()
    with pytest.raises(NotFoundError):
        controls_of(bench.vault, "00" * 16)
    bench.change(batch.enrolment, Verb.SUSPEND)
    put(bench, batch, {"channels": ["till"]}, card=False)
    bench.change(batch.enrolment, Verb.DELETE)
    with pytest.raises(ConflictError, match="deleted"):
        put(bench, batch, {}, card=False)


def test_a_sheet_that_was_damaged_declines_and_holds_up_nobody(bench: VaultBench) -> None:
    batch, other = bench.leased(), bench.leased(serial=2)
    with bench.database.transaction() as connection:
        change = "UPDATE card SET controls = '{' WHERE card = ?"
        connection.exec_driver_sql(change, (batch.card,))
    damaged, fine = authorise(bench.switch, [bench.at_till(batch), bench.at_till(other)], NOW)
    assert isinstance(damaged, Answer)
    assert damaged.decline is not None
    assert damaged.decline.reason is Reason.SUSPENDED
    assert isinstance(fine, Forward)


def test_a_cards_controls_are_a_line_for_the_operator_and_for_each_wallet(
    bench: VaultBench,
) -> None:
    first, second = bench.leased(), bench.leased()
    put(bench, first, {"channels": ["till"]}, card=False)
    put(bench, first, {"dayCount": 3}, card=True)

    def told(token: str) -> list[tuple[str, str, str]]:
        changes = bench.vault.history_of_token(token, 0, 99)
        return [(c.subject, c.before, c.after) for c in changes if c.kind is Kind.CONTROLS]

    card = (first.card, "1", "2")
    assert told(first.enrolment) == [(first.enrolment, "", "1"), card]
    assert told(second.enrolment) == [card]
    operators = bench.vault.history_of(first.bucket, first.card, OPERATOR, 0, 9)
    assert [(c.before, c.after) for c in operators if not c.token] == [("1", "2")]
