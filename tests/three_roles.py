"""Acquirer, network and issuer on databases in memory, and wires between them that may fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType

from tests.journals import Journals
from tests.unit.roles.tsp.debits import NOW, VaultBench, card_number, through_the_wire
from zheton.adapters import ipm
from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.clearing import ClearingDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.clearing import Presentment
from zheton.core.country import country
from zheton.core.decline import Decline
from zheton.core.follow_up import names_original, reversed_kind
from zheton.core.iso8583.message import Message
from zheton.core.money import currency
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.clear import clear as present
from zheton.roles.acquirer.deliver import abandon_follow_ups, follow_ups_answered, follow_ups_due
from zheton.roles.acquirer.follow import conclude as heard
from zheton.roles.acquirer.follow import follow
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.reverse import reversals_answered, reversals_due
from zheton.roles.acquirer.sell import complete as completed
from zheton.roles.acquirer.sell import sell
from zheton.roles.acquirer.state import Acquirer, ChipEntry, Merchant, Record, Sale, Till
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ledger import Kind
from zheton.roles.issuer.post import post
from zheton.roles.issuer.settle import settle
from zheton.roles.issuer.state import Bank
from zheton.roles.network import complete as debits
from zheton.roles.network.allowance import NO_STAND_IN, StandIns
from zheton.roles.network.authorise import authorise
from zheton.roles.network.clear import ResolvedCard, clear
from zheton.roles.network.follow_up.conclude import AnsweredFollowUp, ForwardFollowUp, conclude
from zheton.roles.network.follow_up.conclude import abandon_follow_ups as give_up
from zheton.roles.network.follow_up.take import take_follow_ups
from zheton.roles.network.follow_up.tell import follow_up_heard, follow_up_message
from zheton.roles.network.follow_up.tell import follow_ups_due as network_due
from zheton.roles.network.follow_up.undo import reverse_follow_up
from zheton.roles.network.resolve import resolve
from zheton.roles.network.reverse import reverse
from zheton.roles.network.stand_in import advice_heard, advice_message, advices_due
from zheton.roles.network.state import Answer, Forward

BANK = Acquirer("400001")
SHOP = Merchant("MSKCOFFEE", "Kofeynya", "Moscow", country("RU"), "5814", currency("RUB"))
TILL = Till("MSK1", SHOP, Channel.TILL)
LOCAL = datetime.fromisoformat("2019-09-10T12:30:15")
OPENING = 25_000_000
# What may become of a message, beside the best.
FATES = ("request lost", "answer lost", "garbled", "issuer away", "issuer's answer lost")


@dataclass
class ThreeRoles:
    """One card with money, one till, and everything between them."""

    databases: Mapping[str, Database] = field(
        default_factory=lambda: {
            party: Database("sqlite://") for party in ("vault", "acquirer", "issuer", "clearing")
        }
    )
    now: datetime = NOW
    stand_ins: StandIns = NO_STAND_IN

    def __post_init__(self) -> None:
        file = bundled()
        self.bench = VaultBench(self.databases["vault"])
        self.bench.switch = replace(self.bench.switch, stand_ins=self.stand_ins)
        self.acquirer = AcquirerDatabase(self.databases["acquirer"])
        self.issuer = IssuerDatabase(self.databases["issuer"])
        self.clearing = ClearingDatabase(self.databases["clearing"])
        self.bank = Bank(file.participant, file.name, file.rates, b"index key of tests")
        anna = replace(file.cardholders[0], pan=card_number(), expiry="2812", opening_minor=OPENING)
        enrol([anna], self.bank, self.issuer, NOW)
        self.batch: Batch = self.bench.leased()

    def __enter__(self) -> "ThreeRoles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for database in self.databases.values():
            database.close()

    def sell(self, place: int, minor: int, *, held: bool, fate: str = "") -> Record:
        """A tap at the till, to its outcome at the acquirer."""
        tapped = self.bench.at_till(self.batch, place, amount_minor=minor)
        entry = ChipEntry(tapped.text(2), tapped.text(14), 0, tapped.text(35), tapped.binary(55))
        amount = replace(self.bench.read(tapped).amount)
        sale = Sale(TILL, amount, entry, LOCAL, preauthorised=held)
        (message,) = sell([sale], BANK, self.acquirer, self.now)
        (record,) = completed([(message.text(37), self.line(message, fate))], self.acquirer)
        return record

    def ask(self, rrn: str, wish: Wish, fate: str = "") -> FollowUp:
        """A wish about a sale; ConflictError if the acquirer does not take it."""
        line, message = follow(rrn, wish, self.acquirer, self.now)
        if message is None:
            return line
        return heard(line, self.line(message, fate), self.acquirer)

    def line(self, message: Message, fate: str = "") -> Message | None:
        """What the acquirer hears of a message."""
        if fate == "request lost":
            return None
        answer = self.network(through_the_wire(message), fate)
        if fate == "answer lost":
            return None
        if fate == "garbled":
            return answer.with_fields({4: "000000000001"})
        return through_the_wire(answer)

    def network(self, message: Message, fate: str = "") -> Message:
        """The network's answer."""
        on = self.bench.switch
        if message.mti[:3] == "040" and reversed_kind(message) is not None:
            return reverse_follow_up(on, message, self.now)
        if names_original(message):
            (step,) = take_follow_ups(on, [message], self.now)
            if isinstance(step, ForwardFollowUp):
                response = self.bank_answer(step.message, fate)
                return conclude(on, [AnsweredFollowUp(step, response)])[0]
            assert isinstance(step, Answer)
            return step.message
        if message.mti[:3] == "040":
            return reverse(on, message, self.now)
        (taken,) = authorise(on, [message], self.now)
        if isinstance(taken, Forward):
            response, asked = self.bank_answer(taken.message, fate), fate != "issuer away"
            return debits.complete(on, [debits.Answered(taken, response, asked)], self.now)[0]
        assert isinstance(taken, Answer)
        return taken.message

    def bank_answer(self, message: Message, fate: str = "") -> Message | None:
        """What the network hears from the issuer."""
        if fate == "issuer away":
            return None
        sent = through_the_wire(message)
        (answer,) = handle([sent], self.bank, self.issuer, Outbox(), self.now)
        return None if fate == "issuer's answer lost" else through_the_wire(answer)

    def cancelled(self, fate: str = "") -> None:
        """Reversals that are due go out, once."""
        due = reversals_due(self.acquirer, self.now)
        answers = [self.line(message, fate) for message in due]
        reversals_answered([each for each in answers if each is not None], self.acquirer)

    def deliver(self, fate: str = "") -> None:
        """Whatever is due goes out once, everywhere."""
        self.now += timedelta(minutes=1)
        self.cancelled(fate)
        due = follow_ups_due(self.acquirer, self.now, self.now)
        heard_of = [(line, self.line(message, fate)) for line, message in due]
        confirmed = [(line, answer) for line, answer in heard_of if answer is not None]
        follow_ups_answered(confirmed, self.acquirer)
        on = self.bench.switch
        self.advise(fate)
        for line in network_due(on, 99):
            told = self.bank_answer(follow_up_message(on, line, self.now), fate)
            if told is not None and told.text(39) in ("00", "25"):
                follow_up_heard(on, line)
        for debit in debits.reversals_due(on, 99):
            told = self.bank_answer(debits.reversal_message(on, debit, self.now), fate)
            if told is not None and told.text(39) in ("00", "25"):
                debits.reversal_heard(on, debit)

    def advise(self, fate: str = "") -> None:
        """Advices that are due go out, once."""
        on = self.bench.switch
        for line in advices_due(on, 99):
            message = advice_message(on, line, self.now)
            if message is not None and self.bank_answer(message, fate) is not None:
                advice_heard(on, line)

    def crash(self) -> None:
        """Network and acquirer start again."""
        later = self.now + timedelta(seconds=1)
        give_up(self.bench.switch, 99, later)
        abandon_follow_ups(later, self.acquirer)

    def settle(self) -> None:
        """The wires are good again, for as long as it takes."""
        for _ in range(4):
            self.deliver()

    def clear(self) -> None:
        """The end of a day: file, cards, books, settlement; nothing is rejected."""
        file = present(LOCAL.date(), BANK, self.acquirer)
        if file is None:
            return
        cleared = clear(ipm.read(ipm.write(file)), self._card_of, self.clearing)
        assert cleared.report.rejections == ()
        for part in cleared.outgoing.values():
            assert not post(ipm.read(ipm.write(part)), self.bank, self.issuer, self.now).flagged
        for settled in settle(cleared.report, self.bank, self.issuer, self.now):
            assert settled.outstanding_minor == 0

    def _card_of(self, presentment: Presentment) -> ResolvedCard | Decline:
        return resolve(self.bench.switch, presentment, self.bank.participant, self.now)

    def check(self) -> Journals:
        """The three journals agree, money is conserved, and the cardholder paid what stands."""
        journals = Journals.read(self.databases)
        journals.check(set())
        with self.issuer.transaction() as transaction:
            balances = transaction.trial_balance()
        own = sum(minor for ledger, minor in balances.items() if ledger.kind is Kind.CARDHOLDER)
        stands = [sale for sale in journals.sales.values() if sale["status"] in _STANDING]
        owed = sum(s["amount_minor"] + s["changed_minor"] for s in stands)
        returned = sum(
            wish["amount_minor"]
            for wish in journals.wishes
            if wish["kind"] == "refund" and wish["status"] == "approved" and wish["file_id"]
        )
        assert own == OPENING - owed + returned
        return journals


_STANDING = ("approved", "cleared")
