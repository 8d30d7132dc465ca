"""A wearer, a thief, tills and power cuts in any order, beside a model of who is proved.

The chip never says that a verification succeeded unless the passcode was right since the device was
last put on; no more than three wrong ones are ever looked at, whenever the power goes; a number is
seen in one window; and unarmed the device answers as one that was never worn.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.roles.element.conftest import MASTERCARD, PASSCODE, Bench, make_profile, tags_of
from tests.unit.roles.element.test_element_passcode import unlock
from tests.unit.roles.element.test_element_tap import TERMINAL, results_of
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import dol, tags
from zheton.core.emv.apdu import Response
from zheton.core.errors import UnreachableError
from zheton.roles.element.arming import Armed

_CDOL1 = make_profile(MASTERCARD).cdol1
_SMALL = TERMINAL | {tags.CVM_RESULTS: bytes.fromhex("3F0002")}
_LARGE = TERMINAL | {tags.AMOUNT_AUTHORISED: bytes.fromhex("000000100001")}
_PROBES = (
    "00A404000E325041592E5359532E444446303100",
    "00A4040007A000000004101000",
    "80A8000002830000",
    "00B2011400",
    "00B2015C00",
    "80CA9F3600",
    "80CA9F1700",
    "80CA9F4F00",
    "0020008008241379FFFFFFFFFF",
)


def _made() -> bytes:
    bench = Bench()
    bench.load(size=64)
    return bench.memory.load() or b""


_IMAGE = _made()


class _Memory(TransientMemory):
    """A memory whose power goes after so many more writes; None: it stays."""

    writes: int | None = None

    def store(self, image: bytes) -> None:
        if self.writes == 0:
            raise UnreachableError("The power is gone.")
        if self.writes is not None:
            self.writes -= 1
        super().store(image)


def _answers(bench: Bench) -> list[Response]:
    return [bench.nfc(probe) for probe in _PROBES]


_UNARMED = _answers(Bench(memory=TransientMemory(_IMAGE)))


class Wearing(RuleBasedStateMachine):
    """The bench and what a model knows of it."""

    @initialize()
    def start(self) -> None:
        self.memory = _Memory(_IMAGE)
        self.bench = Bench(memory=self.memory)
        self.bench.wear()
        self.worn = self.proved = True
        self.tries = 3
        self.window = 0
        self.unverified = 0
        self.seen: dict[bytes, int] = {}

    @rule()
    def put_on(self) -> None:
        self.bench.element.put_on()
        self.worn = True

    @rule()
    def take_off(self) -> None:
        self.bench.element.take_off()
        self.worn = self.proved = False

    @rule()
    def change_hands(self) -> None:
        self.take_off()
        self.put_on()

    @rule(right=st.booleans())
    def put_on_and_enter(self, right: bool) -> None:
        self.put_on()
        self.enter(right, None)

    @rule(right=st.booleans(), writes=st.sampled_from([None, None, None, 0, 1]))
    def enter(self, right: bool, writes: int | None) -> None:
        """The power may go before the try is counted, or after it."""
        self.memory.writes = writes
        looked_at = self.worn and self.tries > 0
        try:
            entered = self.bench.element.enter_passcode(
                PASSCODE if right else "0000", self.bench.now
            )
        except UnreachableError:
            assert looked_at
            self.tries -= writes == 1
            self.power_cut()
            return
        self.memory.writes = None
        assert entered.right == (right and looked_at)
        if not looked_at:
            return
        self.tries = 3 if right else self.tries - 1
        self.proved = right
        self.unverified = 0 if right else self.unverified

    @rule()
    def unlock_by_the_wallet(self) -> None:
        unlock(self.bench)
        self.tries = 3

    @rule()
    def power_cut(self) -> None:
        self.memory.writes = None
        self.bench.restart()
        self.worn = self.proved = False

    @rule(hours=st.sampled_from([0.01, 25]))
    def wait(self, hours: float) -> None:
        self.bench.wait(3600 * hours)
        self.proved = self.proved and hours < 24

    @rule(large=st.booleans())
    def arm_and_tap(self, large: bool) -> None:
        self.arm()
        self.tap(large, torn=False, cut=False)

    @rule()
    def arm(self) -> None:
        self.window += 1
        armed = self.bench.element.arm(self.bench.now)
        allowed = self.proved or self.unverified < 3
        left = self.bench.element.credentials_left() > 0
        may = self.worn and self.tries > 0 and allowed and left
        assert isinstance(armed, Armed) == may
        assert not isinstance(armed, Armed) or armed.verified == self.proved

    @rule(large=st.booleans(), torn=st.booleans(), cut=st.booleans())
    def tap(self, large: bool, torn: bool, cut: bool) -> None:
        if not self.bench.initiate().ok:
            return
        number = tags_of(self.bench.nfc("00B2011400"))[tags.PAN]
        assert self.seen.setdefault(number, self.window) == self.window
        if torn:
            return
        self.memory.writes = 0 if cut else None
        answer = self.bench.generate(dol.build(_CDOL1, _LARGE if large else _SMALL))
        if cut:
            assert (answer.sw, answer.data) == (0x6581, b"")
            self.power_cut()
            return
        values = tags_of(answer)
        results = results_of(MASTERCARD, values)
        assert results.cdcvm_successful == results.cdcvm_performed == self.proved
        pays = self.proved or (not large and self.unverified < 3)
        assert (values[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x80") == pays
        self.unverified += pays and not self.proved

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "bench"):
            return
        status = self.bench.element.status(self.bench.now)
        assert (status.worn, status.verified) == (self.worn, self.proved)
        assert status.tries_left == self.tries
        if status.armed_until is None:
            self.bench.nfc("00A4040002FFFF00")
            assert _answers(self.bench) == _UNARMED


Wearing.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWearing = Wearing.TestCase
