"""The token service tells the wallet of every outcome, so that the owner's phone knows at once."""

import json
import threading
from collections import deque
from collections.abc import Sequence

import httpx

from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.apps.trace import Trace
from zheton.core.debit import Journalled
from zheton.core.errors import UnreachableError

PATH = "/v1/notifications"
TIMEOUT_S = 5.0
TOLD_MAX = 1000


class Notifier:
    """Posts outcomes to the wallet; whoever waits for one debit is woken when it was told."""

    def __init__(self, keys: VaultKeys, secret: str, trace: Trace | None) -> None:
        self.wallet_url = ""
        self._keys, self._trace = keys, trace
        self._client = httpx.Client(
            headers={"authorization": f"Bearer {secret}"}, timeout=TIMEOUT_S, trust_env=False
        )
        self._told: deque[str] = deque(maxlen=TOLD_MAX)
        self._news = threading.Condition()

    def __call__(self, outcomes: Sequence[tuple[str, Journalled]]) -> None:
        """Tell the wallet; UnreachableError if it did not take the notices."""
        body = json.dumps([self._notice(enrolment, line) for enrolment, line in outcomes]).encode()
        if self._trace:
            self._trace.record("vault", "wallet", "http", body, f"POST {PATH}")
        try:
            response = self._client.post(
                self.wallet_url + PATH, content=body, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise UnreachableError(f"The wallet can't be told of debits: {error}.") from error
        if response.status_code >= 300:
            raise UnreachableError(f"The wallet refused notices ({response.status_code}).")
        with self._news:
            self._told.extend(line.retrieval_reference for _, line in outcomes)
            self._news.notify_all()

    def wait_told(self, retrieval_reference: str, timeout_s: float) -> bool:
        """Block until the wallet has heard of the debit with this DE37; False if it did not."""
        with self._news:
            return self._news.wait_for(lambda: retrieval_reference in self._told, timeout_s)

    def close(self) -> None:
        """Let its connections go; nobody is told any more."""
        self._client.close()

    def _notice(self, enrolment: str, line: Journalled) -> dict[str, str | int]:
        number = self._keys.token_range(line.at.bin).number(line.at.index)
        return {
            "debitId": line.debit,
            "tokenUniqueReference": enrolment,
            "at": line.received_at.isoformat(),
            "merchantName": line.place.merchant_name,
            "amountMinor": line.amount.minor,
            "heldMinor": line.held_minor,
            "refundedMinor": line.refunded_minor,
            "currency": line.amount.currency.code,
            "state": line.state,
            "edition": line.edition,
            "responseCode": line.response_code,
            "reason": line.reason,
            "numberLast4": number[-4:],
        }
