"""The log of a whole chain: what a debit leaves in it, and what its owner and an auditor get."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.chain_lab import ANNA, LI, Chain, flow
from zheton.apps.cli.audit import app
from zheton.core.token.audit.inspect import Stored

REVERSAL, REVERSAL_ACCEPTED = "0400", "00"


def run(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def entries(chain: Chain) -> list[Stored]:
    """All entries of all buckets, in the order of time within each."""
    log = chain.lab.installation.audit_log
    found: list[Stored] = []
    for bucket in sorted(log.tips()):
        with log.reading(bucket) as view:
            found += view.rows()
    return found


def purposes(chain: Chain) -> list[str]:
    return [str(row.what.purpose) for row in entries(chain)]


def test_a_debit_leaves_one_entry_and_its_clearing_another(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        enrolled = purposes(chain)
        assert set(enrolled) <= {"enrolment", "xray"}
        assert enrolled.count("enrolment") == 2  # it came in; its issuer was told that it pays
        request = await chain.tapped(holding)
        chain.clock.advance(timedelta(seconds=5))
        assert await chain.ask(request) == "00"
        (line,) = chain.vault("SELECT * FROM debit")
        fresh = entries(chain)[len(enrolled) :]
        (entry,) = [row.what for row in fresh]
        assert (entry.purpose, entry.reference) == ("authorisation", line["debit"])
        assert (entry.bin, entry.index) == (line["bin"], line["number_index"])
        assert (entry.card, entry.at_ms) == (line["card"], line["received_ms"])
        assert entry.who.startswith("network ")
        assert str(request[2]) not in repr(entries(chain))

        # Nothing is resolved for a repeat or a replay, and nothing is written.
        assert await chain.ask(request) == "00"
        assert await chain.ask(request.with_fields({11: "777777"})) != "00"
        assert len(entries(chain)) == len(enrolled) + 1

        told = await chain.debit(holding, "moscow", "120")
        assert told.approved
        before = purposes(chain)
        await chain.lab.close_day(chain.clock.now().date())
        cleared = [row.what for row in entries(chain)[len(before) :]]
        assert [what.purpose for what in cleared] == ["clearing"]
        kept = {each["debit"] for each in chain.vault("SELECT debit FROM debit")}
        assert cleared[0].reference in kept

    flow(tmp_path, test)


def test_a_reversal_is_an_entry_when_its_issuer_hears_of_it(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        request = await chain.tapped(await chain.settle(ANNA))
        assert await chain.ask(request) == "00"
        named = f"0100{request.text(11)}{request.text(7)}{request.text(32):0>11}{'0' * 11}"
        fields = {n: request[n] for n in (2, 3, 4, 7, 32, 37, 41, 42, 49)}
        undo = type(request)(REVERSAL, {**fields, 11: "888888", 90: named})
        assert await chain.ask(undo) == REVERSAL_ACCEPTED
        while chain.vault("SELECT debit FROM debit WHERE reversal_due"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        (line,) = chain.vault("SELECT * FROM debit")
        reversals = [r.what for r in entries(chain) if r.what.purpose == "reversal"]
        assert {what.reference for what in reversals} == {line["debit"]}

    flow(tmp_path, test)


def test_owner_and_auditor_get_what_they_ask_for(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "proof.json"

    async def test(chain: Chain) -> None:
        for resident in (ANNA, LI):
            await chain.settle(resident)
        assert await chain.ask(await chain.tapped(await chain.settle(ANNA))) == "00"

    flow(data, test)  # its end signs what was not signed before
    public = data / "audit.public"
    status, told = run("verify", "--data", data)
    assert status == 0, told
    assert "0 entries are newer" in told

    with closing(sqlite3.connect(data / "vault.db")) as connection:
        query = "SELECT lower(hex(card)) FROM audit_entry WHERE purpose = 'authorisation'"
        ((card,),) = connection.execute(query).fetchall()
    status, told = run("card", card, "--data", data, "--out", out)
    assert status == 0
    assert "authorisation" in told
    assert run("card", card, "--data", data)[1].strip() == out.read_text().strip()
    assert run("check-proof", out, "--key", public) == (0, told)
    assert run("checkpoint", "--data", data)[0] == 0

    proof = json.loads(out.read_text())
    proof["entries"].pop()
    out.write_text(json.dumps(proof))
    status, told = run("check-proof", out, "--key", public)
    assert (status, told.split(":")[0]) == (1, "The proof does not hold")

    with closing(sqlite3.connect(data / "vault.db")) as connection, connection:
        connection.execute("UPDATE audit_entry SET who = 'x' WHERE purpose = 'authorisation'")
    status, told = run("verify", "--data", data)
    assert status == 1
    assert "it was edited, moved or put in" in told
