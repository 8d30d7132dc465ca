"""Users, and the bearer token by which the app speaks for one."""

import hashlib
from datetime import datetime

from zheton.core.errors import NotFoundError
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.ports import WalletStore
from zheton.roles.wallet.state import User

TOKEN_BYTES = 32


def sign_up(on: WalletDesk, name: str, now: datetime) -> tuple[User, str]:
    """A new user and the bearer token, which is told once: only its hash is kept.

    The hash needs no salt and no stretching, for the token is 256 random bits and no password.
    """
    token = on.entropy.take(TOKEN_BYTES).hex()
    user = User(on.draw_id(), name, token_hash(token), now)
    with on.store.transaction() as tx:
        tx.add_user(user)
    return user, token


def authenticate(store: WalletStore, token: str) -> User:
    """The user of a bearer token; NotFoundError if it is nobody's."""
    with store.transaction() as tx:
        user = tx.user_by_token(token_hash(token))
    if user is None:
        raise NotFoundError("This bearer token is nobody's.")
    return user


def token_hash(token: str) -> str:
    """What is kept of a bearer token. Looking it up by its hash tells no time about the token."""
    return hashlib.sha256(token.encode()).hexdigest()
