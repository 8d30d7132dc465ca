"""One debit from the wearer's finger to the push on the phone, told step by step."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import Holding
from zheton.apps.nodes.acquirer import Sold
from zheton.apps.trace import Crossing
from zheton.apps.xray.decoder import Decoder
from zheton.apps.xray.saw import Facts, cryptograms_in, saw
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import ConflictError
from zheton.core.money import Money
from zheton.core.policy.rule import Moment, Question
from zheton.core.token.domain import Channel, Device
from zheton.core.token.pan import Pan
from zheton.roles.acquirer.state import Till
from zheton.roles.element.arming import NotArmed
from zheton.roles.terminal.outcome import Approved, Declined, OnlineRequest

PUSH_TIMEOUT_S = 5.0
Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be paid: with which card, at which till, how much."""

    holding: Holding
    till: Till
    amount: Money


@dataclass
class Told:
    """What became of a debit, and everything that crossed meanwhile."""

    approved: bool
    text: str
    reason: str = ""  # why it was declined, as the owner's phone was told
    number: str = field(repr=False, default="")
    sold: Sold | None = None
    crossings: list[Crossing] = field(default_factory=list, repr=False)
    facts: Facts = field(default_factory=Facts, repr=False)
    elapsed_ms: float = 0.0


class DebitRun:
    """Runs one debit at a time in the lab, for there is one trace; others wait their turn."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.turn = asyncio.Lock()

    async def __call__(self, wish: Wish, emit: Emit) -> Told:
        """The debit, with an event for each thing that happens; ends with `saw` and `done`."""
        async with self.turn:
            return await self._run(wish, emit)

    async def _run(self, wish: Wish, emit: Emit) -> Told:
        lab, loop = self._lab, asyncio.get_running_loop()
        pan = await asyncio.to_thread(lab.pan_behind, wish.holding.card["tokenReference"])
        decoder = Decoder(pan)

        def listen(crossing: Crossing) -> None:
            loop.call_soon_threadsafe(tell, crossing)

        def tell(crossing: Crossing) -> None:
            emit({"kind": "step", **decoder.feed(crossing).to_json()})

        lab.trace.start(listen)
        started_ms = lab.clock.elapsed_ms()
        try:
            online = wish.till.channel is Channel.ONLINE
            told = await (self._online(wish, emit) if online else self._tap(wish, emit))
            told.elapsed_ms = round(lab.clock.elapsed_ms() - started_ms, 1)
            if told.sold is not None:
                reference = told.sold.record.rrn
                await asyncio.to_thread(lab.notifier.wait_told, reference, PUSH_TIMEOUT_S)
        finally:
            crossings = lab.trace.stop()
        if not told.approved and told.sold is not None:
            await asyncio.to_thread(self._explain, wish, told)
        await asyncio.sleep(0)  # steps that threads have handed over are told first
        told.crossings = crossings
        told.facts = _facts(wish, told, pan)
        earlier = wish.holding.phone.enrolled.get(wish.holding.card["id"], [])
        parties = saw([*earlier, *crossings], told.facts)
        told_of_enrolment = bool(earlier)  # a lab that was started again has not seen it
        shown = [party.to_json() for party in parties]
        emit({"kind": "saw", "parties": shown, "enrolment": told_of_enrolment})
        emit(_done(wish, told))
        return told

    async def _tap(self, wish: Wish, emit: Emit) -> Told:
        lab, phone = self._lab, wish.holding.phone
        label = wish.holding.card["title"]
        armed = await asyncio.to_thread(phone.arm, wish.holding.card)
        if isinstance(armed, NotArmed):
            emit(_display("band", [armed.text], "bad"))
            return Told(False, armed.text)
        emit(_display("band", [label, "Hold to the reader"], "busy"))
        emit(_display("till", [str(wish.amount), "Present card"], "busy"))
        try:
            outcome = await asyncio.to_thread(
                lab.counter.present, phone.band.element, wish.till, wish.amount
            )
            if not isinstance(outcome, OnlineRequest):
                emit(_display("till", [outcome.message.text], "bad"))
                emit(_display("band", [label, "Not paid"], "bad"))
                return Told(False, f"{outcome.message.text}: {outcome.reason}.")
            emit(_display("till", [outcome.message.text], "busy"))
            paid = await lab.counter.charge(wish.till, wish.amount, outcome)
        finally:
            phone.band.element.disarm()
        approved = isinstance(paid.outcome, Approved)
        final = paid.outcome
        assert isinstance(final, Approved | Declined), "a completed debit is one of the two"  # noqa: S101
        tone = "good" if approved else "bad"
        emit(_display("till", [final.message.text, str(wish.amount)], tone))
        left = phone.band.element.credentials_left()
        emit(_display("band", [label, "Paid" if approved else "Not paid", f"{left} left"], tone))
        text = "Approved" if approved else _why(paid.sold)
        return Told(approved, text, number=outcome.sale.number, sold=paid.sold)

    async def _online(self, wish: Wish, emit: Emit) -> Told:
        lab, phone = self._lab, wish.holding.phone
        merchant = wish.till.merchant
        emit(_display("till", [merchant.name, str(wish.amount)], "busy"))
        credential = await asyncio.to_thread(
            phone.online_number, wish.holding.card["id"], wish.amount, merchant.id
        )
        number = credential["number"]
        emit(_display("band", [f"•••• {number[-4:]}", "for one purchase"], "busy"))
        sold = await lab.counter.charge_online(
            wish.till, wish.amount, number, credential["expiry"], credential["code"]
        )
        tone = "good" if sold.approved else "bad"
        text = "Approved" if sold.approved else _why(sold)
        emit(_display("till", [text, str(wish.amount)], tone))
        emit(_display("band", ["Paid" if sold.approved else "Not paid"], tone))
        return Told(sold.approved, text, number=number, sold=sold)

    def _explain(self, wish: Wish, told: Told) -> None:
        """Why it was declined: the till knows a response code, the phone more, the policy all."""
        last4 = told.number[-4:]
        debits = wish.holding.phone.history(wish.holding.card["id"])
        told.reason = next((d["reason"] for d in debits if d["numberLast4"] == last4), "")
        if told.reason != Reason.POLICY:
            return
        lab, merchant = self._lab, wish.till.merchant
        question = Question(
            Moment.DEBIT,
            merchant.country,
            wish.holding.card["network"],
            lab.clock.now().date(),
            wish.till.channel,
            Device(wish.holding.phone.band.element.profile.device_class),
        )
        decision = lab.installation.rules.policy.decide(question)
        if not decision.allowed:
            told.text = decision.text


def _facts(wish: Wish, told: Told, pan: Pan | None) -> Facts:
    return Facts(
        pan=pan,
        numbers=(told.number,) if told.number else (),
        amount=wish.amount,
        cryptograms=cryptograms_in(told.crossings),
        par=told.sold.record.par if told.sold else "",
        merchant=wish.till.merchant.name,
    )


def _why(sold: Sold | None) -> str:
    """Why it was declined, as far as a till may know: the response code."""
    if sold is None:
        raise ConflictError("Nobody was asked, so nobody declined.")
    code = sold.record.response_code or RESPONSE_CODE[Reason.ISSUER_UNAVAILABLE]
    return f"Declined (response code {code})"


def _display(who: str, lines: list[str], tone: str) -> dict[str, Any]:
    return {"kind": "display", "who": who, "lines": lines, "tone": tone}


def _done(wish: Wish, told: Told) -> dict[str, Any]:
    receipt: dict[str, str] = {}
    if told.sold is not None:
        record = told.sold.record
        receipt = {
            "merchant": f"{wish.till.merchant.name}, {wish.till.merchant.city}",
            "terminal": wish.till.terminal,
            "amount": str(wish.amount),
            "number": f"•••• {told.number[-4:]}",
            "response": record.response_code,
            "authorisation": record.auth_code or "—",
            "reference": record.rrn,
        }
    return {
        "kind": "done",
        "approved": told.approved,
        "text": told.text,
        "reason": told.reason,
        "number_last4": told.number[-4:],
        "elapsed_ms": told.elapsed_ms,
        "receipt": receipt,
    }
