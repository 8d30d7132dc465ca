"""An acquirer on a line that loses, delays and garbles: its journal and the bank's must agree.

The bank here is as simple as the standard lets it be: it holds money for what it approved, gives
back what is reversed, and knows repeats. Hypothesis decides what happens to each message.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.acquirer_tables import SALES
from zheton.adapters.storage.database import Database
from zheton.core.country import country
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import decode_original, response_mti
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.money import currency, money
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.clear import clear
from zheton.roles.acquirer.reverse import abandon, reversals_answered, reversals_due
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import Acquirer, ChipEntry, Merchant, Sale, Status, Till

START = datetime(2019, 8, 20, 9, 0, tzinfo=UTC)
LOCAL = datetime.fromisoformat("2019-08-20T12:00:00")
BANK_ID = Acquirer("400001")
SHOP = Merchant("MSKCOFFEE", "Kofeynya", "Moscow", country("RU"), "5814", currency("RUB"))
TILL = Till("MSK00001", SHOP, Channel.TILL)
CHIP = ChipEntry("5413330089010012", "2812", 1, None, b"\x9f\x36\x02\x00\x01")

FATES = ("fine", "request lost", "answer lost", "garbled", "declined", "crash")
FATE = st.sampled_from(FATES)


class Bank:
    """Holds by retrieval reference, and the reversals that it took, by trace number."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.blocked: set[str] = set()

    def answer(self, data: bytes, *, decline: bool) -> Message:
        asked = decode(DIALECT, data)
        code = self._reverse(asked) if asked.mti[1] == "4" else self._hold(asked, decline=decline)
        fields = {n: asked[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49)} | {39: code}
        if code == "00":
            fields[38] = "A1B2C3"
        return Message(response_mti(asked.mti), fields)

    def _hold(self, asked: Message, *, decline: bool) -> str:
        rrn = asked.text(37)
        if decline or rrn in self.blocked:
            return "51"
        self.held[rrn] = int(asked.text(4))
        return "00"

    def _reverse(self, asked: Message) -> str:
        rrn = asked.text(37)
        assert decode_original(asked.text(90)).acquirer == BANK_ID.id
        self.blocked.add(rrn)
        return "00" if self.held.pop(rrn, None) else "25"


def over_the_line(bank: Bank, message: Message, fate: str) -> Message | None:
    """What the acquirer hears of its message."""
    if fate == "request lost":
        return None
    answer = bank.answer(encode(DIALECT, message), decline=fate == "declined")
    if fate in ("answer lost", "crash"):
        return None
    if fate == "garbled":
        return answer.with_fields({4: "000000000001"})
    return decode(DIALECT, encode(DIALECT, answer))


@given(
    st.lists(st.tuples(st.lists(FATE, min_size=1, max_size=5), st.booleans()), max_size=5),
    st.lists(FATE, max_size=20),
)
@settings(max_examples=40, deadline=None)
def test_both_journals_agree_once_the_line_is_good_again(
    groups: list[tuple[list[str], bool]], reversal_fates: list[str]
) -> None:
    database = Database("sqlite://")
    store, bank, now = AcquirerDatabase(database), Bank(), START
    for fates, crashes in groups:
        now += timedelta(seconds=1)
        sales = [Sale(TILL, money(str(10 + n), "RUB"), CHIP, LOCAL) for n in range(len(fates))]
        messages = sell(sales, BANK_ID, store, now)
        heard = [over_the_line(bank, m, fate) for m, fate in zip(messages, fates, strict=True)]
        if not crashes:
            outcomes = [(m.text(37), a) for m, a in zip(messages, heard, strict=True)]
            complete(outcomes, store)
            complete(outcomes[::-1], store)  # whatever comes twice changes nothing
    now += timedelta(minutes=1)
    abandon(now, store)

    fates_left = list(reversal_fates)
    while due := reversals_due(store, now):
        answers = [
            over_the_line(bank, message, fates_left.pop() if fates_left else "fine")
            for message in due
        ]
        reversals_answered([answer for answer in answers if answer is not None], store)
        now += timedelta(seconds=30)

    with store.transaction() as transaction:
        approved = {r.rrn: r.amount.minor for r in transaction.with_status(Status.APPROVED, 100)}
        assert not transaction.with_status(Status.SENT, 1)
    assert approved == bank.held
    file = clear(LOCAL.date(), BANK_ID, store)
    presented = file.presentments if file else ()
    assert {p.retrieval_reference: p.amount.minor for p in presented} == bank.held
    with database.transaction() as connection:
        statuses = {row.status for row in connection.execute(SALES.select())}
    assert statuses <= {Status.CLEARED, Status.DECLINED, Status.REVERSED}
    database.close()
