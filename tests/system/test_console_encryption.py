"""The card is encrypted in a real browser, and only the holder of the pinned key can open it."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from playwright.sync_api import Error, Page, Route, sync_playwright

from tests.system.conftest import require

CHROMIUM = Path("/usr/bin/chromium")
WEB = Path(str(files("zheton") / "apps" / "web"))
ADDRESS = "http://localhost/"  # a secure context, without which a browser offers no WebCrypto
ALGORITHMS = ["RSA-OAEP-256", "A256GCM"]
CARD = {"pan": "5555555555554444", "expiry": "12/29", "cvc": "123", "cardholder": "ЮЛИЯ ДЕМО"}
CALL = "([name, ...given]) => import('/jose.js').then((jose) => jose[name](...given))"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page that has the console's scripts and no network: every request is answered from disk."""
    require(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page()
        page.route("**/*", _from_disk)
        page.goto(ADDRESS + "token.svg")
        yield page
        browser.close()


def _from_disk(route: Route) -> None:
    path = WEB / route.request.url.removeprefix(ADDRESS)
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


def public(key: RSAKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False)) | {"use": "enc", "alg": "RSA-OAEP-256"}


def sealed(page: Page, key: RSAKey) -> str:
    return str(page.evaluate(CALL, ["encrypt", CARD, public(key), key.thumbprint()]))


def test_the_thumbprint_is_that_of_rfc_7638(page: Page) -> None:
    # RFC 7638, section 3.1, with its key and its answer.
    example = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu"
        "hDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN"
        "5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
        "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBni"
        "Iqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    answer = page.evaluate(CALL, ["thumbprint", example])
    assert answer == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_holder_of_the_key_opens_what_the_browser_sealed(page: Page, key: RSAKey) -> None:
    opened = jwe.decrypt_compact(sealed(page, key), key, algorithms=ALGORITHMS)
    assert opened.plaintext is not None
    assert json.loads(opened.plaintext) == CARD
    assert opened.headers() == {
        "alg": "RSA-OAEP-256",
        "enc": "A256GCM",
        "kid": key.thumbprint(),
    }


def test_the_same_card_never_looks_the_same(page: Page, key: RSAKey) -> None:
    one, other = sealed(page, key).split("."), sealed(page, key).split(".")
    assert one[0] == other[0]
    assert all(mine != its for mine, its in zip(one[1:], other[1:], strict=True))


@pytest.mark.parametrize("part", range(5))
def test_a_changed_envelope_does_not_open(page: Page, key: RSAKey, part: int) -> None:
    parts = sealed(page, key).split(".")
    parts[part] = ("B" if parts[part][0] == "A" else "A") + parts[part][1:]
    with pytest.raises((JoseError, ValueError)):
        jwe.decrypt_compact(".".join(parts), key, algorithms=ALGORITHMS)


def test_another_key_than_the_pinned_one_gets_nothing(page: Page, key: RSAKey) -> None:
    stranger = RSAKey.generate_key(2048)
    # The stranger's answer may claim the pinned key's id: the browser computes the thumbprint.
    offered = public(stranger) | {"kid": key.thumbprint()}
    with pytest.raises(Error, match="WrongKey"):
        page.evaluate(CALL, ["encrypt", CARD, offered, key.thumbprint()])
