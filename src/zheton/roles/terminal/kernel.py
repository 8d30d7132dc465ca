"""The kernel: one selected application taken through EMV mode (Contactless Book C-2, chapter 6).

The networks differ in data (AID, action codes, limits, versions), not in code. The order of the
steps is the standard's; each lives in a file of its own. Offline data authentication is not
performed and the TVR says so: every debit goes online or ends here.
"""

from zheton.core.emv import status, tags, tlv
from zheton.core.errors import DecodeError
from zheton.roles.terminal import application, cryptogram, cvm, dialogue, restrictions, risk, sale
from zheton.roles.terminal.application import ProcessingOptions
from zheton.roles.terminal.cvm import Verification
from zheton.roles.terminal.fci import ApplicationFci
from zheton.roles.terminal.outcome import (
    Declined,
    EndApplication,
    OnlineRequest,
    Outcome,
    SelectNext,
)
from zheton.roles.terminal.ports import Card
from zheton.roles.terminal.risk import CryptogramType
from zheton.roles.terminal.state import Setup
from zheton.roles.terminal.terminal_data import terminal_data
from zheton.roles.terminal.tvr import Tvr


def run(card: Card, setup: Setup, selected: ApplicationFci) -> Outcome:
    """What the selected application comes to; CardGoneError if the card leaves on the way."""
    try:
        values = terminal_data(setup)
        command = tlv.encode(
            tags.COMMAND_TEMPLATE, application.requested_data(selected.pdol, values)
        )
        answer = dialogue.get_processing_options(card, command)
        if not answer.ok:
            return SelectNext(
                f"the card refused to start the transaction: {status.meaning(answer.sw)}"
            )
        options = application.processing_options(answer.data)
        if not options.profile.emv_mode:
            return EndApplication("the card speaks magnetic stripe mode only, which is not taken")
        if _above_ceiling(setup, options):
            return SelectNext("the amount is above the contactless limit of this application")
        return _in_emv_mode(card, setup, selected, options)
    except DecodeError as error:
        return EndApplication(f"the card answered with malformed data ({error})")


def _above_ceiling(setup: Setup, options: ProcessingOptions) -> bool:
    """Kernel 2, S3: which ceiling binds depends on who verifies the cardholder."""
    limits = setup.combination.limits
    on_device = options.profile.on_device_verification
    ceiling = limits.transaction_on_device if on_device else limits.transaction
    return setup.transaction.amount.minor > ceiling


def _in_emv_mode(
    card: Card, setup: Setup, selected: ApplicationFci, options: ProcessingOptions
) -> Outcome:
    """Read the application, judge it, ask for a cryptogram (EMV Book 3, chapter 10)."""
    data = application.read_records(card, options)
    identity = sale.identity(data)
    verification = cvm.verify(data, options.profile, setup)
    tvr = (
        Tvr.ODA_NOT_PERFORMED
        | restrictions.check(data, setup)
        | verification.tvr
        | risk.floor_limit(setup)
    )
    asked = risk.action(data, tvr, setup)
    values = data | terminal_data(setup) | _results(tvr, verification)
    command_data = application.requested_data(data[tags.CDOL1], values)
    answer = dialogue.generate_ac(card, asked, command_data)
    if not answer.ok:
        return EndApplication(f"the card made no cryptogram: {status.meaning(answer.sw)}")
    made = cryptogram.read(answer.data)
    got = cryptogram.granted(made, asked)
    record = sale.build(setup, selected, identity, values | made, verification)
    if got is CryptogramType.ARQC:
        return OnlineRequest(record, "the card asks its issuer")
    if asked is CryptogramType.AAC:
        return Declined(record, "this till's rules do not allow the debit")
    return Declined(record, "the card declined")


def _results(tvr: Tvr, verification: Verification) -> dict[int, bytes]:
    return {
        tags.TERMINAL_VERIFICATION_RESULTS: tvr.encode(),
        tags.CVM_RESULTS: verification.results,
    }
