"""The token service over HTTP, for the wallet; and how any of our HTTP doors is asked.

A problem document (RFC 9457) becomes the error that it stands for. An answer is bounded in size
and time, and nothing of it that may be a secret is part of an error's text.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from zheton.core.emv.device_proof import Evidence
from zheton.core.errors import (
    ConfigurationError,
    ConflictError,
    DecodeError,
    EncodeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    VerificationError,
    ZhetonError,
)
from zheton.core.money import Money
from zheton.core.token.domain import Channel
from zheton.core.token.domain import Device as DeviceClass
from zheton.core.token.lifecycle import Actor, CardStatus, Cause, Verb
from zheton.roles.wallet.state import EncryptionKey, OnlineNumber, Package, Token

ANSWER_BYTES_MAX = 1_000_000
TIMEOUT = httpx.Timeout(10.0, connect=2.0)  # the token service asks an issuer in between
# A proxy of the environment would see what is meant for the token service alone.
_TRUST_ENVIRONMENT = False


class HttpTokenService:
    """A token service by its address (`roles.wallet.ports.TokenService`); threads may share it."""

    def __init__(self, url: str, secret: str, client: httpx.Client | None = None) -> None:
        """`client` replaces the connection of its own, where a caller has a better one."""
        headers = {"Authorization": f"Bearer {secret}"}
        self._client = client or httpx.Client(timeout=TIMEOUT, trust_env=_TRUST_ENVIRONMENT)
        self._client.base_url = httpx.URL(url)
        self._client.headers.update(headers)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def encryption_key(self) -> EncryptionKey:
        """The key that entry forms seal cards to."""
        answer = ask(self._client, "GET", "/v1/encryption-key")
        return EncryptionKey(_field(answer, "jwk", dict), _field(answer, "thumbprint", str))

    def tokenise(self, envelope: str, region: str) -> Token:
        """Enrol the card in an envelope."""
        body = {"encryptedPayload": envelope, "region": region}
        return _token(ask(self._client, "POST", "/v1/tokens", body))

    def activate(self, token: str, code: str) -> Token:
        """Activate a token by the code that its issuer delivered."""
        return _token(ask(self._client, "POST", f"/v1/tokens/{token}/activate", {"code": code}))

    def look_up(self, token: str) -> Token:
        """A token as it stands."""
        return _token(ask(self._client, "GET", f"/v1/tokens/{token}"))

    def change_token(self, token: str, verb: Verb, cause: Cause) -> Token:
        """Suspend, resume or delete a token in its cardholder's name; the token after it."""
        body = {"reason": cause.value, "actor": Actor.CARDHOLDER.value}
        return _token(ask(self._client, "POST", f"/v1/tokens/{token}/{verb.value}", body))

    def change_device(self, device: str, verb: Verb, cause: Cause) -> CardStatus:
        """Suspend or resume all that is on a device in its wearer's name; its status after it."""
        body = {"reason": cause.value, "actor": Actor.CARDHOLDER.value}
        return _status(ask(self._client, "POST", f"/v1/devices/{device}/{verb.value}", body))

    def challenge_device(self, serial: str) -> bytes:
        """What the chip of a serial number has to sign to be registered."""
        answer = ask(self._client, "POST", "/v1/devices/challenge", {"serial": serial})
        try:
            return bytes.fromhex(_field(answer, "challenge", str))
        except ValueError:
            raise _strange("challenge") from None

    def register_device(
        self, device: str, serial: str, device_class: DeviceClass, shown: Evidence
    ) -> None:
        """Make a device known by what it shows."""
        body = {
            "deviceId": device,
            "serial": serial,
            "deviceClass": device_class.value,
            "certificate": shown.certificate.hex(),
            "challenge": shown.challenge.hex(),
            "proof": shown.proof.hex(),
        }
        ask(self._client, "POST", "/v1/devices", body)

    def provision(self, token: str, device: str, counter: int, batches: int) -> Package:
        """A package with new numbers for a chip."""
        body = {"deviceId": device, "counter": counter, "batches": batches}
        return _package(ask(self._client, "POST", f"/v1/tokens/{token}/replenish", body))

    def certify(self, token: str, device: str, counter: int) -> Package:
        """A package with the certificates that numbers on a chip lack."""
        body = {"deviceId": device, "counter": counter}
        return _package(ask(self._client, "POST", f"/v1/tokens/{token}/certify", body))

    def numbers_left(self, token: str, device: str) -> int:
        """How many numbers for tills of a token may still pay, of those that a device holds."""
        answer = ask(self._client, "GET", f"/v1/tokens/{token}/batches")
        return sum(
            _field(batch, "numbersLeft", int)
            for batch in _field(answer, "batches", list)
            if batch.get("deviceId") == device and batch.get("channel") == Channel.TILL
        )

    def provisioned(self, token: str) -> None:
        """The chip has taken what was provisioned."""
        ask(self._client, "POST", f"/v1/tokens/{token}/provisioned")

    def transact(
        self, token: str, device: str, limit: Money, merchant: str, minutes: int
    ) -> OnlineNumber:
        """A number for one debit in a web shop."""
        body = {
            "deviceId": device,
            "amountMinor": limit.minor,
            "currency": limit.currency.code,
            "merchant": merchant,
            "minutes": minutes,
        }
        answer = ask(self._client, "POST", f"/v1/tokens/{token}/transact", body)
        try:
            expires_at = datetime.fromisoformat(_field(answer, "expiresAt", str))
        except ValueError:
            raise _strange("expiresAt") from None
        return OnlineNumber(_field(answer, "encryptedPayload", str), expires_at)


