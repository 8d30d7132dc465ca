"""`zheton bench provision` once, small; and its checks see a band that got nothing."""

import json
from pathlib import Path

from typer.testing import CliRunner

from zheton.adapters.element_memory import TransientMemory
from zheton.apps.bench.cards import fill, issue
from zheton.apps.bench.provision import Filled, _checks, _fill
from zheton.apps.bench.reader import why_no_reader
from zheton.apps.bench.tap import Wrist, new_wrist
from zheton.apps.cli.main import app
from zheton.apps.wiring import Installation
from zheton.roles.element.element import Interface


def test_bench_provision_prints_its_figures() -> None:
    result = CliRunner().invoke(app, ["bench", "provision", "--count", "1", "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)
    figures = printed["figures"]
    assert printed["bench"] == "provision"
    assert set(figures) == {
        "provision_ms_median",
        "ble_provision_ms_median",
        "pcsc_provision_ms_median",
    }
    assert 0 < figures["provision_ms_median"] < figures["ble_provision_ms_median"]
    missing = why_no_reader()
    assert (figures["pcsc_provision_ms_median"] is None) is (missing is not None)
    assert missing is None or printed["settings"]["pcsc"] == missing


def test_a_band_that_got_nothing_is_seen(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    done, missed = (new_wrist(on, card, TransientMemory()) for card in issue(on, 2))
    _fill(done, lambda command: done.element.transmit(Interface.HOST, command, on.clock.now()))
    assert broken(done) == []
    fill(on, missed.card)  # the token service thinks so, and the band does not
    assert broken(missed) == [
        "every band holds all its numbers",
        "every band makes a right cryptogram",
    ]


def broken(*wrists: Wrist) -> list[str]:
    """The claims that do not hold of these bands."""
    return [each.claim for each in _checks(Filled((), wrists)) if not each.held]
