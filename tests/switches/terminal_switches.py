"""Switches of the terminal: what a card has to show before a debit goes to its issuer."""

from collections.abc import Mapping

from tests.switches.switch import Switch, nothing
from zheton.core.emv import tags
from zheton.roles.terminal import relay
from zheton.roles.terminal.relay import _Attempt
from zheton.roles.terminal.risk import CryptogramType
from zheton.roles.terminal.state import RelayTimes
from zheton.roles.terminal.tvr import Tvr

_results = relay._results


def _never_late(attempt: _Attempt, times: RelayTimes, _late: bool) -> Tvr:
    return _results(attempt, times, late=False) & ~Tvr.RELAY_THRESHOLD_EXCEEDED


def _whatever_came(found: Mapping[int, bytes], _asked: CryptogramType) -> CryptogramType:
    return CryptogramType(found[tags.CRYPTOGRAM_INFORMATION_DATA][0] & 0xC0)


TERMINAL: dict[str, Switch] = {
    "never-late": {"zheton.roles.terminal.relay._results": _never_late},
    "certificates-uncovered": {"zheton.core.emv.recovery.verify_equal": nothing},
    "certificates-of-anybody": {"zheton.roles.terminal.authentication._hold": nothing},
    "signatures-of-anything": {"zheton.core.emv.combined.verify_equal": nothing},
    "card-decides": {"zheton.roles.terminal.cryptogram.granted": _whatever_came},
}
