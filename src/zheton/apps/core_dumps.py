"""No core dumps: the memory of a process that crashes holds keys and card numbers, a file must not.

Where the kernel pipes dumps to a program (`core_pattern` begins with |) this limit does not bind
it: the host's owner has to switch that off (docs/threat-model.md).
"""

import sys


def forbid() -> None:
    """Let the kernel write no core file of this process and those that it starts."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
