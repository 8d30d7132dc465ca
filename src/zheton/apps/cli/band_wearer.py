"""What the wearer of `zheton band` does: lines of text from a script, keys on a terminal.

Both mean the same few things. On a terminal a picture of the band is drawn beside; then nobody puts
the band on or types the passcode for its wearer.
"""

import select
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Protocol

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from zheton.adapters.clock import Clock
from zheton.core.errors import UnreachableError
from zheton.roles.element.element import Element, Status

LINES = "Enter arms; off, on, code 1234, pair, reset, yes, no."
KEYS = "a arm  o off/on  c code  p pair  r reset  y/n  q quit"
_WORDS_KEPT = 6
_LOOK_S = 0.2
_PASSCODE_DIGITS_MAX = 8


class Radio(Protocol):
    """The part of the band's radio that its wearer has in hand."""

    def open_pairing(self) -> None:
        """Let one phone pair."""
        ...

    def forget(self) -> None:
        """Tell the phone that is connected of a reset, and forget every phone."""
        ...


class Wearing:
    """The wearer's hands. `arm` is what opening the card screen does."""

    def __init__(
        self, element: Element, clock: Clock, turn: Lock, say: Callable[[str], None],
        arm: Callable[[], None],
    ) -> None:  # fmt: skip
        self._element, self._clock, self._turn, self._say = element, clock, turn, say
        self._arm = arm
        self.radio: Radio | None = None
        self._answer: Callable[[bool], None] | None = None

    def ask(self, question: str, answer: Callable[[bool], None]) -> None:
        """Put a question; `yes` or `no` answers the last one."""
        self._answer = answer
        self._say(f"{question} yes or no")

    def do(self, line: str) -> None:
        """One line of the wearer's; what it comes to is told."""
        word, _, rest = line.strip().partition(" ")
        acts: dict[str, Callable[[], None]] = {
            "": self._arm,
            "off": self._take_off,
            "on": self._put_on,
            "code": lambda: self._enter(rest),
            "pair": self._pair,
            "reset": lambda: self.ask("Erase every card and the passcode?", self._reset),
            "yes": lambda: self._reply(yes=True),
            "no": lambda: self._reply(yes=False),
        }
        try:
            acts.get(word, lambda: self._say(f"Unknown: {word}. {LINES}"))()
        except UnreachableError as error:
            self._say(str(error))

    def status(self) -> Status:
        """The element for the picture."""
        with self._turn:
            return self._element.status(self._clock.now())

    def _take_off(self) -> None:
        with self._turn:
            self._element.take_off()
        self._say("Taken off.")

    def _put_on(self) -> None:
        with self._turn:
            self._element.put_on()
        self._say("Put on.")

    def _enter(self, digits: str) -> None:
        with self._turn:
            first = self._element.status(self._clock.now()).tries_left is None
            if first:
                entered = self._element.set_passcode(digits)
            else:
                entered = self._element.enter_passcode(digits, self._clock.now())
        told = f", {entered.tries_left} tries left" if not entered.right else ""
        self._say(f"Passcode: {entered.verdict.value}{told}.")

    def _pair(self) -> None:
        if self.radio is None:
            self._say("The band has no radio; start it with --ble.")
            return
        self.radio.open_pairing()
        self._say("Pairing mode: a phone may pair for a minute.")

    def _reset(self, yes: bool) -> None:
        if not yes:
            self._say("Nothing was erased.")
            return
        with self._turn:
            self._element.factory_reset()
        if self.radio is not None:
            self.radio.forget()
        self._say("Erased. The wallet hears of it at the next sync.")

    def _reply(self, *, yes: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            self._say("Nobody asked.")
        else:
            answer(yes)


def from_lines(wearing: Wearing) -> None:
    """Do what comes on standard input, a line at a time, until it ends."""
    for line in sys.stdin:
        wearing.do(line)


def picture(status: Status, words: list[str], *, typed: str = "", radio: str = "") -> Panel:
    """The band as its wearer sees it, and below what it said last."""
    armed = status.armed_until is not None
    screen = Text(
        "ARMED" if armed else (status.screen or "ready"), "bold green" if armed else "bold"
    )
    cards = [
        f"{card.label}  {card.credentials_left} payments{'  suspended' if card.suspended else ''}"
        for card in status.cards
    ]
    lock = {None: "no passcode", 0: "locked: ask the wallet"}.get(
        status.tries_left, "unlocked" if status.verified else f"{status.tries_left} tries"
    )
    about = f"{'on the wrist' if status.worn else 'off the wrist'}, {lock}, battery 100 %"
    lines = [screen, Text("\n".join(cards) or "no card"), Text(about, "dim")]
    lines += [Text(radio, "dim")] if radio else []
    lines += [Text("code " + "*" * len(typed))] if typed else []
    lines += [Text("\n".join(words), "cyan"), Text(KEYS, "dim")]
    return Panel(Group(*lines), title="band", width=60)


class Screen:
    """The picture on a terminal, and the keys beside it."""

    def __init__(self, radio: Callable[[], str]) -> None:
        self._words: deque[str] = deque(maxlen=_WORDS_KEPT)
        self._radio = radio
        self._code: str | None = None
        self.ended = Event()

    def say(self, text: str) -> None:
        """The band's last words."""
        self._words.append(text)

    @contextmanager
    def shown(self, wearing: Wearing) -> Iterator[None]:
        """Draw until the context ends."""

        def draw() -> Panel:
            words = list(self._words)
            return picture(wearing.status(), words, typed=self._code or "", radio=self._radio())

        with Live(get_renderable=draw, refresh_per_second=5, screen=False):
            yield

    def keys(self, wearing: Wearing) -> None:
        """Read keys until `ended` or `q`; the terminal is as before afterwards."""
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal)
            while not self.ended.is_set():
                if select.select([terminal], [], [], _LOOK_S)[0]:
                    self.press(sys.stdin.read(1), wearing)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

    def press(self, key: str, wearing: Wearing) -> None:
        """What one key does; digits after `c` are the passcode, until Enter."""
        if self._code is not None:
            self._type(key, wearing)
        elif key == "c":
            self._code = ""
        elif key == "q":
            self.ended.set()
        elif key == "o":
            wearing.do("off" if wearing.status().worn else "on")
        else:
            line = {"a": "", "\n": "", "p": "pair", "r": "reset", "y": "yes", "n": "no"}.get(key)
            if line is not None:
                wearing.do(line)

    def _type(self, key: str, wearing: Wearing) -> None:
        code = self._code or ""
        if key in "\r\n":
            self._code = None
            wearing.do(f"code {code}")
        elif key.isdecimal() and key.isascii() and len(code) < _PASSCODE_DIGITS_MAX:
            self._code = code + key
