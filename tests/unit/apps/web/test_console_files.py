"""The console's files keep their promises: nothing foreign, no markup from data, two languages."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

WEB = Path(str(files("zheton") / "apps" / "web"))
SCRIPTS = sorted(path for path in WEB.rglob("*.js") if path.parent.name != "locales")
PAGE = (WEB / "index.html").read_text()


def keys(language: str) -> set[str]:
    """The keys of a locale's texts: quoted, or bare words, at the start of an indented line."""
    source = (WEB / "locales" / f"{language}.js").read_text()
    texts = source[source.index("texts: {") : source.index("said: {")]
    return set(re.findall(r'^    "?([\w.-]+)"?:', texts, re.MULTILINE))


def used() -> set[str]:
    """Every key that the page or a script names in full."""
    found = set(re.findall(r'data-t(?:-label)?="([^"]+)"', PAGE))
    for script in SCRIPTS:
        source = script.read_text()
        found |= set(re.findall(r'\btext\("([\w.-]+)"', source))
        for either in re.findall(r"\btext\((\w+[^\"`]*\? \"[^)]*)\)", source):
            found |= set(re.findall(r'"([a-z]+\.[\w-]+)"', either))
    return found


def test_both_languages_have_every_text_and_no_script_asks_for_another() -> None:
    assert keys("en") == keys("ru")
    assert used() <= keys("en")
    assert len(used()) > 50


def test_the_same_places_are_filled_in_both_languages() -> None:
    def places(language: str) -> list[tuple[str, frozenset[str]]]:
        source = (WEB / "locales" / f"{language}.js").read_text()
        pairs = re.findall(r'^    "?([\w.-]+)"?:\s+"((?:[^"\\]|\\.)*)"', source, re.MULTILINE)
        return sorted(
            (key, frozenset(re.findall(r"\{(\w+)\}", value)))
            for key, value in pairs
            if key in keys("en")
        )

    assert places("en") == places("ru")


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.*")), ids=lambda path: str(path.name))
def test_nothing_comes_from_outside_and_nothing_is_inline(path: Path) -> None:
    source = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//[a-z]+\.[a-z]|@import|\burl\(", source)
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", source)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.name))
def test_what_servers_say_never_becomes_markup(path: Path) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )
    assert not re.search(forbidden, path.read_text())


def test_every_element_that_a_script_looks_for_is_in_the_page() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', PAGE))
    for script in SCRIPTS:
        assert set(re.findall(r'byId\("([^"]+)"\)', script.read_text())) <= ids


def test_the_page_holds_the_place_for_the_pinned_key() -> None:
    assert PAGE.count("__TSP_THUMBPRINT__") == 1
