"""Clearing in the network: numbers become cards, debits clear once, and money adds up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.storage.clearing import ClearingDatabase
from zheton.adapters.storage.database import Database
from zheton.core.clearing import CardAcceptor, ClearingFile, NetPosition, Presentment
from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError
from zheton.core.money import BY_CODE, Money
from zheton.roles.network.clear import Cleared, FileVerdicts, ResolvedCard, Verdict, clear

SHOP = CardAcceptor("SHOP0001", "Kofeinya", "Moskva", "RUS", "5814", "TILL0001")
ANNA, LI, UNKNOWN = "5204730000000008", "6235531200000006", "5204739999999999"
CARDS = {
    ANNA: ResolvedCard("5413330089600010", "2912", "330001", "PAR-OF-ANNA"),
    LI: ResolvedCard("6212345678901232", "3009", "330002"),
}
DAY = date(2019, 8, 30)


def debit(
    reference: int, number: str = ANNA, minor: int = 35_000, code: str = "RUB"
) -> Presentment:
    return Presentment(
        number=number,
        expiry="2508",
        processing_code="000000",
        amount=Money(minor, BY_CODE[code]),
        acquirer_id="220001",
        acceptor=SHOP,
        auth_code="123456",
        retrieval_reference=f"{reference:012d}",
        stan="000001",
        local_time=datetime.fromisoformat("2019-08-30T12:00:00"),
        par="FROM-ACQUIRER",
    )


def resolve(presentment: Presentment) -> ResolvedCard | Decline:
    card = CARDS.get(presentment.number)
    return card or Decline(Reason.NO_ORIGINAL, "No debit of this number is known.")


def file_of(*presentments: Presentment, sequence: int = 1) -> ClearingFile:
    return ClearingFile("220001", DAY, sequence, presentments)


@pytest.fixture
def store() -> Iterator[ClearingDatabase]:
    database = Database("sqlite://")
    yield ClearingDatabase(database)
    database.close()


def test_each_issuer_gets_its_cards(store: ClearingDatabase) -> None:
    file = file_of(debit(1), debit(2, LI, 1_000, "CNY"), debit(3, minor=5))
    result = clear(file, resolve, store)
    anna, li = result.outgoing["330001"], result.outgoing["330002"]
    assert [p.retrieval_reference[-1] for p in anna.presentments] == ["1", "3"]
    assert anna.id == li.id == file.id and not result.repeated
    first = anna.presentments[0]
    expected = replace(debit(1), number="5413330089600010", expiry="2912", par="PAR-OF-ANNA")
    assert first == expected
    assert li.presentments[0].par == "FROM-ACQUIRER"
    assert result.report.positions == (
        NetPosition("220001", "CNY", 1_000),
        NetPosition("220001", "RUB", 35_005),
        NetPosition("330001", "RUB", -35_005),
        NetPosition("330002", "CNY", -1_000),
    )
    assert (result.report.file_id, result.report.accepted) == (file.id, 3)


def test_a_refund_flows_back_and_does_not_clash_with_its_debit(store: ClearingDatabase) -> None:
    refund = replace(debit(1, minor=10_000), processing_code="200000")
    result = clear(file_of(debit(1), refund), resolve, store)
    assert result.report.accepted == 2
    assert NetPosition("220001", "RUB", 25_000) in result.report.positions


def test_rejects_say_where_and_why(store: ClearingDatabase) -> None:
    stranger = replace(debit(3), acquirer_id="220002")
    result = clear(file_of(debit(1), debit(2, UNKNOWN), stranger, debit(1)), resolve, store)
    found = [
        (r.record, r.retrieval_reference[-1], r.decline.reason) for r in result.report.rejections
    ]
    assert found == [
        (2, "2", Reason.NO_ORIGINAL),
        (3, "3", Reason.FORMAT),
        (4, "1", Reason.REPLAY),
    ]
    assert result.report.accepted == 1


def test_a_debit_clears_once_over_all_files(store: ClearingDatabase) -> None:
    clear(file_of(debit(1)), resolve, store)
    result = clear(file_of(debit(1), debit(2), sequence=2), resolve, store)
    assert [r.decline.reason for r in result.report.rejections] == [Reason.REPLAY]
    assert result.report.positions[0] == NetPosition("220001", "RUB", 35_000)


def test_what_was_rejected_may_come_again(store: ClearingDatabase) -> None:
    clear(file_of(debit(1, UNKNOWN)), resolve, store)
    assert clear(file_of(debit(1), sequence=2), resolve, store).report.accepted == 1


def test_a_file_that_comes_again_leads_to_the_same(store: ClearingDatabase) -> None:
    file = file_of(debit(1), debit(1), debit(2, UNKNOWN), debit(3, LI))
    first, again = clear(file, resolve, store), clear(file, resolve, store)
    assert again == replace(first, repeated=True)
    empty = file_of(sequence=2)
    assert clear(empty, resolve, store) == replace(clear(empty, resolve, store), repeated=False)


@pytest.mark.parametrize(
    "changed", [(debit(1, minor=1),), (debit(1, LI),), (debit(1), debit(2)), ()]
)
def test_another_file_of_the_same_name_is_refused(
    changed: tuple[Presentment, ...], store: ClearingDatabase
) -> None:
    clear(file_of(debit(1)), resolve, store)
    with pytest.raises(ConflictError) as caught:
        clear(file_of(*changed), resolve, store)
    assert ANNA not in str(caught.value)


@pytest.mark.parametrize(
    "later", [Decline(Reason.UNKNOWN_NUMBER, "Gone."), replace(CARDS[ANNA], issuer="330009")]
)
def test_a_number_that_leads_elsewhere_later_is_not_cleared_again(
    later: ResolvedCard | Decline, store: ClearingDatabase
) -> None:
    clear(file_of(debit(1)), resolve, store)
    with pytest.raises(ConflictError):
        clear(file_of(debit(1)), lambda _: later, store)


def test_numbers_are_resolved_outside_the_transaction() -> None:
    database = Database("sqlite://")
    store, busy = ClearingDatabase(database), False

    class Watched:
        def transaction(self) -> AbstractContextManager[object]:
            nonlocal busy
            busy = True
            return store.transaction()

    def watch(presentment: Presentment) -> ResolvedCard | Decline:
        assert not busy
        return resolve(presentment)

    clear(file_of(debit(1), debit(2)), watch, Watched())  # type: ignore[arg-type]
    assert busy
    database.close()


def test_the_store_itself_lets_a_debit_clear_once(store: ClearingDatabase) -> None:
    verdict = Verdict(1, "220001", "000000000001", "000000", "330001", None)
    refused = replace(verdict, issuer="", decline=Decline(Reason.REPLAY, "Again."))
    with store.transaction() as transaction:
        transaction.add_file("a", FileVerdicts(b"a", [verdict]))
        transaction.add_file("b", FileVerdicts(b"b", [refused]))
    for file_id, verdicts in (("c", [verdict]), ("a", [])):
        with pytest.raises(ConflictError), store.transaction() as transaction:
            transaction.add_file(file_id, FileVerdicts(b"c", verdicts))
    with store.transaction() as transaction:
        assert transaction.file("c") is None
        assert transaction.file("b") == FileVerdicts(b"b", [refused])
        assert set(transaction.cleared([verdict.key, ("1", "2", "3")])) == {verdict.key}


Shape = list[tuple[int, str, int, str, bool]]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 6),
            st.sampled_from([ANNA, LI, UNKNOWN]),
            st.integers(0, 10**9),
            st.sampled_from(["RUB", "CNY"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_every_record_is_cleared_or_rejected_and_money_adds_up(shape: Shape) -> None:
    database = Database("sqlite://")
    presentments = [
        replace(debit(n, number, minor, code), processing_code="200000" if refund else "000000")
        for n, number, minor, code, refund in shape
    ]
    result: Cleared = clear(file_of(*presentments), resolve, ClearingDatabase(database))
    cleared = [p for part in result.outgoing.values() for p in part.presentments]
    assert len(cleared) + len(result.report.rejections) == len(presentments)
    assert len({(p.retrieval_reference, p.processing_code) for p in cleared}) == len(cleared)
    for code in ("RUB", "CNY"):
        owed = {p.participant: p.minor for p in result.report.positions if p.currency == code}
        assert sum(owed.values()) == 0
        due = sum(signed_minor(p) for p in cleared if p.amount.currency.code == code)
        assert owed.get("220001", 0) == due
    database.close()


def signed_minor(presentment: Presentment) -> int:
    return -presentment.amount.minor if presentment.is_refund else presentment.amount.minor
