"""What the value of an EMV data object means, in words: one small function a tag.

A function takes the value and its neighbours (values by tag, for an amount's currency) and gives
words, "" where there are none. Values may be anybody's bytes: `meaning` turns whatever goes wrong
with them into no meaning at all.
"""

from collections.abc import Callable, Mapping

from zheton.apps.xray import words
from zheton.apps.xray.tables import bits, code, table
from zheton.core.emv import dol, tags
from zheton.core.errors import ZhetonError

Neighbours = Mapping[int, bytes]
_AFL_ENTRY = 4


def name(tag: int) -> str:
    """The standard's name of a tag, or the tag in hexadecimal.

    >>> name(0x9F66)
    'Terminal Transaction Qualifiers'
    """
    return str(table("emv")["names"].get(f"{tag:X}") or tags.name_of(tag))


def shown(tag: int, value: bytes) -> str:
    """A value as its format says: digits, text, or hexadecimal.

    >>> shown(0x50, b"MASTERCARD"), shown(0x9F02, bytes(6))
    ('MASTERCARD', '000000000000')
    """
    known = tags.TAGS.get(tag)
    kind = known.format if known else "b"
    text = value.decode("latin-1")
    if kind in ("a", "an", "ans") and text.isascii() and text.isprintable():
        return text
    digits = value.hex().upper()
    return digits.rstrip("F") if kind == "cn" else digits


def meaning(tag: int, value: bytes, neighbours: Neighbours) -> str:
    """What a value means, "" where there is nothing to say.

    >>> meaning(0x9F02, bytes.fromhex("000000035000"), {0x5F2A: bytes.fromhex("0643")})
    '350.00 RUB'
    """
    function = _MEANINGS.get(tag)
    if function is None or not value:
        return ""
    try:
        return function(value, neighbours)
    except (ZhetonError, ValueError, IndexError):  # not what the standard says; the bytes are shown
        return ""


def _amount(value: bytes, neighbours: Neighbours) -> str:
    unit = neighbours.get(tags.TRANSACTION_CURRENCY_CODE)
    return words.amount(value.hex(), unit.hex()[-3:] if unit else None)


def _locator(value: bytes, _: Neighbours) -> str:
    """Book 3, 10.2: file, first and last record, and how many take part in authentication."""
    parts = []
    for at in range(0, len(value) - _AFL_ENTRY + 1, _AFL_ENTRY):
        file, first, last, _signed = value[at : at + _AFL_ENTRY]
        span = f"record {first}" if first == last else f"records {first} to {last}"
        parts.append(f"file {file >> 3}, {span}")
    return "; ".join(parts)


def _list(value: bytes, _: Neighbours) -> str:
    entries = dol.parse(value)
    return "asks for " + ", ".join(f"{name(tag)} ({length})" for tag, length in entries)


def _cvm(value: bytes) -> str:
    method = code("cvm", f"{value[0] & 0x3F:02X}", f"method {value[0] & 0x3F:02X}")
    return f"{method}, {code('cvm_condition', f'{value[1]:02X}', f'condition {value[1]:02X}')}"


def _cvm_list(value: bytes, _: Neighbours) -> str:
    """Book 3, 10.5: amounts X and Y, then rules of two bytes."""
    rules = [_cvm(value[at : at + 2]) for at in range(8, len(value) - 1, 2)]
    return "; ".join(rules)


def _cvm_results(value: bytes, _: Neighbours) -> str:
    return f"{_cvm(value)}: {code('cvm_result', f'{value[2]:02X}', 'reserved result')}"


def _cryptogram_information(value: bytes, _: Neighbours) -> str:
    return code("cryptogram", f"{value[0] & 0xC0:02X}")


def _track_2(value: bytes, _: Neighbours) -> str:
    """Number, expiry YYMM, service code, discretionary data: ISO/IEC 7813, 7."""
    number, _separator, rest = value.hex().upper().rstrip("F").partition("D")
    return f"number {number}, expires {words.day(rest[:4])}, service code {rest[4:7]}"


def _service_code(value: bytes, _: Neighbours) -> str:
    places = enumerate(value.hex()[-3:], start=1)
    return "; ".join(code(f"service_{place}", digit, "reserved") for place, digit in places)


def _aid(value: bytes, _: Neighbours) -> str:
    return code("aid", value.hex().upper())


def _kernel(value: bytes, _: Neighbours) -> str:
    number = value[0] & 0x3F
    return code("9F2A", f"{number:02X}", f"kernel {number}")


