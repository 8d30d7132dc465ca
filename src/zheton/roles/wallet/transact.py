"""An online number for a card: asked for, handed to its user unread, kept by nobody."""

from zheton.core.errors import ConflictError
from zheton.core.money import Money
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.wallet.cards import own_card
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.devices import own_device
from zheton.roles.wallet.state import OnlineNumber, User


def transact(
    on: WalletDesk,
    user: User,
    card_id: str,
    device_id: str,
    limit: Money,
    *,
    merchant: str,
    minutes: int,
) -> OnlineNumber:
    """A number for one debit up to `limit`; `merchant` is DE42, or "" for the first to present it.

    NotFoundError for a card or device that is not the user's, ConflictError for a card that is not
    active, RefusedError where the policy refuses.
    """
    with on.store.transaction() as tx:
        card, device = own_card(tx, user, card_id), own_device(tx, user, device_id)
    if card.token.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The card is {card.token.status}; no numbers are given out for it.")
    return on.tokens.transact(card.token.reference, device.id, limit, merchant, minutes)
