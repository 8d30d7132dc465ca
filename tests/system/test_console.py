"""The console as a person uses it: a real browser on a real `zheton up`, from tap to restart."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.system.conftest import WAIT_S, eventually, require

PROGRAM = Path(sys.executable).with_name("zheton")
CHROMIUM = Path("/usr/bin/chromium")
CONSOLE = re.compile(r"^Console +(http://\S+)$", re.MULTILINE)
WAIT_MS = WAIT_S * 1000
MASTERCARD, EXPIRY = "5413330089020110", "0628"  # Boris of the demo bank, whom nobody enrols
VISA = "4111111111111111"

pytestmark = pytest.mark.system


class Up:
    """A running `zheton up` on a folder of its own."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self._log = data.with_suffix(".log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "up", "--data", str(data), "--port", str(port)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            found = eventually(self._announced, "the start of zheton up")
        except BaseException:
            self.kill()
            raise
        assert isinstance(found, str), f"zheton up ended: {self._log.read_text()}"
        self.url: str = found

    def end(self) -> int:
        """What Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        """What a crash does."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def log(self) -> str:
        """What it printed."""
        return self._log.read_text()

    def _announced(self) -> str | bool | None:
        found = CONSOLE.search(self._log.read_text())
        return found[1] if found else self.process.poll() is not None or None


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    require(CHROMIUM, "chromium")
    running = Up(tmp_path_factory.mktemp("up") / "data")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What a browser's console says of broken scripts and of violations of the policy."""
    return []


