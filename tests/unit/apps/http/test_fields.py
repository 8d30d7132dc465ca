"""What the shapes of fields keep out: card numbers where none belongs."""

import pytest
from pydantic import TypeAdapter, ValidationError

from zheton.apps.http.fields import Envelope, Title

NAME: TypeAdapter[str] = TypeAdapter(Title)
ENVELOPE: TypeAdapter[str] = TypeAdapter(Envelope)


@pytest.mark.parametrize(
    "text", ["5413330089600010", "My 5413 3300 8960 0010", "5413-3300-8960-0010!", "541333008960"]
)
def test_a_name_holds_no_card_number(text: str) -> None:
    with pytest.raises(ValidationError, match="no number as long as a card's"):
        NAME.validate_python(text)


@pytest.mark.parametrize(
    "text", ["Anna", "Карта 2", "Card 0010", "since 2019-11-22", "12345678901"]
)
def test_other_names_are_taken(text: str) -> None:
    assert NAME.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["5413330089600010", "5413330089600010....", "5413330089600010.b.c.d.e", "eyJh....", ""]
)
def test_what_is_no_envelope_is_not_carried_on(text: str) -> None:
    with pytest.raises(ValidationError):
        ENVELOPE.validate_python(text)
    assert ENVELOPE.validate_python("eyJhbGci.b.c.d.e")
