"""A wallet before a real token service, without HTTP between the tests and the wallet's verbs."""

from collections.abc import Iterator

import pytest

from tests.wallet_lab import Lab, lab
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.state import User
from zheton.roles.wallet.users import sign_up


@pytest.fixture
def world() -> Iterator[Lab]:
    with lab() as opened:
        yield opened


@pytest.fixture
def desk(world: Lab) -> WalletDesk:
    return world.wallet_desk


@pytest.fixture
def anna(world: Lab) -> User:
    return sign_up(world.wallet_desk, "Anna", world.clock.now())[0]


@pytest.fixture
def boris(world: Lab) -> User:
    return sign_up(world.wallet_desk, "Boris", world.clock.now())[0]
