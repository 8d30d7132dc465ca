"""The codec against pyiso8583, and against input that is cut, changed or invented."""

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.iso8583.dialect import DIALECT, ISO_1987, PACKED
from zheton.core.iso8583.field import CHARACTERS, LENGTH_DIGITS, Encoding, Field, field
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.iso8583.spec import Spec

HEX = Spec("the dialect with hexadecimal bitmaps", DIALECT.fields, bitmap="hex")
SPECS = pytest.mark.parametrize("spec", [DIALECT, PACKED, HEX], ids=lambda spec: spec.name)
PAN = "5413330089010012"
FIELDS: dict[int, str | bytes] = {
    2: PAN,
    3: "000000",
    4: "000000035000",
    7: "1122093000",
    11: "000123",
    14: "2812",
    18: "5411",
    19: "643",
    32: "400001",
    35: f"{PAN}=2812201",
    37: "632609000123",
    41: "TILL0001",
    42: "MOSCOW000000001",
    48: "2503TAR",
    49: "643",
    55: bytes(range(200)),
    64: bytes(8),
    70: "301",
    90: "1" * 42,
}
PURCHASE = Message("0100", FIELDS)


def values(definition: Field) -> st.SearchStrategy[str | bytes]:
    longest = definition.length_max
    shortest = longest if definition.length_type == "fixed" else 0
    if definition.characters == "b":
        return st.binary(min_size=shortest, max_size=longest)
    if definition.characters == "x+n":
        return st.from_regex(f"[CD][0-9]{{{longest - 1}}}", fullmatch=True)
    kind = CHARACTERS[definition.characters].removesuffix("*")
    if definition.characters == "z":
        kind = "[0-9=]"  # in BCD an `=` and a D are the same nibble
    # Values longer than 40 add nothing but time.
    return st.from_regex(f"{kind}{{{shortest},{max(shortest, min(longest, 40))}}}", fullmatch=True)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    chosen = draw(st.sets(st.sampled_from(sorted(DIALECT.fields)), max_size=25))
    mti = draw(st.from_regex("0[1-8][0-9][0-5]", fullmatch=True))
    return Message(mti, {n: draw(values(DIALECT.fields[n])) for n in sorted(chosen)})


def theirs(spec: Spec) -> dict[str, dict[str, object]]:
    """Our spec in the terms of pyiso8583."""
    plain = {"len_enc": spec.length, "len_type": 0, "desc": ""}
    bitmap = (
        {"data_enc": "b", "max_len": 8}
        if spec.bitmap == "binary"
        else {"data_enc": "ascii", "max_len": 16}
    )
    mti = (
        {"data_enc": "ascii", "max_len": 4}
        if spec.mti == "ascii"
        else {"data_enc": "b", "max_len": 2}
    )
    table: dict[str, dict[str, object]] = {
        "h": {**plain, "data_enc": "ascii", "max_len": 0},
        "t": {**plain, **mti},
        "p": {**plain, **bitmap},
        "1": {**plain, **bitmap},
    }
    for number, ours in spec.fields.items():
        digits = LENGTH_DIGITS[ours.length_type]
        table[str(number)] = {
            **plain,
            "data_enc": "ascii" if ours.encoding == "ascii" else "b",
            "len_type": digits if spec.length == "ascii" else (digits + 1) // 2,
            "max_len": ours.length_max,
        }
        if ours.encoding == "bcd":
            table[str(number)] |= {"len_count": "nibbles", "left_pad": "0"}
    return table


def as_theirs(spec: Spec, message: Message) -> dict[str, str]:
    shown = {"t": message.mti}
    for number, value in message.fields.items():
        if isinstance(value, bytes):
            shown[str(number)] = value.hex().upper()
        else:
            packed = spec.fields[number].encoding == "bcd"
            shown[str(number)] = value.replace("=", "D") if packed else value
    return shown


