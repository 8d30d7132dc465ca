"""A disk that loses its power: what a program's calls leave behind, in every way they can.

It stands in for the functions of `os` that the element's memory calls. As on a real disk, what was
written lies in a cache until it is flushed, and so does what happened to names: `fsync` of a file
keeps its bytes, `fsync` of a folder keeps its names. At a cut, every byte-wise beginning of what
was not flushed may have reached the disk, and every choice of the changes of names.
"""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from zheton.adapters import element_memory

FOLDER = Path("/memory")
_Names = dict[str, int]


@dataclass
class _Inode:
    """A file's bytes: those on the disk, and those that the system shows."""

    kept: bytes = b""
    shown: bytes = b""


@dataclass(frozen=True)
class _Change:
    """What a call did to names: one appears (`inode`), another goes."""

    appears: str = ""
    inode: int = 0
    goes: str = ""

    def on(self, names: _Names) -> _Names:
        changed = {name: inode for name, inode in names.items() if name != self.goes}
        return {**changed, self.appears: self.inode} if self.appears else changed


@dataclass
class Disk:
    """One folder on a disk, by the names of `os`; `watch` is called after every call of them."""

    kept: _Names = field(default_factory=dict)
    inodes: dict[int, _Inode] = field(default_factory=dict)
    changes: list[_Change] = field(default_factory=list)
    watch: Callable[[], None] = lambda: None

    O_RDONLY, O_WRONLY, O_CREAT, O_EXCL = os.O_RDONLY, os.O_WRONLY, os.O_CREAT, os.O_EXCL

    def __post_init__(self) -> None:
        self._open: dict[int, tuple[int | None, int]] = {}  # inode (None: the folder), position
        self._descriptors = itertools.count(3)

    @classmethod
    def holding(cls, files: dict[str, bytes]) -> "Disk":
        """A disk after a start, with these files on it."""
        numbered = list(enumerate(files.items()))
        return cls(
            {name: at for at, (name, _) in numbered},
            {at: _Inode(content, content) for at, (_, content) in numbered},
        )

    def cuts(self) -> Iterator[dict[str, bytes]]:
        """The files that may be there after a cut now."""
        for count in range(len(self.changes) + 1):
            for happened in itertools.combinations(self.changes, count):
                names = self.kept
                for change in happened:
                    names = change.on(names)
                yield from self._contents(names)

    def _contents(self, names: _Names) -> Iterator[dict[str, bytes]]:
        def possible(inode: _Inode) -> list[bytes]:
            if inode.kept == inode.shown:
                return [inode.kept]
            return [inode.shown[:end] for end in range(len(inode.shown) + 1)]

        choices = [possible(self.inodes[inode]) for inode in names.values()]
        for contents in itertools.product(*choices):
            yield dict(zip(names, contents, strict=True))

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        assert path == FOLDER or mode in (0o600, 0o777)
        descriptor = next(self._descriptors)
        inode = None if path == FOLDER else self._inode(path.name, flags)
        self._open[descriptor] = (inode, 0)
        return descriptor

    def read(self, descriptor: int, count: int) -> bytes:
        inode, position = self._opened(descriptor)
        part = self.inodes[inode].shown[position : position + count]
        self._open[descriptor] = (inode, position + len(part))
        return part

    def write(self, descriptor: int, content: bytes) -> int:
        """As the system may: half of it at a time."""
        inode, _ = self._opened(descriptor)
        part = content[: max(1, len(content) // 2)]
        self.inodes[inode].shown += part
        self.watch()
        return len(part)

    def fsync(self, descriptor: int) -> None:
        inode, _ = self._open[descriptor]
        if inode is None:
            self.kept, self.changes = self._names(), []
        else:
            self.inodes[inode].kept = self.inodes[inode].shown
        self.watch()

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def replace(self, source: Path, target: Path) -> None:
        names = self._names()
        self.changes.append(_Change(target.name, names[source.name], source.name))
        self.watch()

    def unlink(self, path: Path) -> None:
        if path.name not in self._names():
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        self.changes.append(_Change(goes=path.name))
        self.watch()

    def _names(self) -> _Names:
        names = self.kept
        for change in self.changes:
            names = change.on(names)
        return names

    def _inode(self, name: str, flags: int) -> int:
        found = self._names().get(name)
        if found is None and not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        if found is not None and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, "it is there", name)
        if found is not None:
            return found
        fresh = len(self.inodes)
        self.inodes[fresh] = _Inode()
        self.changes.append(_Change(name, fresh))
        self.watch()
        return fresh

    def _opened(self, descriptor: int) -> tuple[int, int]:
        inode, position = self._open[descriptor]
        assert inode is not None, "a folder is neither read nor written"
        return inode, position


@contextmanager
def running_on(disk: Disk) -> Iterator[None]:
    """The element's memory calls this disk, and no system."""
    with mock.patch.object(element_memory, "os", disk):
        yield
