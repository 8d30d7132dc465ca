"""Each row of docs/security-properties.md: its test fails once its switch is on.

That the test passes with the switch off is what the suite shows anyway. All rows run in one inner
session of pytest, each under its own switch; the product knows nothing of switches.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.switches.element_switches import ELEMENT
from tests.switches.switch import Switch
from tests.switches.terminal_switches import TERMINAL
from tests.switches.vault_switches import VAULT

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "security-properties.md"
SWITCHES: dict[str, Switch] = {**ELEMENT, **TERMINAL, **VAULT}
_ROW = re.compile(
    r"^\|[^|]+\|[^|]+\| `(?P<test>[\w/]+\.py::\w+)` \| `(?P<switch>[a-z-]+)` \|$", re.M
)
_HEADING = re.compile(r"^\|(---| property)")


@dataclass(frozen=True)
class Row:
    """A property's test, by node id under `tests/`, and the switch that it has to notice."""

    test: str
    switch: str


ROWS = [Row(**found.groupdict()) for found in _ROW.finditer(PAGE.read_text("utf-8"))]


class Switched:
    """A plugin of the inner session: runs each test under its switch and keeps what it came to."""

    def __init__(self) -> None:
        self.reports: dict[str, list[pytest.TestReport]] = {row.test: [] for row in ROWS}
        self._switches = {row.test: SWITCHES[row.switch] for row in ROWS}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        with pytest.MonkeyPatch.context() as patch:
            for name, stand_in in self._switches[row_test(item.nodeid)].items():
                patch.setattr(name, stand_in)
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports[row_test(report.nodeid)].append(report)


def row_test(nodeid: str) -> str:
    """The test as the page names it: without its parameters and without `tests/`."""
    return nodeid.partition("[")[0].removeprefix("tests/")


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Switched:
    """Every row's test, run once under its switch."""
    plugin = Switched()
    folder = tmp_path_factory.mktemp("switched")
    options = ["--override-ini=addopts=", "--import-mode=importlib", f"--rootdir={ROOT}"]
    options += ["-p", "no:cacheprovider", "-q", "--no-header", "--tb=no"]
    tests = [str(ROOT / "tests" / row.test) for row in ROWS]
    code = pytest.main([*options, f"--basetemp={folder}/inner", *tests], plugins=[plugin])
    assert code == pytest.ExitCode.TESTS_FAILED, "the page names a test that is not there"
    return plugin


def test_the_page_is_read_whole() -> None:
    """Every line of a table is a row; each test and each switch is in one of them."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len([line for line in lines if not _HEADING.match(line)]) == len(ROWS)
    assert len({row.test for row in ROWS}) == len(ROWS)
    assert {row.switch for row in ROWS} == set(SWITCHES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.switch)
def test_without_its_protection_a_property_fails(row: Row, switched: Switched) -> None:
    reports = switched.reports[row.test]
    failed = [report for report in reports if report.failed]
    assert failed, f"{row.test} does not notice {row.switch}"
    # A switch that breaks what the test needs, and not what it shows, proves nothing.
    assert {report.when for report in failed} == {"call"}
