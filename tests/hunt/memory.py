"""The memory of another process, as the kernel shows it to whoever may trace it.

Read is every mapping that holds pages of the process's own: heaps, stacks (with arguments and
environment), arenas, written data of libraries. Pages that are a file's, unchanged, are that file.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)")
_KERNEL = {"[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]"}


def may_read(pid: int) -> bool:
    """Whether this process may read that one's memory."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
    except PermissionError:
        return False
    return True


def regions(pid: int) -> Iterator[tuple[int, int]]:
    """Start and end of every mapping that is worth reading."""
    start = end = 0
    skipped = writable = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = _HEAD.match(line)
        if head is not None:
            start, end = int(head[1], 16), int(head[2], 16)
            writable = head[3].startswith("rw")
            skipped = head[5] in _KERNEL or not head[3].startswith("r")
        elif line.startswith("Anonymous:") and not skipped and (writable or line.split()[1] != "0"):
            yield start, end


def memory(pid: int) -> Iterator[bytes]:
    """Every region's bytes; a region that goes away meanwhile is left out."""
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for start, end in regions(pid):
            try:
                yield os.pread(descriptor, end - start, start)
            except OSError:
                continue
    finally:
        os.close(descriptor)
