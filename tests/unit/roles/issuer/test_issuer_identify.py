"""ID&V: who gets a code, by which way, and what the wallet learns of it."""

from collections.abc import Callable

import pytest

from zheton.adapters.outbox import Outbox
from zheton.core.iso8583.message import Message
from zheton.core.iso8583.subelements import decode

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]


def test_the_bank_asks_for_identification_and_masks_the_way(
    ask: Ask, tokenisation: Make, outbox: Outbox
) -> None:
    (answer,) = ask(tokenisation("TAR"))
    assert (answer.mti, answer[39], answer.get(38)) == ("0110", "85", None)
    assert decode(answer.text(48)) == {"27": "SMS +7 *** ***-12-34"}
    assert outbox.letters() == []


def test_the_code_goes_to_the_telephone_once(ask: Ask, tokenisation: Make, outbox: Outbox) -> None:
    request = tokenisation("ACN", code="482913")
    answers = ask(request, request)
    assert [m[39] for m in answers] == ["00", "00"]
    assert all(48 not in m for m in answers)
    (letter,) = outbox.letters()
    assert letter.phone == "+7 916 123-12-34"
    assert "482913" in letter.text and "*0010" in letter.text
    assert "482913" not in repr(letter)


def test_the_cardholder_hears_of_the_token(ask: Ask, tokenisation: Make, outbox: Outbox) -> None:
    assert ask(tokenisation("TCN"))[0][39] == "00"
    assert [letter.phone for letter in outbox.letters()] == ["+7 916 123-12-34"]


@pytest.mark.parametrize(
    ("step", "changes", "code"),
    [
        ("TAR", {"de2": "5413330089600028"}, "14"),
        ("TCN", {"de2": "5413330089600028"}, "14"),
        ("TAR", {"de2": "5413330089001037"}, "62"),
        ("ACN", {"de2": "5413330089001037", "code": "1234"}, "62"),
        ("TAR", {"de14": "3012"}, "54"),
        ("XXX", {}, "30"),
        ("ACN", {}, "30"),
        ("ACN", {"code": "http://x"}, "30"),
    ],
)
def test_who_is_refused_gets_no_message(
    step: str,
    changes: dict[str, str],
    code: str,
    ask: Ask,
    tokenisation: Make,
    outbox: Outbox,
) -> None:
    (answer,) = ask(tokenisation(step, **changes))
    assert answer[39] == code and 48 not in answer
    assert outbox.letters() == []


def test_no_message_goes_out_before_the_commit(
    ask: Ask, tokenisation: Make, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: object, _changes: object) -> None:
        assert outbox.letters() == []
        raise RuntimeError

    monkeypatch.setattr("zheton.adapters.storage.issuer.Transaction.apply", fail)
    with pytest.raises(RuntimeError):
        ask(tokenisation("ACN", code="482913"))
    assert outbox.letters() == []
