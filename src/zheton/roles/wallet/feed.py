"""The feed of a device: packages for its chip, one after the other, each acknowledged.

A package opens the chip's secure channel in advance, so it fits one value of the chip's counter.
As long as the chip still says that value, the package was not run and is handed out again; once
the counter has moved on, it is lost and another one, with other numbers, is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from zheton.core.emv.status import SUCCESS
from zheton.core.errors import ConflictError, DecodeError, NotFoundError, UnreachableError
from zheton.core.token.lifecycle import CardStatus, Cause
from zheton.roles.wallet.cards import own_card
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.devices import end_cards, own_device
from zheton.roles.wallet.ports import WalletTx
from zheton.roles.wallet.state import Commit, CommitState, Device, User, WalletCard

LOW_WATER = 16  # a quarter of a batch: the next sync may be days away
BATCHES = 1
COMMITS_A_DAY = 24  # each leases numbers for months, and a device can ask for them all day
PACKAGE_DAYS = 7
_DAY = timedelta(days=1)
_ENOUGH = 1 << 31  # numbers, where nobody says otherwise
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Need:
    """What a device says at a sync: its chip's counter, and the numbers left (of `card` if any).

    `resets` is how often its wearer has wiped it.
    """

    counter: int
    unspent: int
    card: str | None = None
    resets: int = 0


def next_commit(
    on: WalletDesk, user: User, device_id: str, need: Need, now: datetime
) -> Commit | None:
    """The package that the device should run now, or None if it needs nothing.

    NotFoundError for a device or card that is not the user's; ConflictError if the card is not
    active or the device asks too often; else what the token service raises.
    """
    with on.store.transaction() as tx:
        device = own_device(tx, user, device_id)
        held = _held(tx, user, device.id, need)
    if need.resets > device.resets:
        _mourn(on, user, device, need)
        return None
    alive = {card.id: _alive(on, card, device.id) for card in held}
    with on.store.transaction() as tx:
        open_again = _reopened(tx, tx.last_commit(device.id), need, alive, now)
        if open_again is not None:
            return open_again
        card = _card_in_need(tx, user, device.id, need, alive)
        if card is None:
            return None
        if tx.commits_since(device.id, now - _DAY) >= COMMITS_A_DAY:
            raise ConflictError("This device has asked for too many packages today.")
    # Outside of any transaction: another party's answer takes its time.
    package = on.tokens.provision(card.token.reference, device.id, need.counter, BATCHES)
    with on.store.transaction() as tx:
        last = tx.last_commit(device.id)
        number = 1 if last is None else last.number + 1
        made = Commit(device.id, number, card.id, need.counter, package, CommitState.OFFERED, now)
        tx.add_commit(made)
    return made


def _mourn(on: WalletDesk, user: User, device: Device, need: Need) -> None:
    """What was on a device is wiped: its tokens end before that is noted, so none is forgotten."""
    end_cards(on, user, device, Cause.CARDHOLDER_REQUEST)
    with on.store.transaction() as tx:
        tx.set_resets(device.id, need.resets)


def acknowledge(
    on: WalletDesk, user: User, device_id: str, number: int, statuses: Sequence[int]
) -> Commit:
    """The commit as it stands after the chip's status words, one a command that was sent.

    It is done if every command was answered 9000, else it has failed, and the next sync asks for
    another one. A second acknowledgement of a commit that is done changes nothing.
    """
    with on.store.transaction() as tx:
        device = own_device(tx, user, device_id)
        commit = tx.commit(device.id, number)
        if commit is None:
            raise NotFoundError("The device has no such commit.")
        card = tx.card(commit.card)
    if card is None or card.user != user.id:
        raise NotFoundError("The device has no such commit.")
    commands = len(commit.package.commands)
    if len(statuses) > commands:
        raise DecodeError("there are more than commands", field="statuses", offset=commands)
    if commit.state is CommitState.DONE:
        return commit
    taken = len(statuses) == commands and all(status == SUCCESS for status in statuses)
    if taken:
        on.tokens.provisioned(card.token.reference)
    state = CommitState.DONE if taken else CommitState.FAILED
    with on.store.transaction() as tx:
        if not tx.set_commit_state(commit, state):
            raise ConflictError("The commit was acknowledged at the same moment; ask again.")
    return replace(commit, state=state)


def _held(tx: WalletTx, user: User, device_id: str, need: Need) -> list[WalletCard]:
    """The active cards whose numbers the device holds, or is being given."""
    last = tx.last_commit(device_id)
    under_way = last.card if last and last.state is CommitState.OFFERED else None
    named = [c for c in tx.cards(user.id) if need.card in (None, c.id)]
    return [
        card
        for card in named
        if card.token.status is CardStatus.ACTIVE
        and (card.id == under_way or tx.filled_at(device_id, card.id) is not None)
    ]


def _alive(on: WalletDesk, card: WalletCard, device_id: str) -> int:
    """How many numbers the token service would take, whatever the device believes that it holds.

    A device is not told when its batches are ended, as after a restore. Where the token service
    can't say, the device is believed.
    """
    try:
        return on.tokens.numbers_left(card.token.reference, device_id)
    except (UnreachableError, NotFoundError):
        return _ENOUGH


def _reopened(
    tx: WalletTx, last: Commit | None, need: Need, alive: Mapping[str, int], now: datetime
) -> Commit | None:
    """The last commit if it can still be run; one that can't any more is given up."""
    if last is None or last.state in (CommitState.DONE, CommitState.ABANDONED):
        return None
    card = tx.card(last.card)
    runnable = (
        last.counter == need.counter
        and need.card in (None, last.card)
        and now - last.made_at < PACKAGE_DAYS * _DAY
        and card is not None
        and card.token.status is CardStatus.ACTIVE
        and alive.get(last.card, _ENOUGH) >= last.package.numbers
    )
    if runnable:
        return last
    tx.set_commit_state(last, CommitState.ABANDONED)
    return None


def _card_in_need(
    tx: WalletTx, user: User, device_id: str, need: Need, alive: Mapping[str, int]
) -> WalletCard | None:
    """The card that is asked for, if it runs low; else one that the device has never got, or whose

    numbers are dead; else the one filled longest ago, if the device as a whole runs low.
    """
    low = need.unspent <= LOW_WATER
    if need.card is not None:
        card = own_card(tx, user, need.card)
        if card.token.status is not CardStatus.ACTIVE:
            raise ConflictError(f"The card is {card.token.status}; no numbers are given out.")
        return card if low or alive.get(card.id, _ENOUGH) <= LOW_WATER else None
    active = [c for c in tx.cards(user.id) if c.token.status is CardStatus.ACTIVE]
    filled = {card.id: tx.filled_at(device_id, card.id) for card in active}
    urgent = [c for c in active if filled[c.id] is None or alive.get(c.id, _ENOUGH) <= LOW_WATER]
    candidates = urgent or (active if low else [])
    return min(candidates, key=lambda card: filled[card.id] or _BEGINNING, default=None)
