"""The file of throttling: what it may say, and complaints that name what is wrong."""

import pytest

from zheton.adapters.throttle_file import load_throttling
from zheton.core.errors import ConfigurationError
from zheton.roles.network.throttle import Allowance, Throttling

GOOD = """
entries_max = 5000
line = {burst = 3, seconds = 1, earned = 0}
acquirer = {burst = 2, seconds = 2.5, earned = 0.5}
terminal = {burst = 1, seconds = 60, earned = 1}
"""


def test_what_it_says() -> None:
    assert load_throttling(GOOD) == Throttling(
        Allowance(3, 1.0, 0.0), Allowance(2, 2.5, 0.5), Allowance(1, 60.0, 1.0), 5000
    )


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("entries_max = 5000", "", "entries_max"),
        ("5000", "true", "entries_max"),
        ("5000", "1", "entries_max"),
        ("burst = 3", "burst = 0", r"burst of \[line\]"),
        ("burst = 3", "burst = 1.5", r"burst of \[line\]"),
        ("seconds = 2.5", "seconds = 0", r"seconds of \[acquirer\]"),
        ("earned = 1", "earned = 2", r"earned of \[terminal\]"),
        ("earned = 1", "earnt = 1", r"\[terminal\] needs exactly"),
        ("line =", "lines =", "needs exactly"),
        ("{burst = 3", "[burst = 3", "no TOML"),
    ],
)
def test_a_mistake_is_named(before: str, after: str, complaint: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigurationError, match=complaint):
        load_throttling(GOOD.replace(before, after))
