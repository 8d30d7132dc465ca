"""SET STATUS (GPC 2.3.1, 11.10): life cycles of card, applications and payment domain.

A state that is already reached is accepted again, so that a package may come twice.
"""

from dataclasses import replace

from zheton.core.emv import status
from zheton.roles.element.gp.call import Call, Change
from zheton.roles.element.gp.delete import without_applications
from zheton.roles.element.registry import LOCKED, CardState
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

_CARD, _APPLICATION, _DOMAIN_AND_APPLICATIONS = 0x80, 0x40, 0x60
# GPC, 5.1.1 and figure 5-1; TERMINATED can be reached from every state and left from none.
_NEXT = {
    CardState.OP_READY: CardState.INITIALIZED,
    CardState.INITIALIZED: CardState.SECURED,
    CardState.SECURED: CardState.CARD_LOCKED,
    CardState.CARD_LOCKED: CardState.SECURED,
}


def set_status(call: Call) -> Change:
    """The state after a transition; Rejected 6A80 for one that there is not, 6A88 a name, 6A86."""
    kind, wanted, aid = call.command.p1, call.command.p2, call.command.data
    if kind == _CARD:
        return Change(_card(call.state, wanted))
    if kind not in (_APPLICATION, _DOMAIN_AND_APPLICATIONS):
        raise Rejected(status.INCORRECT_P1_P2)
    if not call.state.registry.pays:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    locked = bool(wanted & LOCKED)
    if aid == call.state.payment_domain.aid:
        state = _domain(call.state, locked=locked)
        if kind == _DOMAIN_AND_APPLICATIONS:
            state = _applications(state, None, locked=locked)
        return Change(state)
    if kind == _DOMAIN_AND_APPLICATIONS or not _is_application(call.state, aid):
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    return Change(_applications(call.state, aid, locked=locked))


def _card(state: ElementState, wanted: int) -> ElementState:
    now = state.registry.card_state
    if wanted not in list(CardState) or wanted not in (now, _NEXT.get(now), CardState.TERMINATED):
        raise Rejected(status.WRONG_DATA)
    if wanted == CardState.TERMINATED:
        # Nothing of it works any more (GPC, 5.1.1.5), so the keys to pay with must not stay.
        state = without_applications(state)
    return replace(state, registry=replace(state.registry, card_state=CardState(wanted)))


def _domain(state: ElementState, *, locked: bool) -> ElementState:
    domain = state.payment_domain
    changed = replace(domain, locked=True) if locked else domain.unlocked()
    return replace(state, payment_domain=changed)


def _is_application(state: ElementState, aid: bytes) -> bool:
    return state.named(aid) is not None or state.registry.instance(aid) is not None


def _applications(state: ElementState, aid: bytes | None, *, locked: bool) -> ElementState:
    """The state with one application, or with all, locked or unlocked."""
    cards = tuple(
        replace(card, locked=locked) if aid in (None, card.name) else card for card in state.cards
    )
    instances = tuple(
        replace(each, locked=locked) if aid in (None, each.aid) else each
        for each in state.registry.instances
    )
    return replace(state, cards=cards, registry=replace(state.registry, instances=instances))
