"""Cards: enrolled in an envelope that the wallet can't open, verified, suspended, deleted.

What a card's status is, the token service decides. Where its answer was lost, a verb that finds
the thing done already takes it for done.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import CardStatus, Cause, Verb
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.ports import WalletStore, WalletTx
from zheton.roles.wallet.state import Token, User, WalletCard

CARDS_MAX = 20
_WANTED = {
    Verb.SUSPEND: CardStatus.SUSPENDED,
    Verb.UNSUSPEND: CardStatus.ACTIVE,
    Verb.DELETE: CardStatus.DELETED,
}


def enrol(
    on: WalletDesk, user: User, envelope: str, region: str, title: str, now: datetime
) -> WalletCard:
    """A card from its envelope (JWE to the token service's key); `title` is the user's, or "".

    RefusedError where policy or issuer refuses, ConflictError if the user has too many cards.
    """
    with on.store.transaction() as tx:
        kept = [c for c in tx.cards(user.id) if c.token.status is not CardStatus.DELETED]
    if len(kept) >= CARDS_MAX:
        raise ConflictError(f"A user has at most {CARDS_MAX} cards; delete one first.")
    token = on.tokens.tokenise(envelope, region)
    card = WalletCard(on.draw_id(), user.id, title or f"*{token.last4}", region, token, now)
    with on.store.transaction() as tx:
        tx.add_card(card)
    return card


def verify(on: WalletDesk, user: User, card_id: str, code: str) -> WalletCard:
    """The card, active, by the code that its issuer sent to the cardholder.

    RefusedError for a wrong or old code, ConflictError for a card that waits for none.
    """
    card = card_of(on.store, user, card_id)
    try:
        token = on.tokens.activate(card.token.reference, code)
    except ConflictError:
        token = on.tokens.look_up(card.token.reference)
        if token.status is not CardStatus.ACTIVE or card.token.status is CardStatus.ACTIVE:
            raise
    return _keep(on.store, card, token)


def change_standing(
    on: WalletDesk,
    user: User,
    card_id: str,
    verb: Verb,
    cause: Cause = Cause.CARDHOLDER_REQUEST,
) -> WalletCard:
    """The card suspended, resumed or deleted by its user; asking twice is asking once.

    It holds from the next debit on, whether the device is in reach or not. A card that its issuer
    has suspended as well stays suspended when its user resumes it.
    """
    card = card_of(on.store, user, card_id)
    try:
        token = on.tokens.change_token(card.token.reference, verb, cause)
    except ConflictError:
        token = on.tokens.look_up(card.token.reference)
        if token.status is not _WANTED[verb]:
            raise
    return _keep(on.store, card, token)


def own_card(tx: WalletTx, user: User, card_id: str) -> WalletCard:
    """A user's card; NotFoundError if it is not there or not the user's."""
    card = tx.card(card_id)
    if card is None or card.user != user.id:
        raise NotFoundError("There is no such card; enrol it first.")
    return card


def card_of(store: WalletStore, user: User, card_id: str) -> WalletCard:
    """`own_card` in a transaction of its own."""
    with store.transaction() as tx:
        return own_card(tx, user, card_id)


def cards_of(store: WalletStore, user: User) -> Sequence[WalletCard]:
    """A user's cards, oldest first."""
    with store.transaction() as tx:
        return tx.cards(user.id)


def _keep(store: WalletStore, card: WalletCard, token: Token) -> WalletCard:
    with store.transaction() as tx:
        tx.set_token(card.id, token)
    return replace(card, token=token)