@pytest.fixture
def page(up: Up, context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    page = opened(context, up.url, complaints)
    yield page
    assert complaints == []


def opened(context: BrowserContext, url: str, complaints: list[str]) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(url)
    expect(page.locator("#history .merchant").first).to_be_visible(timeout=WAIT_MS)
    return page


def pay(page: Page, country: str, merchant: str, amount: str = "350", card: str = "0010") -> None:
    page.locator("label.card", has_text=card).click()
    page.select_option("#country", country)
    page.select_option("#merchant", merchant)
    page.fill("#amount", amount)
    page.click("#tap")


def outcome(page: Page, tone: str) -> str:
    expect(page.locator("#result")).to_have_attribute("data-tone", tone, timeout=WAIT_MS)
    expect(page.locator("#tap")).to_be_enabled(timeout=WAIT_MS)
    return page.locator("#result").inner_text()


def number_of(page: Page) -> str:
    found = re.search(r"ends in (\d{4})", page.locator("#result").inner_text())
    assert found is not None
    return found[1]


def who_saw_the_card(page: Page) -> set[str]:
    parties = page.locator("#saw thead th").all_inner_texts()
    cells = page.locator("#saw tr.secret td").all()
    return {
        name
        for name, cell in zip(parties, cells, strict=True)
        if cell.get_attribute("class") == "yes"
    }


def test_a_tap_is_approved_step_by_step_and_nobody_between_sees_the_card(
    page: Page, tmp_path: Path
) -> None:
    page.evaluate(
        """() => { const list = document.getElementById('xray'); window.counts = [];
        new MutationObserver(() => window.counts.push(list.children.length))
          .observe(list, { childList: true }); }"""
    )
    before = page.locator("#history li").count()
    pay(page, "RU", "MSKCOFFEE")
    assert "Approved" in outcome(page, "good")
    expect(page.locator("#till-display")).to_contain_text("Approved")
    assert page.evaluate("window.counts.length") > 1  # they came one by one
    titles = page.locator("#xray .title").all_inner_texts()
    assert [title for title in titles if title.startswith("GENERATE AC")]
    assert [title for title in titles if title.startswith("0110")]
    assert who_saw_the_card(page) == {"entry form", "vault", "issuer"}
    expect(page.locator("#history li")).to_have_count(before + 1)
    expect(page.locator("#history .last4").first).to_contain_text(number_of(page))
    keep_screenshot(page, Path(os.environ.get("ZHETON_SCREENSHOT", tmp_path / "console.png")))


def keep_screenshot(page: Page, path: Path) -> None:
    """The console after a tap; ZHETON_SCREENSHOT names the file when it is for the README."""
    page.evaluate("window.scrollTo(0, 0)")
    # Animations end first; nothing of the page depends on them.
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    page.set_viewport_size({"width": 1280, "height": 1180})
    page.screenshot(path=path)


def test_a_step_opens_to_its_fields_and_bytes_and_shows_no_card_number(page: Page) -> None:
    pay(page, "RU", "MSKCOFFEE")
    outcome(page, "good")
    for summary in page.locator("#xray summary").all():
        summary.click()
    request = page.locator("#xray li", has_text="0100 authorisation request").first
    expect(request.locator("table")).to_contain_text("DE55")
    expect(request.locator("pre")).to_contain_text("0000  ")
    digits = re.sub(r"\D", "", page.locator("main").inner_text())
    assert "5413330089600010" not in digits


def test_policy_refuses_in_its_own_words(page: Page) -> None:
    pay(page, "IN", "BOMSPICES")
    assert "India: online only, not at the till (rule in-till)" in outcome(page, "bad")
    assert who_saw_the_card(page) <= {"entry form", "vault", "issuer"}
    page.click("[data-language=ru]")
    expect(page.locator("#result")).to_contain_text(
        "Индия: только онлайн, на кассе нельзя (правило in-till)"
    )
    expect(page.locator("#till-display")).to_contain_text("Не разрешено")
    page.click("[data-language=en]")
    pay(page, "DE", "BERSPAETI")
    assert "Germany: not available in this country (rule elsewhere)" in outcome(page, "bad")


def test_a_web_shop_gets_another_number(page: Page) -> None:
    pay(page, "RU", "MSKCOFFEE")
    outcome(page, "good")
    at_the_till = number_of(page)
    pay(page, "RU", "MSKWEBSHOP")
    assert "Approved" in outcome(page, "good")
    assert number_of(page) != at_the_till


def type_card(page: Page, pan: str, expiry: str, name: str) -> None:
    page.click("#add-card")
    page.locator("#pan").press_sequentially(pan)
    page.locator("#expiry").press_sequentially(expiry)
    page.fill("#cvc", "123")
    page.fill("#cardholder", name)
    page.select_option("#region", "RU")
    page.fill("#card-title", name)
    page.click("#card-form [type=submit]")


def test_a_card_is_added_with_the_code_from_the_phone_and_pays(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    type_card(page, MASTERCARD, EXPIRY, "Boris Titov")
    message = page.locator("#messages li").first
    expect(message).to_contain_text(re.compile(r"\b\d{6}\b"))
    found = re.search(r"\b\d{6}\b", message.inner_text())
    assert found is not None
    page.fill("#code", found[0])
    page.click("#code-form [type=submit]")
    expect(page.locator("#enrol")).to_be_hidden(timeout=WAIT_MS)
    pay(page, "RU", "MSKCOFFEE", card=MASTERCARD[-4:])
    assert "Approved" in outcome(page, "good")
    assert who_saw_the_card(page) == {"entry form", "vault", "issuer"}
    assert all(MASTERCARD not in body for body in sent)


def test_a_visa_card_is_refused_with_the_rule(page: Page, complaints: list[str]) -> None:
    type_card(page, VISA, "1029", "Gleb Ivanov")
    problem = page.locator("#enrol-problem")
    expect(problem).to_contain_text("Mastercard only", timeout=WAIT_MS)
    expect(problem).to_contain_text("ru-network")
    # A browser notes every refusal over HTTP; it is the only complaint.
    eventually(lambda: complaints, "the browser's note of the refusal")
    assert [each for each in complaints if "403" not in each] == []
    complaints.clear()


def test_two_pages_see_each_other_and_quick_taps_are_one(
    up: Up, context: BrowserContext, page: Page, complaints: list[str]
) -> None:
    other = opened(context, up.url, complaints)
    other.locator("label.card", has_text="0010").click()
    before = page.locator("#history li").count()
    page.locator("label.card", has_text="0010").click()
    page.select_option("#merchant", "SPBBOOKS")
    page.evaluate("() => { for (let n = 0; n < 3; n++) document.getElementById('tap').click(); }")
    outcome(page, "good")
    expect(page.locator("#history li")).to_have_count(before + 1)
    expect(other.locator("#history .merchant").first).to_have_text("Knigi na Nevskom")


def test_a_page_that_is_reloaded_during_a_tap_finds_the_debit(page: Page) -> None:
    before = page.locator("#history li").count()
    page.locator("label.card", has_text="0010").click()
    with page.expect_response("**/api/tap"):
        page.click("#tap")
    page.reload()
    expect(page.locator("#tap")).to_be_enabled(timeout=WAIT_MS)
    expect(page.locator("#history li")).to_have_count(before + 1, timeout=WAIT_MS)


def test_only_the_own_page_is_served(up: Up) -> None:
    for path in ("/", "/console.js", "/api/lab", "/api/none"):
        answer = httpx.get(up.url + path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    assert httpx.get(up.url, headers={"host": "rebound.example"}).status_code == 403
    for origin in ("http://evil.example", "null"):
        answer = httpx.post(up.url + "/api/tap", json={}, headers={"origin": origin})
        assert answer.status_code == 403
    assert httpx.post(up.url + "/api/tap", json={}, headers={"origin": up.url}).status_code == 422


def test_the_page_outlives_its_server(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    first = Up(tmp_path / "data")
    port = int(first.url.rpartition(":")[2])
    again = None
    try:
        page = opened(context, first.url, complaints)
        assert page.locator("#history li").count() == 1
        assert first.end() == 0  # with an open event stream
        assert first.log().endswith("Stopping.\n")
        page.click("#tap")
        expect(page.locator("#problem")).to_contain_text("Zheton does not answer")
        expect(page.locator("#tap")).to_be_enabled()
        again = Up(tmp_path / "data", port)
        pay(page, "RU", "MSKCOFFEE")
        assert "Approved" in outcome(page, "good")
        expect(page.locator("#history li")).to_have_count(2, timeout=WAIT_MS)
        assert who_saw_the_card(page) == {"vault", "issuer"}
        expect(page.locator("#saw-note")).to_contain_text("In this debit")
    finally:
        first.kill()
        if again is not None:
            again.kill()


def test_a_server_that_dies_during_a_tap_is_told_of_in_words(
    tmp_path: Path, context: BrowserContext
) -> None:
    up = Up(tmp_path / "data")
    try:
        page = opened(context, up.url, [])

        def too_late(route: Route) -> None:
            up.kill()
            route.continue_()

        page.route("**/api/taps/**", too_late)
        page.click("#tap")
        expect(page.locator("#problem")).to_contain_text("The connection broke during the payment")
        expect(page.locator("#result")).to_have_text("")
    finally:
        up.kill()
