"""`GET /healthz`: that a process serves, and which of its links are up.

It answers 200 while peers are away: they are waited for, and to restart whoever waits helps nobody.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from fastapi import FastAPI

from zheton.apps.http.fields import Answer
from zheton.apps.http.guard import HEALTH_PATH

Peers = Mapping[str, Callable[[], bool]]


class HealthAnswer(Answer):
    """`peers` are those that a link is kept to, and whether it is up."""

    status: Literal["serving"] = "serving"
    peers: dict[str, bool]


def tell_health(app: FastAPI, peers: Peers) -> None:
    """Let an application tell of its health whoever asks; nothing in it is secret."""

    @app.get(HEALTH_PATH, include_in_schema=False)
    async def health() -> HealthAnswer:
        return HealthAnswer(peers={name: is_up() for name, is_up in peers.items()})
