"""What the app on a phone keeps of its owner between two starts, and how a new one signs up."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from zheton.adapters.app_key import fresh_app_key
from zheton.adapters.http_tsp import ask
from zheton.adapters.secret_file import write_private
from zheton.apps.companion import Companion, Transmit
from zheton.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Account:
    """A user at the wallet, their device, and the key to which online numbers are sealed."""

    user: str
    token: str = field(repr=False)
    device: str
    app_key: dict[str, Any] = field(repr=False)


def read_account(path: Path) -> Account:
    """The account in a file; ConfigurationError if it is damaged."""
    try:
        return Account(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is damaged; restore it from a back-up, "
            f"or remove it and the memory of the band {path.stem!r} to start anew."
        ) from error


def keep_account(path: Path, account: Account) -> None:
    """Write an account for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(asdict(account)))


def sign_up(
    name: str, wallet: httpx.Client, transmit: Transmit, serial: str, profile: str
) -> Account:
    """A new user with the band behind `transmit`; `wallet` speaks for them from then on."""
    user = ask(wallet, "POST", "/v1/users", {"name": name})
    wallet.headers["authorization"] = f"Bearer {user['token']}"
    device = Companion(wallet, transmit).register(user["id"], serial, profile)
    return Account(user["id"], user["token"], device, fresh_app_key())
