"""Clearing files in the manner of Mastercard's Integrated Product Messages (IPM), by `cardutil`.

A file is a header (1644/697), first presentments (1240/200) and a trailer (1644/695), each an
ISO 8583:1993 message behind its length in 4 bytes; a length of zero ends the file. Header and
trailer carry the file's id (PDS 0105), the trailer the number of messages (PDS 0306) and the sum
of all amounts (PDS 0301), so that a file that was cut or changed on the way is found out. Two
elements are ours, for IPM has no place for them: DE11, the trace number, and DE56, the PAR.
"""

import io
import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from cardutil import CardutilError
from cardutil.config import config
from cardutil.mciipm import IpmReader, IpmWriter

from zheton.core.clearing import (
    FILE_PRESENTMENTS_MAX,
    CardAcceptor,
    ClearingFile,
    Presentment,
)
from zheton.core.errors import DecodeError, EncodeError
from zheton.core.money import BY_NUMERIC, Money

FILE_BYTES_MAX = 64 * 1024 * 1024
HEADER, TRAILER, FIRST_PRESENTMENT = ("1644", "697"), ("1644", "695"), ("1240", "200")
_FILE_ID, _PROCESSING_MODE, _CHECKSUM, _COUNT = "0105", "0122", "0301", "0306"
_TEST_MODE = "T"
_END = bytes(4)
_LOCATION_TAIL = 16  # postal code (10), state (3), country (3)

_USED = (2, 3, 4, 12, 14, 24, 26, 32, 37, 38, 41, 42, 43, 48, 49, 71, 94)
# All elements are taken as text: cardutil's own processors would trust what the file says (its
# one for private data never ends when a length there is negative).
_ELEMENTS: dict[str, dict[str, Any]] = {
    "11": {"field_name": "Trace number", "field_type": "FIXED", "field_length": 6},
    "56": {"field_name": "Payment account reference", "field_type": "LLVAR", "field_length": 0},
} | {
    str(n): {
        key: config["bit_config"][str(n)][key]
        for key in ("field_name", "field_type", "field_length")
    }
    for n in _USED
}

Record = Mapping[str, str]


def write(file: ClearingFile) -> bytes:
    """The bytes of a clearing file; EncodeError if a name holds a backslash, IPM's separator."""
    _keep_quiet()
    stream = io.BytesIO()
    writer = IpmWriter(stream, encoding="ascii", iso_config=_ELEMENTS)
    for record in _records(file):
        writer.write(record)
    stream.write(_END)
    return stream.getvalue()


def read(data: bytes) -> ClearingFile:
    """The clearing file of bytes; DecodeError names the element and where its record starts."""
    _keep_quiet()
    if len(data) > FILE_BYTES_MAX:
        raise DecodeError(f"the file is over {FILE_BYTES_MAX} bytes", field="file", offset=0)
    if not data.endswith(_END):
        raise DecodeError("the file is cut short", field="file", offset=len(data))
    stream = io.BytesIO(data)
    reader = IpmReader(stream, encoding="ascii", iso_config=_ELEMENTS)
    header_at, presentments, total = 0, [], 0
    header: Record | None = None
    for at, record in _parsed(stream, reader):
        kind = (record["MTI"], record.get("DE24"))
        if header is None and kind == HEADER:
            header, header_at = record, at
        elif header is not None and kind == FIRST_PRESENTMENT:
            presentments.append(_presentment(record, at))
            total += presentments[-1].amount.minor
            if len(presentments) > FILE_PRESENTMENTS_MAX:
                raise DecodeError("too many presentments", field="file", offset=at)
        elif header is not None and kind == TRAILER:
            _check_trailer(header, record, len(presentments) + 2, total, at)
            if data[stream.tell() :] != _END:
                raise DecodeError("something follows the trailer", field="file", offset=at)
            return _file(header, header_at, tuple(presentments))
        else:
            raise DecodeError("no such message is due here", field="MTI", offset=at)
    raise DecodeError("the trailer is missing", field="file", offset=stream.tell())


def _keep_quiet() -> None:
    # At debug level cardutil logs whole records, card numbers included.
    logging.getLogger("cardutil").setLevel(logging.CRITICAL)


def _records(file: ClearingFile) -> Iterator[dict[str, str]]:
    sent_by = {"DE94": file.sender}
    private = {_FILE_ID: file.id, _PROCESSING_MODE: _TEST_MODE}
    yield _message(HEADER, 1, sent_by | {"DE48": _private(private)})
    for number, presentment in enumerate(file.presentments, 2):
        yield _message(FIRST_PRESENTMENT, number, sent_by | _elements(presentment))
    count, total = len(file.presentments) + 2, sum(p.amount.minor for p in file.presentments)
    private = {_FILE_ID: file.id, _CHECKSUM: f"{total:016d}", _COUNT: f"{count:08d}"}
    yield _message(TRAILER, count, sent_by | {"DE48": _private(private)})


def _message(kind: tuple[str, str], number: int, elements: Mapping[str, str]) -> dict[str, str]:
    mti, function_code = kind
    return {"MTI": mti, "DE24": function_code, "DE71": f"{number:08d}", **elements}


