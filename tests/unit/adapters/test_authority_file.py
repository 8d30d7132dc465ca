"""What is written for terminals is read again, and nothing that was changed on the way."""

import hashlib
from datetime import date
from pathlib import Path

import pytest

from zheton.adapters.authority_file import read_authorities, write_authorities
from zheton.core.crypto import rsa
from zheton.core.errors import ConfigurationError
from zheton.roles.terminal.state import Authority

KEY = rsa.generate(1024).public
KNOWN = [Authority(bytes.fromhex(f"A00000000{n}"), 0xD7, KEY, date(2046, 12, 31)) for n in (3, 4)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "authorities.toml"
    write_authorities(path, KNOWN)
    return path


def test_what_was_written_is_read(file: Path) -> None:
    assert list(read_authorities(file)) == KNOWN
    before = file.stat().st_mtime_ns
    write_authorities(file, KNOWN)
    assert file.stat().st_mtime_ns == before
    write_authorities(file, KNOWN[:1])
    assert list(read_authorities(file)) == KNOWN[:1]


def test_the_check_sum_is_that_of_emvs_lists(file: Path) -> None:
    covered = KNOWN[0].rid + b"\xd7" + KEY.modulus.to_bytes(128) + b"\x03"
    assert hashlib.sha1(covered).hexdigest().upper() in file.read_text()  # noqa: S324


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('index = "D7"', 'index = "D8"', "not its check sum"),
        ('rid = "A000000003"', 'rid = "A0000000"', "RID of 5 bytes"),
        ('index = "D7"', "", "lacks 'index'"),
        ('exponent = "03"', 'exponent = "05"', "none that EMV knows"),
        ('until = "2046-12-31"', 'until = "2046-13-31"', "month"),
        ("[[authorities]]", "[[authorities]", "authorities.toml: "),
        ("authorities", "others", "lacks 'authorities'"),
    ],
)
def test_a_mistake_in_the_file_is_told(file: Path, old: str, new: str, told: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError, match=r"authorities\.toml") as error:
        read_authorities(file)
    assert told in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_authorities(tmp_path / "none.toml")