def ask(
    client: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON object that answers a request; empty for 204, which says that there is nothing.

    Raises what a problem document stands for; UnreachableError if nobody answers in time;
    DecodeError for an answer that is none.
    """
    try:
        with client.stream(method, path, json=body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > ANSWER_BYTES_MAX:
                    raise _strange("answer")
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{client.base_url.host} does not answer ({type(error).__name__}); try again later."
        ) from None
    if response.status_code == HTTPStatus.NO_CONTENT:
        return {}
    try:
        answer = json.loads(b"".join(parts))
    except ValueError:
        answer = None
    if response.is_success and isinstance(answer, dict):
        return answer
    if response.is_success:
        raise _strange("answer")
    raise error_of(answer if isinstance(answer, dict) else {"status": response.status_code})


def error_of(problem: Mapping[str, Any]) -> ZhetonError:
    """The error that a problem document stands for; a rule's name is kept in the text.

    >>> error_of({"status": 403, "detail": "Mastercard only.", "reason": "policy", "rule": "ru"})
    RefusedError('Mastercard only. (rule ru)')
    """
    status, detail = problem.get("status"), str(problem.get("detail") or "It was refused.")
    if "reason" in problem:
        rule = str(problem.get("rule") or "")
        named = f" (rule {rule})" if rule and rule not in detail else ""
        return RefusedError(str(problem["reason"]), detail + named)
    match status:
        case HTTPStatus.NOT_FOUND:
            return NotFoundError(detail)
        case HTTPStatus.CONFLICT:
            return ConflictError(detail)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return _malformed(detail)
        case HTTPStatus.BAD_REQUEST if str(problem.get("type")).endswith("not-verified"):
            return VerificationError(detail)
        case HTTPStatus.BAD_REQUEST:
            return ConfigurationError(detail)
        case HTTPStatus.UNAUTHORIZED:
            return RefusedError("unauthorised", "The bearer token is not accepted; check it.")
    return UnreachableError(f"The other side can't serve this now (status {status}).")


def _malformed(detail: str) -> EncodeError:
    """What the other side could not read; its text names the field first."""
    field, _, text = detail.partition(": ")
    return EncodeError(text, field=field) if text else EncodeError(detail, field="request")


def _package(answer: Mapping[str, Any]) -> Package:
    try:
        commands = tuple(bytes.fromhex(each) for each in _field(answer, "commands", list))
    except (TypeError, ValueError):
        raise _strange("commands") from None
    return Package(commands, _field(answer, "numbers", int))


def _token(answer: Mapping[str, Any]) -> Token:
    status = _status(answer)
    names = ("network", "panSuffix", "expiry", "paymentAccountReference", "delivery")
    reference = _field(answer, "tokenUniqueReference", str)
    return Token(reference, status, *(_field(answer, name, str) for name in names))


def _status(answer: Mapping[str, Any]) -> CardStatus:
    try:
        return CardStatus(_field(answer, "status", str))
    except ValueError:
        raise _strange("status") from None


def _field(answer: Mapping[str, Any], name: str, kind: type) -> Any:
    value = answer.get(name)
    if not isinstance(value, kind):
        raise _strange(name)
    return value


def _strange(field: str) -> DecodeError:
    return DecodeError("it is not what the interface says", field=field, offset=0)