def _response_code(value: bytes, _: Neighbours) -> str:
    text = value.decode("ascii")
    return code("8A", text) or table("messages")["response"].get(text, "")


def _languages(value: bytes, _: Neighbours) -> str:
    text = value.decode("ascii")
    return ", ".join(text[at : at + 2] for at in range(0, len(text), 2))


def _issuer_authentication(value: bytes, _: Neighbours) -> str:
    """Book 2, 8.2: by method 1 an ARPC of 8 bytes and a response code, by method 2 one of 4."""
    if len(value) == 10 and value[8:].isalnum():
        return f"ARPC {value[:8].hex().upper()}, response code {value[8:].decode('ascii')}"
    return f"ARPC {value[:4].hex().upper()}, card status update {value[4:8].hex().upper()}"


def _set(table_name: str) -> Callable[[bytes, Neighbours], str]:
    return lambda value, _: bits(table_name, value) or "nothing set"


def _coded(table_name: str) -> Callable[[bytes, Neighbours], str]:
    return lambda value, _: code(table_name, value.hex().upper())


def _digits(function: Callable[[str], str]) -> Callable[[bytes, Neighbours], str]:
    return lambda value, _: function(value.hex())


_MEANINGS: Mapping[int, Callable[[bytes, Neighbours], str]] = {
    tags.ADF_NAME: _aid,
    tags.DF_NAME: _aid,
    tags.APPLICATION_IDENTIFIER_TERMINAL: _aid,
    tags.TRACK_2_EQUIVALENT_DATA: _track_2,
    tags.APPLICATION_EXPIRATION_DATE: _digits(words.day),
    tags.APPLICATION_EFFECTIVE_DATE: _digits(words.day),
    tags.ISSUER_COUNTRY_CODE: _digits(words.country),
    tags.TERMINAL_COUNTRY_CODE: _digits(words.country),
    tags.TRANSACTION_CURRENCY_CODE: _digits(words.currency),
    tags.APPLICATION_CURRENCY_CODE: _digits(words.currency),
    tags.LANGUAGE_PREFERENCE: _languages,
    tags.SERVICE_CODE: _service_code,
    tags.APPLICATION_INTERCHANGE_PROFILE: _set("82"),
    tags.APPLICATION_PRIORITY_INDICATOR: lambda value, _: f"choice {value[0] & 0x0F}",
    tags.AUTHORISATION_RESPONSE_CODE: _response_code,
    tags.CDOL1: _list,
    tags.CDOL2: _list,
    tags.PDOL: _list,
    tags.DDOL: _list,
    tags.TDOL: _list,
    tags.CVM_LIST: _cvm_list,
    tags.ISSUER_AUTHENTICATION_DATA: _issuer_authentication,
    tags.APPLICATION_FILE_LOCATOR: _locator,
    tags.TERMINAL_VERIFICATION_RESULTS: _set("95"),
    tags.TRANSACTION_DATE: _digits(words.day),
    tags.TRANSACTION_STATUS_INFORMATION: _set("9B"),
    tags.TRANSACTION_TYPE: _coded("9C"),
    tags.AMOUNT_AUTHORISED: _amount,
    tags.AMOUNT_OTHER: _amount,
    tags.APPLICATION_USAGE_CONTROL: _set("9F07"),
    tags.ISSUER_ACTION_CODE_DEFAULT: _set("95"),
    tags.ISSUER_ACTION_CODE_DENIAL: _set("95"),
    tags.ISSUER_ACTION_CODE_ONLINE: _set("95"),
    tags.ISSUER_CODE_TABLE_INDEX: lambda value, _: f"ISO/IEC 8859-{value[0]}",
    tags.TERMINAL_RISK_MANAGEMENT_DATA: _set("9F1D"),
    tags.TRANSACTION_TIME: _digits(words.clock),
    tags.CRYPTOGRAM_INFORMATION_DATA: _cryptogram_information,
    tags.KERNEL_IDENTIFIER: _kernel,
    tags.TERMINAL_CAPABILITIES: _set("9F33"),
    tags.CVM_RESULTS: _cvm_results,
    tags.TERMINAL_TYPE: _coded("9F35"),
    tags.ATC: lambda value, _: f"{int.from_bytes(value)}, this number's own",
    tags.ADDITIONAL_TERMINAL_CAPABILITIES: _set("9F40"),
    0x9F66: _set("9F66"),
}
