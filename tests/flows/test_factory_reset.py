"""A band that is wiped or given away takes its tokens with it: what was on it pays nobody."""

import pytest

from tests.flows.test_provision import examine, pay, provisioned_band
from tests.wallet_lab import SERIAL, App, Band, lab
from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.entropy import SystemEntropy
from zheton.core.debit import Admitted
from zheton.core.decline import Decline, Reason
from zheton.core.errors import NotFoundError, UnreachableError
from zheton.roles.element import image
from zheton.roles.element.element import Element


def statuses(app: App) -> list[str]:
    return sorted(card["status"] for card in app.get(f"/v1/users/{app.user}/creditCards"))


def memory_of(band: Band) -> TransientMemory:
    """A copy of what is in the band's chip, as a thief of its memory would have it."""
    kept = band.element._chip._memory.load()
    return TransientMemory(kept)


def clone_of(band: Band) -> Band:
    kind = device_named("mi-band-4-nfc")
    return Band(SERIAL, Element(memory_of(band), kind, SystemEntropy()), band.clock)


def test_a_reset_wipes_the_chip_and_the_next_sync_ends_its_tokens() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        clone = clone_of(band)
        assert isinstance(examine(world, pay(band)), Admitted)
        band.element.factory_reset()
        assert band.element.credentials_left() == 0
        state = image.decode(memory_of(band).load() or b"")
        assert (state.cards, state.wearer.passcode, state.resets) == ((), None, 1)
        assert statuses(app) == ["active"], "nobody has told the wallet yet"
        assert app.companion(band).sync(device, 0) is None
        assert statuses(app) == ["deleted"]
        refused = examine(world, pay(clone))
        assert isinstance(refused, Decline) or refused.refusal is not None
        # Said once, it is over: the next card on the same band stays.
        card = app.active_card()
        synced = app.companion(band).sync(device, 0, card)
        assert synced is not None
        assert app.companion(band).sync(device, 64) is None
        assert statuses(app) == ["active", "deleted"]
        assert isinstance(examine(world, pay(band)), Admitted)


def test_a_lost_answer_to_the_news_of_a_reset_is_asked_for_again() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        band.element.factory_reset()
        need = {"counter": app.companion(band).counter(), "unspent": 0, "resets": 1}
        for _ in range(2):
            answer = app.http.post(f"/v1/devices/{device}/commits", json=need)
            assert answer.status_code == 204
            assert statuses(app) == ["deleted"]


def test_a_band_that_is_never_synced_again_is_killed_from_the_wallet_at_once() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        app.post(f"/v1/devices/{device}/unpair", status=204)
        assert statuses(app) == ["deleted"]
        assert app.get(f"/v1/users/{app.user}/devices") == []
        refused = examine(world, pay(band))
        assert isinstance(refused, Decline)
        assert refused.reason in (Reason.SUSPENDED, Reason.UNKNOWN_NUMBER)
        with pytest.raises(NotFoundError):
            app.companion(band).sync(device, 0)


def test_who_has_an_unpaired_band_registers_it_and_sees_nothing_of_before() -> None:
    with lab() as world:
        app, band, device = provisioned_band(world)
        app.post(f"/v1/devices/{device}/unpair", status=204)
        band.element.factory_reset()
        boris = world.sign_up("Boris")
        assert boris.register(band) == device
        assert boris.companion(band).sync(device, 0) is None
        boris.post(f"/v1/devices/{device}/commits/1/acknowledge", {"statuses": ["9000"]}, 404)


def test_another_user_unpairs_nothing() -> None:
    with lab() as world:
        app, _, device = provisioned_band(world)
        world.sign_up("Eve").post(f"/v1/devices/{device}/unpair", status=404)
        assert statuses(app) == ["active"]


class FullMemory(TransientMemory):
    """A memory that keeps nothing more."""

    def store(self, image: bytes) -> None:
        raise UnreachableError("The disk is full.")


def test_a_reset_that_the_memory_does_not_keep_has_wiped_nothing() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        full = FullMemory(memory_of(band).load())
        element = Element(full, device_named("mi-band-4-nfc"), SystemEntropy())
        with pytest.raises(UnreachableError):
            element.factory_reset()
        assert element.credentials_left() == 64
