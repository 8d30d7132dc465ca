"""What linters cannot see: size, names and the purity of the lower layers."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "zheton"
MIGRATIONS = "migrations"
PURE = {  # no I/O, clock, randomness or thread can be reached through these
    "__future__",
    "abc",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "types",
    "typing",
    "zheton",
}
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 50


Function = ast.FunctionDef | ast.AsyncFunctionDef


def body_lines(node: Function) -> int:
    """The lines of a function below its docstring; one that has nothing else has none."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1 if body else 0


def roots(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.Import):
        return {name.name.split(".")[0] for name in node.names}
    return {node.module.split(".")[0]} if node.module and not node.level else set()


def impure(tree: ast.Module, where: Path) -> Iterator[str]:
    if where.parts[0] not in ("core", "roles"):
        return
    allowed = PURE | ({"cryptography", "numpy"} if where.parts[:2] == ("core", "crypto") else set())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in sorted(roots(node) - allowed):
                yield f"{where}:{node.lineno}: {name} is not pure"


def untidy(root: Path = SOURCE) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        text, where = path.read_text(), path.relative_to(root)
        tree = ast.parse(text)
        listing = MIGRATIONS in where.parts  # it is as long as the tables are many
        if text.count("\n") > FILE_LINES_MAX and not listing:
            yield f"{where}: file exceeds {FILE_LINES_MAX} lines"
        if VAGUE & set(where.with_suffix("").parts):
            yield f"{where}: name says nothing"
        if not ast.get_docstring(tree):
            yield f"{where}: no module docstring"
        if listing:
            continue
        for node in ast.walk(tree):
            if isinstance(node, Function) and body_lines(node) > FUNCTION_LINES_MAX:
                yield f"{where}:{node.lineno}: {node.name} exceeds {FUNCTION_LINES_MAX} lines"
        yield from impure(tree, where)


def test_tidy() -> None:
    assert not list(untidy())


def test_tidy_sees_what_it_is_for(tmp_path: Path) -> None:
    """Each rule, broken once: a check that finds nothing anywhere would pass as well."""
    folder = tmp_path / "core"
    folder.mkdir()
    long = "\n    pass" * (FUNCTION_LINES_MAX + 1)
    (folder / "utils.py").write_text("import socket\nfrom random import random\n" + "#\n" * 400)
    (folder / "card.py").write_text(f'"""Doc."""\n\n\ndef long() -> None:\n    """Doc."""{long}\n')
    (folder / "port.py").write_text('"""Doc."""\n\n\ndef read() -> None:\n    """Doc."""\n')
    assert list(untidy(tmp_path)) == [
        "core/card.py:4: long exceeds 50 lines",
        "core/utils.py: file exceeds 400 lines",
        "core/utils.py: name says nothing",
        "core/utils.py: no module docstring",
        "core/utils.py:1: socket is not pure",
        "core/utils.py:2: random is not pure",
    ]
