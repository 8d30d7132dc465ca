"""The kernel: one selected application taken through EMV mode (Contactless Book C-2, chapter 6).

The networks differ in data (AID, action codes, limits, versions), not in code. The order of the
steps is the standard's; each lives in a file of its own. Offline data authentication is CDA where
the card has it; whatever it proves, every debit goes online or ends here.
"""

from zheton.core.emv import status, tags, tlv
from zheton.core.errors import DecodeError
from zheton.roles.terminal import (
    application,
    authentication,
    cryptogram,
    cvm,
    dialogue,
    relay,
    restrictions,
    risk,
    sale,
)
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
from zheton.roles.terminal.ports import Card, Timer
from zheton.roles.terminal.risk import CryptogramType
from zheton.roles.terminal.state import Setup
from zheton.roles.terminal.terminal_data import terminal_data
from zheton.roles.terminal.tvr import Tvr

_COMBINED_SIGNATURE = 0x10  # P1 b5 of GENERATE AC: CDA requested (Book 3, table 12)


def run(card: Card, setup: Setup, selected: ApplicationFci, timer: Timer | None) -> Outcome:
    """What the selected application comes to; CardGoneError if the card leaves on the way.

    Without a `timer` relay resistance is not performed, and the TVR says so.
    """
    try:
        wanted = application.requested_data(selected.pdol, terminal_data(setup))
        answer = dialogue.get_processing_options(card, tlv.encode(tags.COMMAND_TEMPLATE, wanted))
        if not answer.ok:
            return SelectNext(
                f"the card refused to start the transaction: {status.meaning(answer.sw)}"
            )
        options = application.processing_options(answer.data)
        if not options.profile.emv_mode:
            return EndApplication("the card speaks magnetic stripe mode only, which is not taken")
        if _above_ceiling(setup, options):
            return SelectNext("the amount is above the contactless limit of this application")
        measured = relay.resist(card, options.profile, setup, timer)
        return _in_emv_mode(card, measured, selected, options, wanted)
    except DecodeError as error:
        return EndApplication(f"the card answered with malformed data ({error})")


def _above_ceiling(setup: Setup, options: ProcessingOptions) -> bool:
    """Kernel 2, S3: which ceiling binds depends on who verifies the cardholder."""
    limits = setup.combination.limits
    on_device = options.profile.on_device_verification
    ceiling = limits.transaction_on_device if on_device else limits.transaction
    return setup.transaction.amount.minor > ceiling


def _in_emv_mode(
    card: Card,
    measured: relay.Measured,
    selected: ApplicationFci,
    options: ProcessingOptions,
    pdol_values: bytes,
) -> Outcome:
    """Read the application, judge it, ask for a cryptogram (EMV Book 3, chapter 10)."""
    setup = measured.setup
    said = application.read_records(card, options)
    data, trust = said.data, authentication.establish(said, options.profile, setup)
    identity = sale.identity(data)
    verification = cvm.verify(data, options.profile, setup)
    tvr = (
        trust.tvr
        | measured.tvr
        | restrictions.check(data, setup)
        | verification.tvr
        | risk.floor_limit(setup)
    )
    asked = risk.action(data, tvr, setup)
    values = {**data, **terminal_data(setup), **_results(tvr, verification)}
    command_data = application.requested_data(data[tags.CDOL1], values)
    signing = trust.key is not None and asked is not CryptogramType.AAC
    answer = dialogue.generate_ac(card, asked | _COMBINED_SIGNATURE * signing, command_data)
    if not answer.ok:
        return EndApplication(f"the card made no cryptogram: {status.meaning(answer.sw)}")
    made = cryptogram.read(answer.data, signing=signing)
    got = cryptogram.granted(made.values, asked)
    values |= made.values
    if trust.key is not None and got is CryptogramType.ARQC:
        signed = authentication.signed_cryptogram(
            trust.key, made.objects, (pdol_values, command_data), setup, measured.figures
        )
        if signed is None:
            return Declined(None, "the card did not prove that it is the one its issuer made")
        values[tags.APPLICATION_CRYPTOGRAM] = signed
    record = sale.build(setup, selected, identity, values, verification)
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
