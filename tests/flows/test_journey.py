"""The journey of `zheton demo` completes, and one that breaks says in which leg."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.chain_lab import LAUNCHED, Chain, flow
from zheton.apps.cli.main import app
from zheton.apps.lab.journey import LEGS, Journey, Leg
from zheton.apps.lab.people import cardholder
from zheton.apps.trace import Crossing
from zheton.core.money import money
from zheton.roles.issuer.ports import Changes
from zheton.roles.issuer.state import AccountStatus

Sabotage = Callable[[Chain, Journey], None]
REFUSING = """
name = "broken"
version = 1
[[rule]]
name = "shut"
allow = false
{selector}
text = "shut for this test"
[[rule]]
name = "open"
allow = true
text = "open for this test"
"""


def walk(
    folder: Path, *, after: str = "", sabotage: Sabotage | None = None, policy: str = ""
) -> list[Leg]:
    """The legs of a journey that is sabotaged before it begins, or after a leg."""
    told: list[Leg] = []
    file = folder / "policy.toml"
    if policy:
        file.write_text(REFUSING.format(selector=policy))

    async def test(chain: Chain) -> None:
        journey = Journey(chain.lab, chain.people)
        if sabotage is not None and not after:
            sabotage(chain, journey)

        def tell(leg: Leg) -> None:
            told.append(leg)
            if sabotage is not None and leg.name == after:
                sabotage(chain, journey)

        story = await journey.walk(tell)
        assert story.legs == told
        assert story.complete is all(leg.happened for leg in told)

    flow(folder / "data", test, policy=file if policy else None)
    return told


def broken_leg(legs: list[Leg]) -> Leg:
    """The leg that failed: the only one, and the last."""
    assert [leg.happened for leg in legs] == [True] * (len(legs) - 1) + [False]
    return legs[-1]


def test_every_leg_of_the_journey_happens(tmp_path: Path) -> None:
    legs = walk(tmp_path)
    assert [leg.name for leg in legs] == list(LEGS)
    assert all(leg.happened for leg in legs), legs
    texts = {leg.name: leg.text for leg in legs}
    assert "350.00 RUB" in texts["tap"] and "350.00 RUB" in texts["clear"]
    numbers = {texts[leg].split("number ")[1][:16] for leg in ("tap", "online")}
    assert len(numbers) == 2


@pytest.mark.parametrize(
    ("selector", "leg"),
    [
        ('regions = ["RU"]', "enrol"),
        ('regions = ["RU"]\nmoments = ["provisioning"]', "provision"),
        ('regions = ["RU"]\nmoments = ["debit"]', "tap"),
        ('regions = ["RU"]\nmoments = ["debit"]\nchannels = ["online"]', "online"),
    ],
)
def test_a_policy_that_refuses_stops_the_journey_there(
    tmp_path: Path, selector: str, leg: str
) -> None:
    failed = broken_leg(walk(tmp_path, policy=selector))
    assert failed.name == leg
    assert "shut for this test" in failed.text or "response code 57" in failed.text


def test_before_the_launch_the_journey_ends_at_enrolment(tmp_path: Path) -> None:
    told: list[Leg] = []

    async def test(chain: Chain) -> None:
        story = await Journey(chain.lab, chain.people).walk(told.append)
        assert not story.complete

    flow(tmp_path, test, moment=LAUNCHED.replace(month=8, day=1))
    assert broken_leg(told).name == "enrol"
    assert "2019-08-31" in told[0].text or "31 August 2019" in told[0].text


def block_the_account(chain: Chain, _journey: Journey) -> None:
    """The issuer blocks the traveller's card."""
    with chain.lab.installation.issuer.transaction() as transaction:
        (anna,) = (a for a in transaction.accounts() if a.id == "anna")
        blocked = replace(anna, status=AccountStatus.BLOCKED)
        transaction.apply(Changes(accounts=[blocked]))


def stop_the_wallet(chain: Chain, _journey: Journey) -> None:
    """The wallet's server leaves, as if its process had ended."""
    running = chain.lab.wallet._server
    running.should_exit = True
    for listener in running.servers:
        listener.close()
    for connection in list(running.server_state.connections):
        assert connection.transport is not None
        connection.transport.abort()


def empty_the_band(chain: Chain, journey: Journey) -> None:
    """Every number of the band goes into torn taps, and no sync brings more."""
    phone = chain.people.phone("anna")
    while phone.band.element.credentials_left():
        phone.arm(journey._card)
        till = chain.lab.merchants.till("moscow")
        chain.lab.counter.present(phone.band.element, till, money("1", "RUB"))
    phone.fill = lambda card: None  # type: ignore[method-assign]


def lose_the_history(chain: Chain, _journey: Journey) -> None:
    """The wallet forgets what it was told of debits."""
    _forget(chain, "wallet", "notices")


def lose_the_sale(chain: Chain, _journey: Journey) -> None:
    """The acquirer forgets what it sold."""
    _forget(chain, "acquirer", "sales")


def _forget(chain: Chain, party: str, table: str) -> None:
    with closing(sqlite3.connect(chain.lab.installation.data / f"{party}.db")) as connection:
        assert connection.execute(f"DELETE FROM {table}").rowcount > 0  # noqa: S608 our own names
        connection.commit()


def leak_the_card(_chain: Chain, journey: Journey) -> None:
    """The till tells its acquirer the card number."""
    pan = cardholder("anna").pan.reveal().encode()
    journey._crossings.append(Crossing(0.0, "terminal", "acquirer", "internal", pan))


@pytest.mark.parametrize(
    ("sabotage", "after", "leg", "text"),
    [
        (block_the_account, "", "enrol", "issuer"),
        (stop_the_wallet, "", "enrol", "does not answer"),
        (stop_the_wallet, "enrol", "provision", "does not answer"),
        (block_the_account, "provision", "tap", "response code 62"),
        (empty_the_band, "provision", "tap", "No payments left"),
        (stop_the_wallet, "tap", "wallet", "does not answer"),
        (lose_the_history, "tap", "wallet", "exactly one debit"),
        (lose_the_sale, "wallet", "clear", "did not clear"),
        (block_the_account, "clear", "online", "response code 62"),
        (leak_the_card, "online", "secrecy", "acquirer"),
    ],
)
def test_a_broken_party_stops_the_journey_there(
    tmp_path: Path, sabotage: Sabotage, after: str, leg: str, text: str
) -> None:
    failed = broken_leg(walk(tmp_path, after=after, sabotage=sabotage))
    assert failed.name == leg
    assert text in failed.text


def test_the_command_says_the_same_by_its_status(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(REFUSING.format(selector='regions = ["RU"]'))
    command = [sys.executable, "-m", "zheton.apps.cli.main", "demo", "--json"]
    refused = subprocess.run(
        [*command, "--policy", str(policy)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode == 1
    story = json.loads(refused.stdout)
    assert story["complete"] is False
    assert [leg["name"] for leg in story["legs"]] == ["enrol"]
    assert "shut for this test" in story["legs"][0]["text"]
    whole = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["complete"] is True
    assert whole.stderr == ""


def test_the_way_into_the_chip_is_shown_and_ends_there() -> None:
    result = CliRunner().invoke(app, ["demo", "provision", "--json"])
    assert result.exit_code == 0, result.output
    story = json.loads(result.output)
    assert [leg["name"] for leg in story["legs"]] == ["enrol", "provision"]
    steps = story["legs"][1]["xray"]["steps"]
    told = {each["value"]: each["meaning"] for step in steps for each in step["fields"]}
    assert told["D003"].startswith("64 one-time numbers with session keys, counters 1 to 64")
