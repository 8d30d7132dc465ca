"""The file of certification authorities: what a terminal is given before it trusts a card.

TOML, so that a person can compare it; each entry with the check sum by which EMV's own lists carry
keys (Book 2, 11.1.2): SHA-1 over RID, index, modulus and exponent.
"""

import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from zheton.core.crypto.digest import sha1
from zheton.core.crypto.rsa import PublicKey
from zheton.core.errors import ConfigurationError, EncodeError
from zheton.roles.terminal.state import Authority

_ENTRIES_MAX = 64
_TEXTS = ("rid", "index", "modulus", "exponent", "until", "checksum")
_HEAD = "# Public keys of certification authorities, for terminals. Nothing in it is secret.\n"


def write_authorities(path: Path, authorities: Sequence[Authority]) -> None:
    """Write the keys for terminals, if the file does not say them already."""
    text = _HEAD + "".join(map(_entry, authorities))
    if not path.exists() or path.read_text("utf-8") != text:
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(path)


def read_authorities(path: Path) -> tuple[Authority, ...]:
    """The keys in a file; ConfigurationError names it and what is wrong."""
    try:
        listed = tomllib.loads(path.read_text("utf-8"))["authorities"]
        if not isinstance(listed, list) or len(listed) > _ENTRIES_MAX:
            raise ConfigurationError(f"[[authorities]] has at most {_ENTRIES_MAX} entries.")
        return tuple(map(_authority, listed))
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read ({error.strerror}).") from None
    except KeyError as error:
        raise ConfigurationError(f"{path}: an entry lacks {error}.") from None
    except (ValueError, TypeError, EncodeError, ConfigurationError) as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _entry(each: Authority) -> str:
    values = {
        "rid": each.rid.hex().upper(),
        "index": f"{each.index:02X}",
        "modulus": each.key.modulus_bytes.hex().upper(),
        "exponent": each.key.exponent_bytes.hex().upper(),
        "until": each.until.isoformat(),
        "checksum": _checksum(each).hex().upper(),
    }
    lines = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    return f"\n[[authorities]]\n{lines}"


def _authority(entry: dict[str, Any]) -> Authority:
    texts = {name: str(entry[name]) for name in _TEXTS}
    made = Authority(
        bytes.fromhex(texts["rid"]),
        int(texts["index"], 16),
        PublicKey(int(texts["modulus"], 16), int(texts["exponent"], 16)),
        date.fromisoformat(texts["until"]),
    )
    if _checksum(made) != bytes.fromhex(texts["checksum"]):
        raise ConfigurationError(f"the key {texts['rid']} {texts['index']} is not its check sum's.")
    return made


def _checksum(each: Authority) -> bytes:
    key = each.key
    return sha1(each.rid + bytes((each.index,)) + key.modulus_bytes + key.exponent_bytes)
