"""Switches of the element: arming, its memory, its two interfaces, its secure channel."""

from dataclasses import replace
from datetime import datetime, timedelta

from tests.switches.switch import Switch, always, nothing
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.emv import tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import UnreachableError
from zheton.core.scp03.channel import SECURE_MESSAGING, Channel, SecurityLevel
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element import directory
from zheton.roles.element.chip import Chip, Window
from zheton.roles.element.element import Element
from zheton.roles.element.gp.channel import SecureChannel
from zheton.roles.element.registry import Domain
from zheton.roles.element.state import Batch, Card, ElementState
from zheton.roles.element.wearer import Wearer

_device_keys, _command_mac, _commit = VaultKeys.device_keys, Channel.command_mac, Chip.commit
_describe_card = directory.describe_card
_unwrap, _wrap = SecureChannel.unwrap, SecureChannel.wrap


def _same(batch: Batch, _places: int) -> Batch:
    return batch


def _as_it_is(value: object) -> object:
    return value


def _without_passcode(wearer: Wearer) -> Wearer:
    return replace(wearer, passcode=None)


def _wearers_too(element: Element, command: Command, now: datetime) -> Response:
    return element._host.answer(command, now)


def _plain_too(channel: SecureChannel, domain: Domain, command: Command) -> Command | Response:
    return _unwrap(channel, domain, command) if command.cla & SECURE_MESSAGING else command


def _answered_in_kind(channel: SecureChannel, response: Response) -> Response:
    return _wrap(channel, response) if channel.is_open else response


def _all_cards(state: ElementState, first: bytes | None = None) -> tuple[Card, ...]:
    return state.by_priority(first)


def _keys_of_every_chip(keys: VaultKeys, _serial: str) -> StaticKeys:
    return _device_keys(keys, "00" * 10)


def _unchained(channel: Channel, command: Command) -> bytes:
    channel.chain = bytes(16)
    return _command_mac(channel, command)


def _commit_later(chip: Chip, state: ElementState) -> None:
    try:
        _commit(chip, state)
    except UnreachableError:
        chip._state = state


def _with_account(card: Card, priority: int) -> bytes:
    return _describe_card(card, priority) + tlv.encode(0x9F24, card.profile.par.encode())


def _window_of_the_first_card(chip: Chip, now: datetime) -> Window:
    card = chip.state.cards[0]
    batch = card.batches[0]
    place = batch.places[0] if batch.places else 0
    until = now + timedelta(seconds=60)
    return Window(card.card_ref, batch.header.batch_ref, place, now, until)


ELEMENT: dict[str, Switch] = {
    "one-key-for-all-chips": {
        "zheton.adapters.keys.vault_keys.VaultKeys.device_keys": _keys_of_every_chip,
    },
    "armed-for-ever": {"zheton.roles.element.chip.Window.open_at": always(True)},
    "armed-off-the-wrist": {"zheton.roles.element.element.Element.take_off": nothing},
    "proved-for-ever": {"zheton.roles.element.chip.Chip.doubt_wearer": nothing},
    "everybody-is-verified": {"zheton.roles.element.chip.Chip.verified": always(True)},
    "everybody-is-excused": {"zheton.roles.element.generate_ac._proven_enough": always(True)},
    "unverified-uncounted": {"zheton.roles.element.wearer.Wearer.unverified_once_more": _as_it_is},
    "tries-uncounted": {"zheton.roles.element.passcode.Passcode.counted": _as_it_is},
    "wallet-forgets-passcodes": {"zheton.roles.element.wearer.Wearer.unlocked": _without_passcode},
    "passcode-in-the-field": {
        "zheton.roles.element.element.Element._in_field": _wearers_too,
    },
    "management-in-the-field": {
        "zheton.roles.element.element.Element._in_field": _wearers_too,
    },
    "failures-uncounted": {"zheton.roles.element.registry.Domain.failed": _as_it_is},
    "no-session-needed": {
        "zheton.roles.element.gp.channel.SecureChannel.unwrap": _plain_too,
        "zheton.roles.element.gp.channel.SecureChannel.wrap": _answered_in_kind,
    },
    "levels-believed": {
        "zheton.roles.element.gp.channel.SecureChannel.level": SecurityLevel.C_DECRYPTION_C_MAC,
    },
    "test-keys-in-production": {"zheton.roles.element.manufacture.well_known": always(False)},
    "locked-is-selected": {"zheton.roles.element.state.ElementState.payable": _all_cards},
    "reset-keeps-cards": {"zheton.roles.element.state.ElementState.wiped": _as_it_is},
    "armed-by-itself": {"zheton.roles.element.chip.Chip.window": _window_of_the_first_card},
    "shown-numbers-again": {"zheton.roles.element.state.Batch.show": _same},
    "spent-keys-stay": {"zheton.roles.element.state.Batch._erased": _same},
    "answer-before-burn": {"zheton.roles.element.chip.Chip.commit": _commit_later},
    "account-in-the-fci": {"zheton.roles.element.directory.describe_card": _with_account},
    "memory-unflushed": {
        "zheton.adapters.element_memory.FileMemory._flush_folder": nothing,
    },
    "memory-unchecked": {"zheton.adapters.element_memory._checksum": always(bytes(4))},
    "batches-come-again": {
        "zheton.roles.element.state.Card.knows": always(False),
        "zheton.roles.element.load._distinct": always(True),
    },
    "any-keys-open": {"zheton.core.scp03.card.verify_equal": nothing},
    "macs-unchained": {"zheton.core.scp03.channel.Channel.command_mac": _unchained},
    "packages-in-the-clear": {
        "zheton.core.scp03.host.HostSession.wrap": lambda _session, command: command,
    },
    "answers-unchecked": {"zheton.core.scp03.host.verify_equal": nothing},
    "any-issuer-answers": {"zheton.roles.element.generate_ac._authenticated": always(True)},
    "a-decline-is-a-tc": {"zheton.roles.element.generate_ac._issuer_approves": always(True)},
}
