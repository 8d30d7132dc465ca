"""`zheton serve ROLE`: one role as a process of its own.

Each keeps its files in its data folder; roles that share one share what `zheton up` would have
there: token service and network the vault, both and the wallet a secret. Roles start in any order:
a peer that is not there yet is waited for. A data folder has one process of each role, or several
of some (`SHARED`), each under a number of its own; they may have data folders of their own with the
same keys as well, on other machines, where `--database` is one PostgreSQL for all.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from zheton.apps.cli.options import Data, DatabaseUrl, PassphraseFile
from zheton.apps.http.serving import HttpServer
from zheton.apps.logs import quiet
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.network import NetworkNode
from zheton.apps.parties import ADDRESSES, Address, Role, alone
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.started import Part, Started
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.errors import ConfigurationError

PORT_MAX = 65_535
# Acquirer and wallet keep in memory what a second process would have to know.
SHARED = frozenset({Role.NETWORK, Role.TSP, Role.ISSUER})


def serve(
    role: Annotated[Role, typer.Argument(help="Which role.")],
    data: Data = DEFAULT_DATA,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=PORT_MAX, help="Where to listen; else where zheton up has it."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Where another role is, as issuer=127.0.0.1:8485; may be repeated."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A rollout file instead of mi-pay-2019.")
    ] = None,
    database: DatabaseUrl = "",
    worker: Annotated[
        int,
        typer.Option(
            min=0, help="Its number, where several processes of a role share a folder or database."
        ),
    ] = 0,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Run one role until SIGTERM or Ctrl-C: issuer, network, tsp, acquirer or wallet."""
    quiet()
    peers = {**ADDRESSES, **told(peer or [])}
    if worker and role not in SHARED:
        raise ConfigurationError(
            f"One process runs as the {role}; --worker is for {', '.join(sorted(SHARED))}."
        )
    secret = AskedPassphrase(passphrase_file)
    on = Installation(data, policy, passphrase=secret, database=database, worker=worker)
    with closing(on):
        asyncio.run(_run(role, on, ADDRESSES[role].port if port is None else port, peers))


def told(peers: Sequence[str]) -> dict[Role, Address]:
    """Addresses as they are typed; ConfigurationError at one that is none.

    >>> told(["issuer=127.0.0.1:9485"])
    {<Role.ISSUER: 'issuer'>: Address(port=9485, host='127.0.0.1')}
    """
    addresses = {}
    for each in peers:
        name, _, at = each.partition("=")
        if name not in list(Role):
            roles = ", ".join(Role)
            raise ConfigurationError(f"A peer is written role=host:port; the roles are {roles}.")
        addresses[Role(name)] = Address.parse(at)
    return addresses


async def _run(role: Role, on: Installation, port: int, peers: Mapping[Role, Address]) -> None:
    stop, started = asyncio.Event(), Started()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with on.held(role):
        with on.opening():
            parts = alone(role, on, port, peers.__getitem__)
        try:
            for part in parts:
                await started.add(part)
            typer.echo(f"{role} listens at {_place(parts[-1])}.")
            await stop.wait()
        finally:
            await started.close()


def _place(part: Part) -> str:
    if isinstance(part, NetworkNode | IssuerNode):
        return f"{part.server.host}:{part.server.port} (ISO 8583)"
    assert isinstance(part, HttpServer), "the last part of a role is its door"  # noqa: S101
    return part.url
