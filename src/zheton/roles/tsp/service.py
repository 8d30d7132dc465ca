"""The token service as the network sees it: the same process, behind a port of the network's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zheton.core.debit import Admitted, Debit, Journalled, Location, RevealedCard
from zheton.core.decline import Decline
from zheton.core.emv import tags
from zheton.core.emv.cryptogram import arpc_1, arpc_2
from zheton.core.errors import NotFoundError
from zheton.core.money import Money
from zheton.core.scheme import Scheme
from zheton.core.token.audit.entry import Resolution
from zheton.roles.tsp.examine import examine
from zheton.roles.tsp.ports import Keys, Vault
from zheton.roles.tsp.rise import refuse_rise
from zheton.roles.tsp.state import Rules

# EMV Book 3, C10: issuer approves, or not; every other bit of the update asks for nothing.
_CSU_APPROVED, _CSU_DECLINED = bytes.fromhex("00800000"), bytes(4)


@dataclass(frozen=True, slots=True)
class TokenService:
    """Numbers to cards, for the network alone (`roles.network.ports.Tokens`)."""

    keys: Keys
    vault: Vault
    rules: Rules

    def locate(self, number: str) -> Location | None:
        """Where a number lies, if it lies in any token range."""
        for scheme in self.rules.schemes:
            for token_bin in scheme.token_bins:
                if number.startswith(token_bin):
                    index = self.keys.token_range(token_bin).index(number)
                    return None if index is None else Location(token_bin, index)
        return None

    def lease_of(self, at: Location) -> tuple[int, str] | None:
        """The generation of a number's lease and its expiry (YYMM)."""
        lease = self.vault.leases([at]).get(at)
        return None if lease is None else (lease.batch.generation, lease.batch.expiry)

    def examine(self, debits: Sequence[Debit], now: datetime) -> list[Admitted | Decline]:
        """One verdict a debit, in order."""
        return examine(debits, self.keys, self.vault, self.rules, now)

    def refuse_rise(self, debit: Journalled, total: Money, now: datetime) -> Decline | None:
        """Why a debit may not take more than its number was burnt for, if it may not."""
        return refuse_rise(self.vault, self.rules, debit, total, now)

    def reveal(self, admitted: Admitted) -> RevealedCard:
        """The card behind a number that has been burnt; its transaction has to log it."""
        card = admitted.card
        pan = self.keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
        return RevealedCard(pan, card.expiry)

    def reveal_card(self, why: Resolution) -> RevealedCard:
        """The card that a log entry names, once the entry is durable; NotFoundError if it is gone.

        The card is opened after the commit, so that nobody sees it without an entry.
        """
        with self.vault.transaction() as tx:
            card = tx.card(why.card)
            if card is None:
                raise NotFoundError("The journal names a card that is not in the vault.")
            if not card.sealed_pan:
                raise NotFoundError("The card was deleted, and its number is no longer kept.")
            tx.log([why])
        pan = self.keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
        return RevealedCard(pan, card.expiry)

    def answer_chip(self, admitted: Admitted, response_code: str) -> bytes:
        """Tag 91 for the chip: ARPC and what it covers (EMV Book 2, 8.2); empty online."""
        key, chip = admitted.session_key, admitted.debit.chip
        if key is None or chip is None:
            return b""
        version = self._scheme(admitted).cryptogram
        arqc = chip[tags.APPLICATION_CRYPTOGRAM]
        if version.arpc_method == 1:
            code = response_code.encode("ascii")
            return arpc_1(version.cipher, key, arqc, code) + code
        update = _CSU_APPROVED if response_code == "00" else _CSU_DECLINED
        return arpc_2(version.cipher, key, arqc, update) + update

    def _scheme(self, admitted: Admitted) -> Scheme:
        return self.rules.schemes.named(admitted.card.network)
