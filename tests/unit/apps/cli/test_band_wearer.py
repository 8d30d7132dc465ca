"""What the wearer of `zheton band` does, by lines and by keys, and what the picture shows."""

import pytest
from rich.console import Console

from tests.unit.roles.element.conftest import NOW, Bench
from zheton.adapters.clock import ManualClock
from zheton.apps.cli.band import BandInReader
from zheton.apps.cli.band_wearer import Screen, Wearing, picture


class Radio:
    opened = forgot = 0

    def open_pairing(self) -> None:
        self.opened += 1

    def forget(self) -> None:
        self.forgot += 1


def worn(said: list[str]) -> tuple[Bench, Wearing]:
    bench = Bench()
    bench.load()
    clock = ManualClock(NOW)
    in_reader = BandInReader(bench.element, clock, said.append, helped=False)
    return bench, Wearing(bench.element, clock, in_reader.turn, said.append, in_reader.arm)


def drawn(wearing: Wearing, **more: str) -> str:
    console = Console(width=80)
    with console.capture() as got:
        console.print(picture(wearing.status(), ["last words"], **more))
    return got.get()


def test_a_wearer_puts_it_on_types_the_passcode_and_arms() -> None:
    said: list[str] = []
    bench, wearing = worn(said)
    bench.element.take_off()
    wearing.do("")
    assert wearing.status().armed_until is None
    for line in ("on\n", "code 2580", "code 1111", "code 2580", ""):
        wearing.do(line)
    assert wearing.status().armed_until is not None
    assert "Armed: MASTERCARD, 4 payments left." in said
    assert any("2 tries left" in word for word in said)
    assert not any("2580" in word for word in said)
    wearing.do("off")
    assert wearing.status().armed_until is None and not wearing.status().worn


def test_what_is_no_line_is_told() -> None:
    said: list[str] = []
    _, wearing = worn(said)
    wearing.do("dance")
    wearing.do("pair")
    wearing.do("yes")
    assert [word.split()[0] for word in said] == ["Unknown:", "The", "Nobody"]


def test_pairing_is_opened_and_its_question_answered_once() -> None:
    said: list[str] = []
    _, wearing = worn(said)
    answers: list[bool] = []
    wearing.radio = radio = Radio()
    wearing.do("pair")
    wearing.ask("Does the phone show 123456?", answers.append)
    wearing.do("no")
    wearing.do("yes")
    assert radio.opened == 1 and answers == [False]


def test_a_reset_is_asked_twice_and_erases_cards_passcode_and_phones() -> None:
    said: list[str] = []
    bench, wearing = worn(said)
    wearing.radio = radio = Radio()
    wearing.do("code 2580")
    for answer, cards in (("no", 1), ("yes", 0)):
        wearing.do("reset")
        wearing.do(answer)
        assert len(wearing.status().cards) == cards
    assert wearing.status().tries_left is None and bench.element.credentials_left() == 0
    assert radio.forgot == 1 and "Nothing was erased." in said


@pytest.mark.parametrize(("keys", "shows"), [("o", "on the wrist"), ("oc2580\na", "ARMED")])
def test_keys_do_what_lines_do(keys: str, shows: str) -> None:
    said: list[str] = []
    bench, wearing = worn(said)
    bench.element.take_off()
    screen = Screen(lambda: "no phone")
    for key in keys:
        screen.press(key, wearing)
    assert shows in drawn(wearing)
    assert "2580" not in drawn(wearing, typed="2580") and "****" in drawn(wearing, typed="2580")
    screen.press("q", wearing)
    assert screen.ended.is_set()


def test_the_picture_tells_cards_radio_and_last_words() -> None:
    _, wearing = worn([])
    shown = drawn(wearing, radio="pairing mode")
    for part in ("MASTERCARD  4 payments", "pairing mode", "last words", "q quit"):
        assert part in shown
