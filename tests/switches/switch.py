"""A switch takes one protection out of the program, in a test and nowhere else.

It says what stands in for which functions. `docs/security-properties.md` names one for each test
of a property, and `tests/test_security_properties.py` sees that the test fails under it.
"""

from collections.abc import Callable, Mapping

Switch = Mapping[str, object]  # a dotted name, as monkeypatch takes it -> what stands in for it


def nothing(*_: object, **__: object) -> None:
    """Stands in for a check that raises, or answers with a refusal: nothing is refused."""


def always(answer: object) -> Callable[..., object]:
    """Stands in for a function that decides: it has decided before it was asked."""
    return lambda *_, **__: answer
