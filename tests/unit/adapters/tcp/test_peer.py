"""What a throttle may hold a connection by: no address that its far end can choose anew."""

import pytest

from zheton.adapters.tcp.server import Peer


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_line_is_what_cannot_be_chosen(host: str, line: str) -> None:
    assert Peer(host, 40_000).line == line
