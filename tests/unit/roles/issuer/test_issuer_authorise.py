"""Purchases: each refusal, the hold, the repeat, and two debits in one group."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode, encode
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.state import Bank

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]
Funds = Callable[..., tuple[int, int]]
NOW = datetime(2019, 8, 30, 9, 0, tzinfo=UTC)
BORIS, VERA = "5413330089020110", "5413330089001037"


def test_a_purchase_is_held_and_answered_as_the_dialect_says(
    ask: Ask, purchase: Make, funds: Funds
) -> None:
    request = purchase()
    (answer,) = ask(decode(DIALECT, encode(DIALECT, request)))
    assert answer.mti == "0110"
    assert set(answer.fields) == {2, 3, 4, 7, 11, 32, 37, 38, 39, 41, 49}
    assert answer[39] == "00" and len(answer.text(38)) == 6
    assert all(answer[n] == request[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49))
    assert decode(DIALECT, encode(DIALECT, answer)).text(38) == answer[38]
    assert funds() == (25_000_000 - 35_000, 35_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"de2": "5413330089600028"}, "14"),
        ({"de2": VERA}, "62"),
        ({"de14": "2911"}, "54"),
        ({"minor": 5_000_001}, "61"),
        ({"de2": BORIS, "de14": "2806", "minor": 50_001}, "51"),
        ({"de49": "392"}, "05"),
        ({"de49": "000"}, "30"),
        ({"minor": 0}, "30"),
        ({"de3": "010000"}, "30"),
        ({"de48": "33"}, "30"),
    ],
)
def test_a_refusal_holds_nothing(
    changes: dict[str, str], code: str, ask: Ask, purchase: Make, funds: Funds
) -> None:
    (answer,) = ask(purchase(**changes))
    assert (answer[39], answer.get(38)) == (code, None)
    assert funds()[1] == funds("boris")[1] == funds("vera")[1] == 0


@pytest.mark.parametrize("absent", [2, 3, 4, 7, 11, 32, 37, 49])
def test_a_request_without_a_needed_element_is_a_format_error(
    absent: int, ask: Ask, purchase: Make
) -> None:
    (answer,) = ask(purchase().with_fields({}, drop=[absent]))
    assert answer[39] == "30"


def test_an_unknown_message_is_a_format_error(ask: Ask, purchase: Make) -> None:
    (answer,) = ask(purchase().with_fields({}, mti="0200"))
    assert (answer.mti, answer[39]) == ("0210", "30")


def test_a_card_lives_to_the_end_of_its_month(ask: Ask, purchase: Make) -> None:
    last = datetime(2029, 12, 31, 23, 59, tzinfo=UTC)
    assert ask(purchase(1), now=last)[0][39] == "00"
    assert ask(purchase(2), now=datetime(2030, 1, 1, tzinfo=UTC))[0][39] == "54"


def test_two_debits_of_one_group_see_each_other(ask: Ask, purchase: Make, funds: Funds) -> None:
    boris = {"de2": BORIS, "de14": "2806", "minor": 30_000}
    first, second = ask(purchase(1, **boris), purchase(2, **boris))
    assert (first[39], second[39]) == ("00", "51")
    assert funds("boris") == (20_000, 30_000)


@pytest.mark.parametrize("together", [True, False])
def test_a_repeat_gets_the_stored_answer_and_moves_nothing(
    together: bool, ask: Ask, purchase: Make, funds: Funds
) -> None:
    repeat = purchase().with_fields({}, mti="0101")
    answers = ask(purchase(), repeat) if together else ask(purchase()) + ask(repeat)
    assert answers[0].fields == answers[1].fields
    assert funds() == (25_000_000 - 35_000, 35_000)


def test_a_refused_debit_stays_refused_when_repeated(ask: Ask, purchase: Make) -> None:
    first = ask(purchase(), now=datetime(2031, 1, 1, tzinfo=UTC))
    assert [m[39] for m in first + ask(purchase())] == ["54", "54"]


def test_a_changed_repeat_is_refused(ask: Ask, purchase: Make, funds: Funds) -> None:
    ask(purchase())
    assert ask(purchase(minor=1))[0][39] == "94"
    assert ask(purchase(de2=BORIS))[0][39] == "94"
    assert funds()[1] == 35_000


def test_a_retrieval_reference_names_one_debit(ask: Ask, purchase: Make, funds: Funds) -> None:
    ask(purchase(1))
    assert ask(purchase(2, de37=purchase(1).text(37)))[0][39] == "94"
    assert funds()[1] == 35_000


def test_the_day_has_a_limit_until_midnight(ask: Ask, purchase: Make) -> None:
    spend = [purchase(n, 5_000_000) for n in range(1, 6)]
    assert [m[39] for m in ask(*spend[:4])] == ["00", "00", "00", "61"]
    assert ask(spend[4], now=datetime(2019, 8, 31, tzinfo=UTC))[0][39] == "00"


def test_another_currency_is_billed_at_the_rate(ask: Ask, purchase: Make, funds: Funds) -> None:
    (answer,) = ask(purchase(minor=10_01, de49="156"))
    assert (answer[39], answer[4], answer[49]) == ("00", "000000001001", "156")
    assert funds()[1] == 93_59  # 10.01 yuan at 9.35 are 93.5935 roubles


def test_a_refund_is_allowed_and_moves_nothing_yet(ask: Ask, purchase: Make, funds: Funds) -> None:
    assert ask(purchase(de3="200000"))[0][39] == "00"
    assert ask(purchase(2, de3="200000", de2=VERA))[0][39] == "62"
    assert funds() == (25_000_000, 0)


def test_nothing_is_kept_when_the_group_breaks_off(
    ask: Ask, purchase: Make, funds: Funds, store: IssuerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: object, _changes: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("zheton.adapters.storage.issuer.Transaction.apply", fail)
        with pytest.raises(RuntimeError):
            ask(purchase())
    assert funds() == (25_000_000, 0)
    assert ask(purchase())[0][39] == "00"


def test_one_request_at_many_connections_at_once_is_held_once(
    bank: Bank, purchase: Make, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/issuer.db")
    store = IssuerDatabase(database)
    enrol(bundled().cardholders, bank, store, NOW)
    requests = [purchase(1), purchase(2)]

    def ask_once(_: int) -> list[Message]:
        return handle(requests, bank, store, Outbox(), NOW)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask_once, range(16)))
    assert all(answer == answers[0] for answer in answers)
    with store.transaction() as transaction:
        anna = transaction.accounts()[0]
        assert transaction.trial_balance()[anna.held] == 2 * 35_000
    database.close()
