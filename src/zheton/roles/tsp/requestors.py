"""Who may call the token API: known by a bearer key of which only a hash is kept."""

import hashlib

from zheton.core.errors import NotFoundError, RefusedError
from zheton.core.token.lifecycle import Actor
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.state import Requestor, RequestorKind

# In whose name each may act: only a wallet speaks to cardholders.
_ACTORS = {
    RequestorKind.WALLET: (Actor.CARDHOLDER, Actor.WALLET),
    RequestorKind.ISSUER: (Actor.ISSUER,),
    RequestorKind.TOKEN_SERVICE: (Actor.TOKEN_SERVICE,),
}


def key_hash(key: str) -> str:
    """What is kept of a key: 256 random bits need neither salt nor stretching."""
    return hashlib.sha256(key.encode()).hexdigest()


def find(vault: Vault, key: str) -> Requestor | None:
    """Whose bearer key it is. Looking it up by its hash tells no time about the key."""
    return vault.requestor_by_key(key_hash(key))


def admit(vault: Vault, requestor: Requestor) -> None:
    """Let a requestor in; one of the same id is replaced."""
    with vault.transaction() as tx:
        tx.add_requestor(requestor)


def acting(requestor: Requestor, actor: Actor | None) -> Actor:
    """In whose name a requestor acts: the one that it says, or its first.

    RefusedError for a name that is not its to use.
    """
    allowed = _ACTORS[requestor.kind]
    if actor is None:
        return allowed[0]
    if actor not in allowed:
        text = f"A credential of kind {requestor.kind} can't act as {actor}."
        raise RefusedError("actor", text)
    return actor


def reaches(requestor: Requestor, owner: str) -> bool:
    """Whether a requestor may see and change what is another's: a wallet only what is its own."""
    return requestor.kind is not RequestorKind.WALLET or requestor.id == owner


def own_token(vault: Vault, requestor: Requestor, token: str) -> str:
    """A token that the requestor may see; NotFoundError otherwise: it does not learn which."""
    found = vault.view(token)
    if found is None or not reaches(requestor, found.token.requestor):
        raise NotFoundError("There is no such token; enrol its card first.")
    return token


def own_device(vault: Vault, requestor: Requestor, device: str) -> str:
    """A device that the requestor may see; NotFoundError otherwise."""
    found = vault.device(device)
    if found is None or not reaches(requestor, found.requestor):
        raise NotFoundError("There is no such device; register it first.")
    return device
