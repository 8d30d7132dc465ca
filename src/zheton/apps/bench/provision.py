"""`bench provision`: a band that is empty gets its card and its first numbers.

One provisioning is: the chip's counter asked for, numbers leased and wrapped by the token service,
every command run by the chip, with its memory flushed to a file, and the package confirmed. In one
process; through Bluetooth, from the search for the band to the end of the link; and through PC/SC,
as a factory's reader would, where its programs are installed. Each time it is another card on
another band, which makes a debit afterwards.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from zheton.adapters.ble.extra import require_bluetooth
from zheton.adapters.element_memory import FileMemory
from zheton.apps.bench.cards import batches_of, desk_of, issue
from zheton.apps.bench.reader import BandReader, why_no_reader
from zheton.apps.bench.report import Check, Report, Setting, percentile
from zheton.apps.bench.tap import NETWORK, Wrist, new_wrist, verified
from zheton.apps.wiring import Installation
from zheton.core.decline import Decline
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.scp03.host import initialize_update
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import CHALLENGE_BYTES
from zheton.core.token.batch import BATCH_SIZE
from zheton.core.token.lifecycle import BatchStatus
from zheton.roles.element.element import Interface
from zheton.roles.tsp.provision import provision, provisioned

WARM_UP = 2  # bands that are filled, checked and not timed

Exchange = Callable[[bytes], bytes]
Fill = Callable[[Wrist], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """The bands that one way filled, and what each took."""

    took_ms: tuple[float, ...]
    wrists: tuple[Wrist, ...]


def bench_provision(count: int) -> Report:
    """Fill `count` bands in process, and as many by each way that this machine has."""
    lacking = {"": None, "ble_": _why_no_bluetooth(), "pcsc_": why_no_reader()}
    done: dict[str, Filled] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="zheton-bench-")))
        on = Installation(folder)
        ways = [way for way in _WAYS if lacking[way] is None]
        wrists = _wrists(on, folder, len(ways) * (1 + WARM_UP + count))
        for way in ways:
            with _WAYS[way](next(wrists), folder) as fill:
                done[way] = _filled(fill, wrists, count)
        checks = [check for filled in done.values() for check in _checks(filled)]
    figures = {
        f"{way}provision_ms_median": percentile(done[way].took_ms, 50) if way in done else None
        for way in _WAYS
    }
    settings: dict[str, Setting] = {
        "bands": count,
        "numbers": BATCH_SIZE,
        "network": NETWORK,
        "memory": "a file, flushed",
        "ble": lacking["ble_"] or "two stacks on a virtual air; from the search to the end",
        "pcsc": lacking["pcsc_"] or "pcscd and vpcd of its own, T=1, to the host interface",
    }
    return Report("provision", figures, settings, checks)


@contextmanager
def _in_process(_spare: Wrist, _folder: Path) -> Iterator[Fill]:
    yield lambda wrist: _fill(
        wrist,
        lambda command: wrist.element.transmit(Interface.HOST, command, wrist.on.clock.now()),
    )


@contextmanager
def _by_air(spare: Wrist, folder: Path) -> Iterator[Fill]:
    from zheton.apps.bench.air import BandAir, WornElement

    worn = WornElement(spare.element, spare.on.clock)
    with BandAir(worn, folder) as air:

        def fill(wrist: Wrist) -> None:
            worn.element = wrist.element
            air.with_link(lambda exchange: _fill(wrist, exchange))

        yield fill


@contextmanager
def _by_reader(spare: Wrist, folder: Path) -> Iterator[Fill]:
    reader = BandReader(spare.element, Lock(), spare.on.clock, folder, Interface.HOST)
    with reader:

        def fill(wrist: Wrist) -> None:
            reader.element = wrist.element
            reader.with_card(lambda card: _fill(wrist, card.transceive))

        yield fill


_WAYS: Mapping[str, Callable[[Wrist, Path], AbstractContextManager[Fill]]] = {
    "": _in_process,
    "ble_": _by_air,
    "pcsc_": _by_reader,
}  # by what their figures begin with


def _wrists(on: Installation, folder: Path, count: int) -> Iterator[Wrist]:
    for number, card in enumerate(issue(on, count)):
        yield new_wrist(on, card, FileMemory(folder / f"{number}.se"))


def _filled(fill: Fill, wrists: Iterator[Wrist], count: int) -> Filled:
    took, filled = [], []
    for wrist in islice(wrists, WARM_UP + count):
        before = time.perf_counter()
        fill(wrist)
        took.append((time.perf_counter() - before) * 1000)
        filled.append(wrist)
    return Filled(tuple(took[WARM_UP:]), tuple(filled))


def _fill(wrist: Wrist, exchange: Exchange) -> None:
    """One provisioning; ConflictError, and a bench without figures, if anybody refuses."""
    on, enrolment = wrist.on, wrist.card.enrolment
    desk, device = desk_of(on), wrist.card.device.id
    counter = _counter(exchange, on.entropy.take(CHALLENGE_BYTES))
    now = on.clock.now()
    package = provision(desk, enrolment.id, device, counter=counter, batches=1, now=now)
    if isinstance(package, Decline):
        raise ConflictError(f"The bench's card gets no numbers: {package.text}")
    for command in package.commands:
        _accepted(exchange, command)
    provisioned(desk, enrolment.id, on.clock.now())


def _counter(exchange: Exchange, challenge: bytes) -> int:
    """What the chip's payment domain counts (GPC Amendment D, 7.1.1.6)."""
    select = Command(0x00, 0xA4, 0x04, 0x00, PAYMENT_DOMAIN_AID, le=256)
    _accepted(exchange, select.encode())
    answer = _accepted(exchange, initialize_update(challenge).encode())
    return InitializeUpdateResponse.decode(answer.data).sequence_counter or 0


def _accepted(exchange: Exchange, command: bytes) -> Response:
    answer = Response.decode(exchange(command))
    if not answer.ok:
        raise ConflictError(f"The bench's band refused its package ({answer.sw:04X}).")
    return answer


def _checks(filled: Filled) -> list[Check]:
    wrists = filled.wrists
    return [
        Check(
            "every band holds all its numbers",
            all(wrist.element.credentials_left() == BATCH_SIZE for wrist in wrists),
        ),
        Check("the token service knows it", all(_confirmed(wrist) for wrist in wrists)),
        Check("every band makes a right cryptogram", all(_pays(wrist) for wrist in wrists)),
    ]


def _confirmed(wrist: Wrist) -> bool:
    batches = batches_of(wrist.on, wrist.card)
    return [batch.status for batch in batches] == [BatchStatus.PROVISIONED]


def _pays(wrist: Wrist) -> bool:
    if wrist.element.credentials_left() == 0:
        return False
    wrist.arm()
    _, sale = wrist.present(wrist)
    return verified(wrist, [sale]) == {sale.number}


def _why_no_bluetooth() -> str | None:
    try:
        require_bluetooth()
    except ConfigurationError as error:
        return str(error)
    return None
