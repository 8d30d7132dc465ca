"""`zheton pos`: a till on a PC/SC reader, for whatever card comes: our band or anybody's."""

from pathlib import Path
from typing import Annotated

import typer

from zheton.adapters.acquirer_http import Authorisation, authorise
from zheton.adapters.authority_file import read_authorities
from zheton.adapters.clock import SystemClock
from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.pcsc import Reader, readers
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.wiring import AUTHORITIES_FILE, DEFAULT_DATA
from zheton.core.country import country as country_of
from zheton.core.errors import DecodeError, RefusedError, UnreachableError
from zheton.core.money import BY_NUMERIC, Money, currency, money
from zheton.roles.terminal.completion import complete
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import Approved, Declined, OnlineRequest, Outcome, Sale
from zheton.roles.terminal.state import Authority, TerminalConfig, Transaction

ACQUIRER = "http://127.0.0.1:8483"
_SEQUENCE_MODULUS = 10**8  # 9F41 is n 8 at most


def pos(
    amount: Annotated[str, typer.Option(help="What to charge, such as 350 or 12.50.")] = "350",
    currency_code: Annotated[str, typer.Option("--currency", help="ISO 4217.")] = "RUB",
    country: Annotated[str, typer.Option(help="Where the till stands: ISO 3166.")] = "RU",
    reader: Annotated[str | None, typer.Option(help="A part of the reader's name.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the readers and end.")] = False,
    acquirer: Annotated[str, typer.Option(help="The acquirer's address.")] = ACQUIRER,
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait.")] = 60,
    terminal: Annotated[Path | None, typer.Option(help="A till's file; else the lab's.")] = None,
) -> None:
    """Charge the card that comes to a PC/SC reader; exit status 0 only if it was approved."""
    if listing:
        typer.echo("\n".join(readers()) or "No reader is connected.")
        return
    charge = money(amount, currency_code)
    till = load_terminal(
        country_of(country), currency(currency_code), terminal, _authorities(terminal)
    )
    with Reader(reader) as place:
        typer.echo(f"{charge}: present the card at {place.name}")
        with place.wait_for_card(wait) as card:
            outcome = tap(card, till, transaction_of(charge), SystemClock())
    typer.echo(outcome.message.text)
    answer = None
    if isinstance(outcome, OnlineRequest):
        outcome, answer = settle(outcome, till, acquirer)
        typer.echo(outcome.message.text)
    typer.echo(receipt(outcome, till, answer))
    if not isinstance(outcome, Approved):
        raise typer.Exit(1)


def _authorities(terminal: Path | None) -> tuple[Authority, ...]:
    """The authorities that the till trusts, from beside its file, or the lab's.

    Without a file of them it authenticates no card.
    """
    file = (terminal.parent if terminal else DEFAULT_DATA) / AUTHORITIES_FILE
    return read_authorities(file) if file.exists() else ()


def transaction_of(charge: Money) -> Transaction:
    """A debit of this amount here and now.

    The seconds of the clock are the sequence counter: rising, and never kept.
    """
    now = SystemClock().now()
    local, entropy = now.astimezone(), SystemEntropy()
    return Transaction(
        charge,
        local.date(),
        local.time(),
        entropy.take(4),
        int(now.timestamp()) % _SEQUENCE_MODULUS,
        further_numbers=(entropy.take(4), entropy.take(4)),
    )


def settle(
    request: OnlineRequest, till: TerminalConfig, acquirer: str
) -> tuple[Approved | Declined, Authorisation | None]:
    """What the issuer's answer makes of an online request; a decline if there is none."""
    try:
        answer = authorise(acquirer, till.terminal_id, request.sale)
    except (UnreachableError, RefusedError, DecodeError) as error:
        typer.echo(str(error), err=True)
        return complete(request, None), None
    code = answer.response_code or None  # nobody was reached: no code
    return complete(request, code, answer.issuer_authentication_data), answer


def receipt(outcome: Outcome, till: TerminalConfig, answer: Authorisation | None) -> str:
    """What the till prints; of the number the last four digits."""
    lines = [till.merchant_name, f"terminal {till.terminal_id}", f"outcome  {outcome.reason}"]
    if isinstance(outcome, Approved | Declined | OnlineRequest) and outcome.sale:
        lines += _about(outcome.sale)
    if answer:
        named = (("code", answer.response_code), ("auth", answer.auth_code), ("rrn", answer.rrn))
        lines += [f"{name:8} {value}" for name, value in named if value]
        lines += [answer.text] if answer.text else []
    if isinstance(outcome, Approved) and outcome.sale.signature:
        lines.append("signature ______________________")
    return "\n".join(lines)


def _about(sale: Sale) -> list[str]:
    amount = Money(sale.amount_minor, BY_NUMERIC[sale.currency])
    return [
        f"amount   {amount}",
        f"card     {sale.label} **** {sale.last4}",
        f"aid      {sale.aid.hex().upper()}",
        f"tvr      {sale.tvr.hex().upper()}  cvm {sale.cvm_results.hex().upper()}",
    ]
