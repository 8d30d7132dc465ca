"""The hunt finds every writing of a secret wherever it lies, and nothing where nothing is."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest

from tests.hunt.finder import Finder, Hit, opened
from tests.hunt.memory import memory
from tests.hunt.needles import Needle
from tests.hunt.verdict import Evidence, Law
from tests.hunt.wire import Capture

NUMBER = "5413338046219375"
KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
CARD = Needle.digits("card", "anna", NUMBER, thorough=True)
FINDER = Finder(
    [CARD, Needle.octets("key", "tsp", KEY), Needle.text("name", "anna", "Anna Orlova")]
)
NOISE = random.Random(17).randbytes(1 << 16)

# Made here by other means than the needle's own.
WRITINGS = {
    "text": NUMBER.encode(),
    "in groups": b"5413 3380 4621 9375",
    "with dashes": b"5413-3380-4621-9375",
    "the first twelve digits": b"541333804621",
    "the last twelve": b"338046219375",
    "track 2 as text": f";{NUMBER}=30112011".encode(),
    "track 2": bytes.fromhex(f"{NUMBER}D30112010000000F"),
    "track 2 at an odd nibble": bytes.fromhex(f"A{NUMBER}D30112011"),
    "BCD, filled up": bytes.fromhex(f"{NUMBER}FF"),
    "a PAN's TLV": bytes.fromhex(f"5A08{NUMBER}5F3401"),
    "hexadecimal": NUMBER.encode().hex().encode(),
    "EBCDIC": NUMBER.encode("cp500"),
    "EBCDIC in hexadecimal": NUMBER.encode("cp500").hex().encode(),
    "UTF-16": NUMBER.encode("utf-16"),
    "UTF-16 from big ends": NUMBER.encode("utf-16-be"),
    "UTF-32": NUMBER.encode("utf-32"),
    "JSON": json.dumps({"pan": NUMBER}).encode(),
    "JSON in escapes": b'"' + b"".join(b"\\u00%02x" % ord(d) for d in NUMBER) + b'"',
    "an int64": struct.pack("<q", int(NUMBER)),
    "an int64 on a wire": struct.pack(">q", int(NUMBER)),
    "a double": struct.pack("<d", float(NUMBER)),
    "its hash": hashlib.sha512(NUMBER.encode()).digest(),
    "its hash in hexadecimal": hashlib.sha256(NUMBER.encode()).hexdigest().encode(),
    "its hash in base64": base64.b64encode(hashlib.sha256(NUMBER.encode()).digest()),
}


@pytest.mark.parametrize("written", WRITINGS.values(), ids=WRITINGS)
def test_a_number_is_found_however_it_is_written(written: bytes) -> None:
    for lead in range(4):
        at = 20_000 + lead
        hits = FINDER.find(NOISE[:at] + written + NOISE[at:])
        assert {(hit.thing, hit.of) for hit in hits} == {("card", "anna")}, hits
        assert all(0 <= hit.offset - at < len(written) for hit in hits)


@pytest.mark.parametrize("lead", range(3))
@pytest.mark.parametrize(
    "written", [NUMBER.encode(), bytes.fromhex(NUMBER), NUMBER.encode("cp500")]
)
def test_it_is_found_within_base64_of_more(written: bytes, lead: int) -> None:
    around = b"\xff" * lead + written + b"\xfe\xfd"
    for encoded in (base64.b64encode(around), base64.urlsafe_b64encode(around)):
        assert {hit.thing for hit in FINDER.find(encoded)} == {"card"}


def test_a_number_as_python_keeps_it_is_found() -> None:
    program = f"kept = int({NUMBER[:8]!r} + {NUMBER[8:]!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = {hit.spelling for each in memory(process.pid) for hit in FINDER.find(each)}
        process.communicate(b"\n")
    assert "int of Python" in found


def test_keys_and_names_are_found() -> None:
    for written in (KEY, KEY[::-1], KEY.hex().encode(), KEY.hex().upper().encode(),
                    repr(KEY).encode(), base64.b64encode(b"a" + KEY + b"b")):  # fmt: skip
        assert {hit.thing for hit in FINDER.find(NOISE + written)} == {"key"}
    for name in ("Anna Orlova", "ANNA ORLOVA"):
        for encoding in ("utf-8", "utf-16", "cp500"):
            assert {hit.thing for hit in FINDER.find(name.encode(encoding))} == {"name"}


def test_nothing_is_found_where_nothing_is() -> None:
    assert FINDER.find(random.Random(18).randbytes(1 << 24)) == []
    assert FINDER.find(bytes(1 << 22)) == []
    near = NUMBER[:8] + "00" + NUMBER[10:]
    assert FINDER.find(near.encode() + bytes.fromhex(near)) == []
    assert FINDER.find(b"") == []


def test_what_lies_across_pieces_and_at_the_ends_is_found() -> None:
    piece = 1 << 20
    for at in (0, piece - 16, piece - 7, piece - 1, piece, 2 * piece - 3):
        data = bytearray(2 * piece + 32)
        data[at : at + 16] = NUMBER.encode()
        assert at in {hit.offset for hit in FINDER.find(bytes(data))}
    assert FINDER.find(NUMBER.encode())


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cards.csv", NUMBER * 5)
    return file.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(NUMBER.encode() * 5),
        gzip.compress(NUMBER.encode() * 5, mtime=0),
        bz2.compress(NUMBER.encode()),
        lzma.compress(NUMBER.encode() * 5),
        zipped(),
        gzip.compress(zlib.compress(NUMBER.encode() * 5), mtime=0),
    ],
    ids=["zlib", "gzip", "bzip2", "xz", "zip", "zlib in gzip"],
)
def test_compressed_streams_are_opened(packed: bytes) -> None:
    hits = FINDER.find_opened(NOISE + packed + NOISE)
    assert len(NOISE) in {hit.offset for hit in hits if " in " in hit.spelling}
    assert [content for _, _, content in opened(b"\x1f\x8b\x08 and no more")] == []


def frame(sequence: int, payload: bytes, flags: int = 0x18, port: int = 40_000) -> bytes:
    tcp = struct.pack(">HHIIBBHHH", port, 8485, sequence, 0, 5 << 4, flags, 0, 0, 0) + payload
    ends = bytes((127, 0, 0, 1)) * 2
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends
    return bytes(12) + b"\x08\x00" + ip + tcp


def test_a_stream_is_put_together_of_segments_in_any_order() -> None:
    capture = Capture({8485})
    start = (1 << 32) - 5  # its sequence numbers begin anew on the way
    text = b"pan=" + NUMBER.encode()
    for segment in (
        frame(start - 1, b"", flags=0x02),
        frame((start + 10) % (1 << 32), text[10:]),
        frame(start, text[:4]),
        frame(start + 4, text[4:10]),
        frame(start, text[:4]),
        frame(start, b"another's", port=40_001),
    ):
        capture.hear(segment)
    contents = [content for port, way, content in capture.streams() if (port, way) == (8485, "to")]
    assert contents == [text, b"another's"]
    assert capture.packets == 6
    capture.hear(frame(1, text).replace(struct.pack(">H", 8485), struct.pack(">H", 8486)))
    assert capture.packets == 6


def test_a_hunt_that_finds_nothing_where_something_has_to_be_fails() -> None:
    laws = {"card": Law(("memory of tsp",), ("log of form",))}
    evidence = Evidence()
    evidence.add("memory of tsp", 10, [])
    assert evidence.missing(laws) == ["card was not found in memory of tsp"]
    evidence.add("memory of tsp", 10, [Hit("card", "anna", "text", 3)])
    assert evidence.missing(laws) == []
    evidence.add("log of form", 5, [Hit("card", "anna", "text", 3)])
    assert evidence.escaped(laws) == []
    evidence.add("log of tsp", 1_000_000, [Hit("card", "anna", "BCD", 3)])
    assert evidence.escaped(laws) == ["card (anna) is in log of tsp: BCD"]
    assert "log of tsp          1.00 MB  card" in evidence.table()


def test_arguments_and_environment_are_part_of_the_memory() -> None:
    program = "print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, KEY.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "CARD": NUMBER},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        found = {hit.thing for each in memory(process.pid) for hit in FINDER.find(each)}
        process.communicate(b"\n")
    assert found == {"card", "key"}
