"""HTTP crossings opened: method and path from the note, the body's keys, envelopes, packages.

What a person types or keeps secret (codes, passwords) is not shown, nor a number of 16 digits that
no debit has used yet: an online number is worth money until it is spent.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from zheton.apps.xray.step import Field, Opened
from zheton.apps.xray.words import count, short
from zheton.core.token.pan import luhn_digit

FIELDS_MAX, DEPTH_MAX = 64, 6
BODY_BYTES_MAX = 1_000_000
_JWE_PARTS = 5  # RFC 7516, 7.1: header, encrypted key, initialisation vector, ciphertext, tag
_PART = re.compile("[A-Za-z0-9_-]*").fullmatch
_HEX = re.compile("(?:[0-9A-Fa-f]{2}){4,}").fullmatch
_SECRET_KEY = re.compile("code$|cvc|cvv|password|passphrase|secret|pin$", re.I)
_SIXTEEN = re.compile(r"(?<![0-9])[0-9]{16}(?![0-9])")
_HIDDEN = "not shown"


def open_http(note: str, data: bytes) -> Opened:
    """One request or answer; never fails: a body that is no JSON is shown as its size."""
    title = short(note) or "HTTP"
    body = read_json(data)
    if body is None:
        what = "no body" if not data else count(len(data), "byte")
        return Opened(title, what, (Field("Body", "", what),) if data else ())
    fields = tuple(each for _, each in zip(range(FIELDS_MAX), _fields("", body, 0), strict=False))
    return Opened(title, ", ".join(each.name for each in fields[:6]), fields)


def read_json(data: bytes) -> Any:
    """The JSON value in a body, None where there is none or it is too long."""
    if len(data) > BODY_BYTES_MAX:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def secrets_in(data: bytes) -> Iterator[bytes]:
    """The values in a JSON body that stand behind a secret's name, as the body may spell them."""
    for secret in _secrets(read_json(data), 0):
        yield secret.encode(errors="replace")
        yield json.dumps(secret)[1:-1].encode("ascii")  # with what is not ASCII escaped


def numbers_in(data: bytes) -> set[str]:
    """Runs of 16 digits with a right Luhn digit: card numbers and one-time numbers."""
    text = data.decode("latin-1")
    return {each for each in _SIXTEEN.findall(text) if luhn_digit(each[:-1]) == each[-1]}


def _secrets(value: Any, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for each in value:
            yield from _secrets(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            if _SECRET_KEY.search(key) and isinstance(each, str | int) and len(str(each)) > 2:
                yield str(each)
            else:
                yield from _secrets(each, depth + 1)


def _fields(path: str, value: Any, depth: int) -> Iterator[Field]:
    if isinstance(value, dict) and depth < DEPTH_MAX:
        for key, each in value.items():
            name = f"{path}.{short(key, 40)}" if path else short(key, 40)
            if _SECRET_KEY.search(key) and isinstance(each, str | int):
                yield Field(name, "", _HIDDEN)
            else:
                yield from _fields(name, each, depth + 1)
    elif isinstance(value, list) and depth < DEPTH_MAX:
        yield from _array(path, value, depth)
    else:
        yield _scalar(path or "Body", value)


def _array(path: str, values: list[Any], depth: int) -> Iterator[Field]:
    """A list of APDUs in hexadecimal is a package for a chip; any other list is opened."""
    if values and all(isinstance(each, str) and _HEX(each) for each in values):
        size = sum(map(len, values)) // 2
        yield Field(path or "Body", "", f"package of {count(len(values), 'APDU')}, {size:,} bytes")
        return
    yield Field(path or "Body", "", count(len(values), "item"))
    for at, each in enumerate(values[:FIELDS_MAX]):
        yield from _fields(f"{path}[{at}]", each, depth + 1)


def _scalar(path: str, value: Any) -> Field:
    if isinstance(value, str):
        envelope = _envelope(value)
        if envelope:
            return Field(path, "", envelope)
        return Field(path, short(value))
    return Field(path, short(json.dumps(value)))


def _envelope(text: str) -> str:
    """A JWE in compact form: its header, and how much ciphertext; "" for any other text."""
    parts = text.split(".")
    if len(parts) != _JWE_PARTS or not all(map(_PART, parts)):
        return ""
    try:
        header = json.loads(_decoded(parts[0]))
        size = len(_decoded(parts[3]))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    return f"JWE {short(json.dumps(header), 160)}, ciphertext, {count(size, 'byte')}"


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
