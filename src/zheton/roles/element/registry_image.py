"""The registry's records in the element's memory: a domain, the card as a whole, an application."""

from zheton.core.errors import DecodeError
from zheton.core.scp03.keys import SEQUENCE_COUNTER_BYTES, StaticKeys
from zheton.roles.element.registry import (
    AID_BYTES,
    IDENTIFICATION_BYTES_MAX,
    ApplicationState,
    CardState,
    Domain,
    Instance,
    KeySet,
    Registry,
)

_MADE_BYTES = 2


def domain_bytes(domain: Domain) -> bytes:
    """Length and name, failures (1), locked (1); of each key set version (1), counter (3), keys."""
    head = bytes((len(domain.aid),)) + domain.aid + bytes((domain.failures, domain.locked))
    return head + b"".join([_key_set_bytes(each) for each in domain.key_sets])


def domain(value: bytes) -> Domain:
    """The domain in a record; DecodeError if it is cut short or absurd."""
    reader = _Reader(value)
    aid = reader.take(reader.byte(), AID_BYTES)
    failures, locked = reader.byte(), reader.flag()
    sets: list[KeySet] = []
    while reader.left:
        sets.append(_key_set(reader))
    return Domain(aid, tuple(sets), failures, locked)


def registry_bytes(registry: Registry) -> bytes:
    """State (1), laboratory (1), day of manufacture (2); length and value of 42 and of 45."""
    names = (registry.issuer_identification, registry.card_image)
    head = bytes((registry.card_state, registry.laboratory)) + registry.made
    return head + b"".join([bytes((len(each),)) + each for each in names])


def registry(value: bytes) -> Registry:
    """The registry in a record, without its applications; DecodeError if it is none."""
    reader = _Reader(value)
    state, laboratory, made = reader.byte(), reader.flag(), reader.take(_MADE_BYTES)
    names = [reader.take(reader.byte(), range(IDENTIFICATION_BYTES_MAX + 1)) for _ in range(2)]
    if reader.left or state not in list(CardState):
        raise _damaged()
    return Registry(CardState(state), laboratory, (), names[0], names[1], made)


def instance_bytes(instance: Instance) -> bytes:
    """State (1), locked (1), name."""
    return bytes((instance.state, instance.locked)) + instance.aid


def instance(value: bytes) -> Instance:
    """The application in a record; DecodeError if it is none."""
    reader = _Reader(value)
    state, locked = reader.byte(), reader.flag()
    if state not in (ApplicationState.INSTALLED, ApplicationState.SELECTABLE):
        raise _damaged()
    return Instance(reader.take(reader.left, AID_BYTES), ApplicationState(state), locked)


def _key_set_bytes(each: KeySet) -> bytes:
    head = bytes((each.version,)) + each.sequence.to_bytes(SEQUENCE_COUNTER_BYTES)
    keys = each.keys
    return head + bytes((len(keys.enc),)) + keys.enc + keys.mac + keys.dek


def _key_set(reader: "_Reader") -> KeySet:
    version, sequence = reader.byte(), int.from_bytes(reader.take(SEQUENCE_COUNTER_BYTES))
    size = reader.byte()
    enc, mac, dek = (reader.take(size, (16, 24, 32)) for _ in range(3))
    return KeySet(version, StaticKeys(enc, mac, dek), sequence)


class _Reader:
    """Parts of a record one after the other; DecodeError past its end."""

    def __init__(self, value: bytes) -> None:
        self._value, self._at = value, 0

    @property
    def left(self) -> int:
        return len(self._value) - self._at

    def take(self, size: int, sizes: range | tuple[int, ...] | None = None) -> bytes:
        if size > self.left or (sizes is not None and size not in sizes):
            raise _damaged()
        self._at += size
        return self._value[self._at - size : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def flag(self) -> bool:
        value = self.byte()
        if value > 1:
            raise _damaged()
        return bool(value)


def _damaged() -> DecodeError:
    return DecodeError("a part of the registry is none", field="element image", offset=0)
