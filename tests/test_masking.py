"""Secrets mask themselves: read from the source, so that the next class is held to it too.

A dataclass prints its fields, and whoever logs one prints them with it. So a field that is named
like a secret does not print, unless its name is on the list below and a reader can see why.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from zheton.apps.http import tsp_bodies, wallet_bodies
from zheton.apps.http.acquirer import OnlineBody
from zheton.apps.http.fields import Body

SOURCE = Path(__file__).parents[1] / "src" / "zheton"
SECRET = re.compile(
    "(^|_)(pan|numbers?|track2|keys?|kek|secret|seed|passphrase|pin|code|chip|cryptogram|holder"
    "|phone|enc|mac|dek|rmac|jwe|sealed)$"
)
RAW = re.compile(r"\b(str|bytes|bytearray|Any)\b")  # types that print what they hold
OPEN = {  # what the standards, a journal and a receipt show: codes of answers, names of requests
    "response_code",
    "auth_code",
    "category_code",
    "processing_code",
    "service_code",
    "repeat_key",
    "original_key",  # the repeat key of the debit that a message names
    "unpredictable_number",  # drawn by a terminal, sent to every card
    "further_numbers",
    "Currency.code",
    "Owner.app_key",  # a public key
    "Checkpoint.key",  # the audit's public key
    "Witness.key",
    "DynamicData.number",  # ICC dynamic number (EMV Book 2, 6.6.1)
    "DynamicData.cryptogram",
    "InitializeUpdateResponse.cryptogram",
    "Once.key",  # an idempotency key
    "Once.mac",
    "KeptAnswer.mac",
}
LOGGED_NAMES = {"error", "code", "frames", "request_id", "where"}
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def decorated(node: ast.ClassDef) -> str:
    return " ".join(ast.unparse(each) for each in node.decorator_list)


def unmasked(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or "dataclass" not in decorated(node):
            continue
        own = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        if "__repr__" in own or "repr=False" in decorated(node):
            continue
        for each in node.body:
            if not (isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)):
                continue
            name = each.target.id
            if not SECRET.search(name) or {name, f"{node.name}.{name}"} & OPEN:
                continue
            value = ast.unparse(each.value) if each.value else ""
            if RAW.search(ast.unparse(each.annotation)) and "repr=False" not in value:
                yield f"{node.name}.{name} prints what it holds"


def loose_logging(tree: ast.Module) -> Iterator[str]:
    """Calls of a logger that may say more than the kind and the place of what happened."""
    strangers = {
        call: handler.name
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler)
        and (handler.type is None or "Exception" in ast.unparse(handler.type).split(" | "))
        for call in ast.walk(handler)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in LEVELS or "log" not in ast.unparse(node.func.value).lower():
            continue
        where = f"line {node.lineno}"
        if node.func.attr == "exception" or node.keywords:
            yield f"{where}: the text of an exception may quote what came"
        if not isinstance(node.args[0], ast.Constant):
            yield f"{where}: a log line is a sentence with places, not made of what came"
        for given in node.args[1:]:
            if isinstance(given, ast.Name) and given.id not in LOGGED_NAMES:
                yield f"{where}: {given.id} is logged whole"
            if isinstance(given, ast.Name) and given.id == strangers.get(node, ""):
                yield f"{where}: a stranger's exception may quote what came"


def everywhere() -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for fault in (*unmasked(tree), *loose_logging(tree)):
            yield f"{path.relative_to(SOURCE)}: {fault}"


def test_nothing_prints_a_secret() -> None:
    assert list(everywhere()) == []


def test_every_exception_to_the_rule_is_still_needed() -> None:
    named = {
        name
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        for name in (each.target.id, f"{node.name}.{each.target.id}")
    }
    assert not OPEN - named


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("@dataclass\nclass A:\n    pan: str", 1),
        ("@dataclass\nclass A:\n    pan: Pan", 0),
        ("@dataclass\nclass A:\n    session_key: bytes | None = None", 1),
        ("@dataclass\nclass A:\n    session_key: bytes = field(repr=False)", 0),
        ("@dataclass(repr=False)\nclass A:\n    key: bytes", 0),
        ("@dataclass\nclass A:\n    key: bytes\n    def __repr__(self): ...", 0),
        ("@dataclass\nclass A:\n    track2: str\n    auth_code: str", 1),
        ("class A:\n    key: bytes", 0),
        ("_log.warning('no %s', message)", 1),
        ("_log.warning('no %s', message.mti)", 0),
        ("_log.warning(f'no {message}')", 1),
        ("_log.exception('no')", 1),
        ("_log.error('no', exc_info=True)", 1),
        ("try: ...\nexcept Exception as error:\n    _log.error('no: %s', error)", 1),
        ("try: ...\nexcept ZhetonError as error:\n    _log.error('no: %s', error)", 0),
    ],
)
def test_the_reader_sees_what_it_is_for(source: str, faults: int) -> None:
    tree = ast.parse(source)
    assert len([*unmasked(tree), *loose_logging(tree)]) == faults


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    for each in kind.__subclasses__():
        yield each
        yield from bodies(each)


def test_what_comes_over_http_does_not_print() -> None:
    number, code = "5204731234567890", "123456"
    body = OnlineBody(
        channel="online", terminal="MSKWEB01", amount_minor=100, currency="RUB", number=number,
        expiry="2912", code=code,
    )  # fmt: skip
    for shown in (repr(body), str(body), f"{body}", repr([body])):
        assert "OnlineBody" in shown
        assert number not in shown
        assert code not in shown
    with pytest.raises(ValidationError) as caught:
        OnlineBody.model_validate({"channel": "online", "number": f"{number}x", "code": code})
    assert number not in str(caught.value)
    assert {wallet_bodies.CardBody, tsp_bodies.TransactBody, OnlineBody} <= set(bodies())
    assert not [each for each in bodies() if {"__repr__", "__str__"} & vars(each).keys()]
