"""What linters cannot see: size, names and the purity of the lower layers."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "zheton"
PURE = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "hmac",
    "itertools",
    "re",
    "struct",
    "types",
    "typing",
    "zheton",
}
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 50


def body_lines(node):
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return body[-1].end_lineno - body[0].lineno + 1


def roots(node):
    if isinstance(node, ast.Import):
        return {a.name.split(".")[0] for a in node.names}
    return {node.module.split(".")[0]} if node.module and not node.level else set()


def untidy(root=SOURCE):
    for path in sorted(root.rglob("*.py")):
        text, where = path.read_text(), path.relative_to(root)
        tree = ast.parse(text)
        if text.count("\n") > FILE_LINES_MAX:
            yield f"{where}: file exceeds {FILE_LINES_MAX} lines"
        if VAGUE & set(where.with_suffix("").parts):
            yield f"{where}: name says nothing"
        if not ast.get_docstring(tree):
            yield f"{where}: no module docstring"
        allowed = PURE | ({"cryptography"} if where.parts[:2] == ("core", "crypto") else set())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if body_lines(node) > FUNCTION_LINES_MAX:
                    yield f"{where}:{node.lineno}: {node.name} exceeds {FUNCTION_LINES_MAX} lines"
            elif isinstance(node, ast.Import | ast.ImportFrom) and where.parts[0] in (
                "core",
                "roles",
            ):
                for name in roots(node) - allowed:
                    yield f"{where}:{node.lineno}: {name} is not pure"


def test_tidy():
    assert not list(untidy())
