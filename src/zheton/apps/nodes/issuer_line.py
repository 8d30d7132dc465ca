"""The token service's way to the issuer (`roles.tsp.ports.IssuerLink`): a link, asked by threads.

The doors of the token service work in threads, the link lives in an event loop. In the process of
the network it is the network's own link; a token service alone has one to itself.
"""

import asyncio

from zheton.adapters.tcp.link import IsoLink
from zheton.core.errors import UnreachableError
from zheton.core.iso8583.message import Message
from zheton.core.token.pan import Pan
from zheton.roles.network.answer import tokenisation

ANSWER_TIMEOUT_S = 5.0


class IssuerLine:
    """One link to one issuer."""

    def __init__(self, link: IsoLink) -> None:
        self.link = link
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to connect; whoever asks before the issuer is there waits for it, or times out."""
        self._loop = asyncio.get_running_loop()
        await self.link.start()

    async def close(self) -> None:
        """End the link."""
        await self.link.close()

    def exchange(self, _pan: Pan, message: Message) -> Message:
        """The issuer's answer to a tokenisation message, from any thread but the loop's own."""
        if self._loop is None:
            raise UnreachableError("The link to the issuer is not running.")
        request = self.link.request(tokenisation(message), ANSWER_TIMEOUT_S)
        return asyncio.run_coroutine_threadsafe(request, self._loop).result()