def _elements(presentment: Presentment) -> dict[str, str]:
    acceptor = presentment.acceptor
    if "\\" in acceptor.name + acceptor.city:
        raise EncodeError("a name holds a backslash", field="DE43")
    # Readers of IPM expect each part of DE43 to be there, if only as a space.
    name, street, city = acceptor.name or " ", " ", acceptor.city or " "
    elements = {
        "DE2": presentment.number,
        "DE3": presentment.processing_code,
        "DE4": f"{presentment.amount.minor:012d}",
        "DE11": presentment.stan,
        "DE12": f"{presentment.local_time:%y%m%d%H%M%S}",
        "DE14": presentment.expiry,
        "DE26": acceptor.category_code,
        "DE32": presentment.acquirer_id,
        "DE37": presentment.retrieval_reference,
        "DE38": presentment.auth_code,
        "DE41": acceptor.terminal,
        "DE42": acceptor.id,
        "DE43": f"{name}\\{street}\\{city}\\{acceptor.country:>{_LOCATION_TAIL}}",
        "DE49": presentment.amount.currency.numeric,
        "DE56": presentment.par,
    }
    return {name: value for name, value in elements.items() if value}


def _parsed(stream: io.BytesIO, reader: Any) -> Iterator[tuple[int, Record]]:
    """Records with the offsets where they start."""
    while True:
        at = stream.tell()
        try:
            record = next(reader, None)
        except CardutilError:
            # Its own text and context would carry the record.
            raise DecodeError("the record does not parse", field="record", offset=at) from None
        if record is None:
            return
        yield at, record


def _presentment(record: Record, at: int) -> Presentment:
    try:
        return Presentment(
            number=record["DE2"],
            expiry=record["DE14"],
            processing_code=record["DE3"],  # type: ignore[arg-type]  # Presentment checks it
            amount=_amount(record, at),
            acquirer_id=record["DE32"],
            acceptor=_acceptor(record, at),
            auth_code=record.get("DE38", ""),
            retrieval_reference=record["DE37"],
            stan=record["DE11"],
            local_time=_local_time(record["DE12"], at),
            par=record.get("DE56", ""),
        )
    except KeyError as absent:
        raise DecodeError("it is absent", field=str(absent.args[0]), offset=at) from None
    except EncodeError as error:
        raise DecodeError(error.problem, field=error.field, offset=at) from None


def _amount(record: Record, at: int) -> Money:
    currency = BY_NUMERIC.get(record["DE49"])
    if currency is None:
        raise DecodeError("the currency is unknown", field="DE49", offset=at)
    return Money(_number(record["DE4"], "DE4", at), currency)


def _acceptor(record: Record, at: int) -> CardAcceptor:
    location = record["DE43"].split("\\")
    if len(location) != 4 or len(location[3]) != _LOCATION_TAIL:
        raise DecodeError("it is not name, street, city, place", field="DE43", offset=at)
    return CardAcceptor(
        id=record.get("DE42", "").rstrip(),
        name=location[0].rstrip(),
        city=location[2].rstrip(),
        country=location[3][-3:],
        category_code=record["DE26"],
        terminal=record.get("DE41", "").rstrip(),
    )


def _local_time(text: str, at: int) -> datetime:
    _number(text, "DE12", at)
    try:
        # The till's own clock has no zone; ISO 8601's basic form reads exactly two digits each.
        return datetime.fromisoformat(f"20{text[:6]}T{text[6:]}")
    except ValueError:
        raise DecodeError("it is no date and time", field="DE12", offset=at) from None


def _number(text: str, field: str, at: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise DecodeError("it is not digits", field=field, offset=at)
    return int(text)


def _check_trailer(header: Record, trailer: Record, count: int, total: int, at: int) -> None:
    private, opening = _private_of(trailer, at), _private_of(header, at)
    if private.get(_FILE_ID) != opening.get(_FILE_ID):
        raise DecodeError("it is another file's trailer", field="PDS0105", offset=at)
    if private.get(_COUNT) != f"{count:08d}":
        raise DecodeError("messages are missing or too many", field="PDS0306", offset=at)
    if private.get(_CHECKSUM) != f"{total:016d}":
        raise DecodeError("the amounts add up to another sum", field="PDS0301", offset=at)


def _file(header: Record, at: int, presentments: tuple[Presentment, ...]) -> ClearingFile:
    file_id = _private_of(header, at).get(_FILE_ID, "")
    if len(file_id) != 25:
        raise DecodeError("it is not 25 digits", field="PDS0105", offset=at)
    _number(file_id, "PDS0105", at)
    try:
        day = date.fromisoformat(f"20{file_id[3:9]}")
        file = ClearingFile(header.get("DE94", ""), day, int(file_id[20:]), presentments)
    except ValueError:
        raise DecodeError("it holds no date", field="PDS0105", offset=at) from None
    except EncodeError as error:
        raise DecodeError(error.problem, field=error.field, offset=at) from None
    if file.id != file_id:
        raise DecodeError("it names another sender", field="PDS0105", offset=at)
    return file


def _private(elements: Mapping[str, str]) -> str:
    """DE48: private data subelements (PDS), each a tag of 4 digits, a length of 3, the value."""
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in sorted(elements.items()))


def _private_of(record: Record, at: int) -> dict[str, str]:
    text, place, found = record.get("DE48", ""), 0, {}
    while place < len(text):
        tag, length = text[place : place + 4], text[place + 4 : place + 7]
        size = _number(length, "DE48", at)
        value = text[place + 7 : place + 7 + size]
        if len(value) != size or len(length) != 3:
            raise DecodeError("a subelement is cut short", field="DE48", offset=at)
        found[tag] = value
        place += 7 + size
    return found