@SPECS
@settings(max_examples=60, deadline=None)
@given(message=messages())
def test_bytes_equal_those_of_pyiso8583(spec: Spec, message: Message) -> None:
    data = encode(spec, message)
    table = theirs(spec)
    assert data == bytes(iso8583.encode(as_theirs(spec, message), table)[0])
    parsed, _ = iso8583.decode(data, table)
    read = as_theirs(spec, decode(spec, data))
    assert read == {k: v for k, v in parsed.items() if k not in ("p", "1")}


@SPECS
@settings(max_examples=60, deadline=None)
@given(message=messages())
def test_round_trip(spec: Spec, message: Message) -> None:
    assert decode(spec, encode(spec, message)) == message


@SPECS
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=80))
def test_no_bytes_crash_decode(spec: Spec, data: bytes) -> None:
    try:
        decode(spec, data)
    except DecodeError as error:
        assert 0 <= error.offset <= len(data)


@SPECS
@settings(max_examples=150, deadline=None)
@given(where=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_message_or_a_decode_error(
    spec: Spec, where: int, byte: int
) -> None:
    data = bytearray(encode(spec, PURCHASE))
    data[where % len(data)] = byte
    try:
        again = encode(spec, decode(spec, bytes(data)))
    except DecodeError as error:
        assert PAN not in str(error)
    else:
        assert again.lower() == bytes(data).lower()  # hexadecimal bitmaps may come in lower case


@SPECS
def test_a_message_cut_anywhere_is_refused(spec: Spec) -> None:
    data = encode(spec, PURCHASE)
    for size in range(len(data)):
        with pytest.raises(DecodeError) as caught:
            decode(spec, data[:size])
        assert caught.value.offset <= size


def test_the_purchase_of_the_dialect_byte_for_byte() -> None:
    message = Message("0800", {7: "1122093000", 11: "000123", 70: "301"})
    assert encode(DIALECT, message) == (
        b"0800" + bytes.fromhex("82200000000000000400000000000000") + b"1122093000000123301"
    )
    assert encode(PACKED, message).hex() == (
        "0800" + "82200000000000000400000000000000" + "1122093000" + "000123" + "0301"
    )


@pytest.mark.parametrize(
    ("hexadecimal", "name", "offset"),
    [
        ("", "MTI", 0),
        (b"01x0".hex(), "MTI", 0),
        (b"0100".hex() + "40000000000000", "bitmap", 4),
        (b"0100".hex() + "8000000000000000", "bitmap", 4),
        (b"0100".hex() + "80000000000000008000000000000000", "DE65", 4),
        (b"0100".hex() + "4000000000000000" + b"20".hex(), "DE2", 12),
        (b"0100".hex() + "4000000000000000" + b"+1".hex(), "DE2", 12),
        (b"0100".hex() + "4000000000000000" + b"03123".hex() + "00", "message", 17),
        (b"0100".hex() + "4000000000000000" + b"0312D".hex(), "DE2", 14),
        (b"0100".hex() + "3000000000000000" + b"00000000000000000x".hex(), "DE4", 18),
        (b"0100".hex() + "3000000000000000" + b"000000".hex() + "b2" * 12, "DE4", 18),
    ],
)
def test_errors_name_the_element_and_the_offset(hexadecimal: str, name: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(DIALECT, bytes.fromhex(hexadecimal))
    assert (caught.value.field, caught.value.offset) == (name, offset)


def test_elements_that_a_spec_lacks_are_refused_both_ways() -> None:
    small = Spec("small", {3: field("n 6", "Processing code")})
    with pytest.raises(EncodeError, match="DE4: small does not have it"):
        encode(small, Message("0100", {4: "000000035000"}))
    data = encode(DIALECT, Message("0100", {3: "000000", 4: "000000035000"}))
    with pytest.raises(DecodeError, match="DE4 at byte 4: small does not have it"):
        decode(small, data)


@SPECS
@pytest.mark.parametrize(
    ("number", "value"),
    [
        (2, PAN + "9999"),
        (2, "54133300x"),
        (2, "٣"),
        (4, "35000"),
        (4, b"000000035000"),
        (35, "5413 330"),
        (35, b"5413"),
        (37, "é" * 12),
        (41, "TILL"),
        (48, "x" * 1000),
        (55, "chip"),
        (55, bytes(256)),
        (64, bytes(7)),
        (64, "12345678"),
    ],
)
def test_values_that_do_not_fit_are_refused_without_being_shown(
    spec: Spec, number: int, value: str | bytes
) -> None:
    with pytest.raises(EncodeError, match=f"^DE{number}: ") as caught:
        encode(spec, PURCHASE.with_fields({number: value}))
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("mti", ["", "010", "01000", "01a0", "٠100"])
def test_an_mti_is_four_digits(mti: str) -> None:
    with pytest.raises(EncodeError, match="MTI"):
        encode(DIALECT, Message(mti, {}))


def test_padding_of_packed_digits_is_zero() -> None:
    data = bytearray(encode(PACKED, Message("0100", {19: "643"})))
    data[-2] |= 0x50
    with pytest.raises(DecodeError, match="padding nibble"):
        decode(PACKED, bytes(data))


def test_a_message_too_long_for_its_length_header_is_refused() -> None:
    with pytest.raises(DecodeError, match="too long"):
        decode(DIALECT, bytes(0x10000))
    long = dict.fromkeys((*range(46, 49), *range(56, 64), *range(105, 128)), "x" * 999)
    many = Spec("many", {n: field("ans...999", "filler") for n in range(2, 129) if n != 65})
    with pytest.raises(EncodeError, match="at most 65535"):
        encode(many, Message("0100", dict.fromkeys(many.fields, "x" * 999)))
    assert len(encode(many, Message("0100", long))) < 0x10000


def test_what_leads_to_a_card_is_never_printed() -> None:
    secret: dict[int, str | bytes] = {2: PAN, 14: "2812", 34: PAN, 35: PAN + "=2812", 36: PAN}
    secret |= {45: "B" + PAN, 48: "3316" + PAN}
    secret |= {52: b"\x12" * 8, 55: bytes.fromhex("5A08" + PAN)}
    shown = repr(Message("0100", {**secret, 4: "000000035000"}))
    assert PAN not in shown and "2812" not in shown and "3133" not in shown
    assert shown.count("****") == len(secret) and "000000035000" in shown


def test_reading_and_changing_a_message() -> None:
    assert PURCHASE[4] == PURCHASE.text(4) == "000000035000"
    assert PURCHASE.binary(64) == bytes(8)
    assert PURCHASE.get(38) is None and PURCHASE.text(38) == "" and PURCHASE.binary(52) == b""
    assert 4 in PURCHASE and 38 not in PURCHASE
    with pytest.raises(KeyError):
        PURCHASE[38]
    with pytest.raises(TypeError):
        PURCHASE.text(55)
    with pytest.raises(TypeError):
        PURCHASE.binary(4)
    answer = PURCHASE.with_fields({39: "00"}, drop=(35, 55, 53), mti="0110")
    assert answer.mti == "0110" and answer[39] == "00" and 35 not in answer and 35 in PURCHASE


def test_the_standard_has_126_elements_beside_its_bitmaps() -> None:
    assert set(ISO_1987) == set(range(2, 129)) - {65}


@pytest.mark.parametrize(
    ("notation", "encoding"),
    [
        ("n 0", None),
        ("n..100", None),
        ("q 3", None),
        ("n19", None),
        ("n....9", None),
        ("n 1000", None),
        ("ans 3", "bcd"),
        ("b 8", "ascii"),
        ("n 8", "binary"),
    ],
)
def test_a_bad_definition_is_a_configuration_error(
    notation: str, encoding: Encoding | None
) -> None:
    with pytest.raises(ConfigurationError):
        field(notation, "wrong", encoding)


@pytest.mark.parametrize("number", [0, 1, 65, 129])
def test_a_spec_holds_elements_only(number: int) -> None:
    with pytest.raises(ConfigurationError, match=f"DE{number} "):
        Spec("wrong", {number: field("n 6", "x")})
