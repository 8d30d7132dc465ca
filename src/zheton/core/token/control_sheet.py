"""All controls of one card as its row keeps them: those of the card and those of single tokens.

A token (an enrolment) is one device's share of the card; its controls lie on the card's row so that
a debit reads one card row and one batch row, as before. Each document is kept as it was set, with
who set it and why. An empty sheet is an empty text, which costs a debit nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, DecodeError, EncodeError
from zheton.core.token.controls import Circumstances, refuse
from zheton.core.token.controls_document import read_controls

FORMAT = 1
TOKENS_MAX = 8  # that have controls of their own
SHEET_CHARACTERS_MAX = 32_768


@dataclass(frozen=True, slots=True)
class Setting:
    """One document of controls, who set it, why and when."""

    document: Mapping[str, Any]
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ControlSheet:
    """What was set for a card, and for tokens of it by their ids."""

    card: Setting | None = None
    tokens: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, token: str | None) -> Setting | None:
        """What was set for a token, or for the card."""
        return self.card if token is None else self.tokens.get(token)

    def with_setting(self, token: str | None, setting: Setting) -> "ControlSheet":
        """The sheet with a document for a token, or for the card; ConflictError if it is full."""
        if token is None:
            return replace(self, card=setting)
        others = {name: each for name, each in self.tokens.items() if name != token}
        if not setting.document:
            return replace(self, tokens=others)
        if len(others) >= TOKENS_MAX:
            raise ConflictError(f"{TOKENS_MAX} devices of this card have controls; free one first.")
        return replace(self, tokens={**others, token: setting})


def encode_sheet(sheet: ControlSheet) -> str:
    """The text that the card's row keeps; EncodeError for more than it can."""
    if sheet == ControlSheet():
        return ""
    text = json.dumps(
        {
            "format": FORMAT,
            "card": sheet.card and _plain(sheet.card),
            "tokens": {name: _plain(each) for name, each in sheet.tokens.items()},
        },
        separators=(",", ":"),
    )
    if len(text) > SHEET_CHARACTERS_MAX:
        raise EncodeError("are too many for one card; name fewer merchants", field="controls")
    return text


def decode_sheet(text: str) -> ControlSheet:
    """The sheet of a row; DecodeError for a text that `encode_sheet` did not write."""
    if not text:
        return ControlSheet()
    try:
        whole = json.loads(text)
        if whole["format"] != FORMAT:
            raise ValueError
        tokens = {name: _setting(each) for name, each in whole["tokens"].items()}
        return ControlSheet(_setting(whole["card"]) if whole["card"] else None, tokens)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise DecodeError("it is no sheet of controls", field="controls", offset=0) from None


def refuse_by_sheet(text: str, token: str, seen: Circumstances) -> Decline | None:
    """The refusal of a debit by the controls of its card, then by those of its token.

    A sheet that was damaged lets nothing pay.
    """
    if not text:
        return None
    try:
        sheet = decode_sheet(text)
        for scope, setting in (("card", sheet.card), ("token", sheet.of(token))):
            if setting is not None:
                controls, _ = read_controls(setting.document, counted=scope == "card")
                refusal = refuse(controls, scope, seen)
                if refusal is not None:
                    return refusal
    except (DecodeError, EncodeError):
        return Decline(Reason.SUSPENDED, "The card's controls can't be read: look into its row.")
    return None


def _plain(setting: Setting) -> dict[str, Any]:
    return {
        "document": dict(setting.document),
        "actor": setting.actor,
        "reason": setting.reason,
        "at": setting.at.isoformat(),
    }


def _setting(value: Mapping[str, Any]) -> Setting:
    at = datetime.fromisoformat(value["at"])
    return Setting(value["document"], str(value["actor"]), str(value["reason"]), at)
