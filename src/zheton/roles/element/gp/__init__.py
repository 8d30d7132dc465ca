"""The card manager of GlobalPlatform 2.3.1: both security domains and what each command does.

`interface` takes commands, finds their domain and keeps what a link remembers; `channel` opens
sessions (SCP03), unwraps commands and counts what it refuses. One file a command after that:
`install`, `delete`, `set_status`, `put_key`, `store_data`, `get_data`, `get_status`. Those that
change something take the state and return another, which `interface` makes durable at once.
"""
