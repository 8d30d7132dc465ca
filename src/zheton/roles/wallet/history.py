"""What was paid: debit notices from the token service, one line a debit, and who has to know."""

from collections.abc import Sequence
from dataclasses import dataclass

from zheton.roles.wallet.cards import own_card
from zheton.roles.wallet.ports import WalletStore
from zheton.roles.wallet.state import DebitNotice, User, WalletCard

NOTICES_MAX = 200


@dataclass(frozen=True, slots=True)
class News:
    """A notice that said something new, and the card that it is about."""

    card: WalletCard
    notice: DebitNotice


def record(store: WalletStore, notices: Sequence[DebitNotice]) -> list[News]:
    """What is new among these notices, kept; one of no later edition than the last is nothing.

    Tokens that are not this wallet's are passed over: asking the sender again would not help.
    """
    news = []
    with store.transaction() as tx:
        for notice in notices:
            card = tx.card_by_token(notice.token)
            known = tx.notice(notice.debit)
            if card is None or (known is not None and notice.edition <= known.edition):
                continue
            tx.put_notice(notice, card.id)
            news.append(News(card, notice))
    return news


def transactions(
    store: WalletStore, user: User, card_id: str, limit: int = NOTICES_MAX
) -> Sequence[DebitNotice]:
    """A card's debits, newest first; NotFoundError for a card that is not the user's."""
    with store.transaction() as tx:
        card = own_card(tx, user, card_id)
        return tx.notices(card.id, min(max(limit, 0), NOTICES_MAX))
