"""What a system test does without its program: skip here, fail in CI."""

from pathlib import Path

import pytest

from tests.system.conftest import require


def test_what_is_there_is_no_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHETON_REQUIRE_SYSTEM", "1")
    require("sh", "dash")
    require("json.decoder", "Python")
    require(Path("/"), "nobody")


@pytest.mark.parametrize("what", ["no-such-program", "no_such.module", Path("/no/such/file")])
def test_what_is_missing_skips_or_fails(monkeypatch: pytest.MonkeyPatch, what: str | Path) -> None:
    monkeypatch.delenv("ZHETON_REQUIRE_SYSTEM", raising=False)
    with pytest.raises(pytest.skip.Exception, match="comes with its-package"):
        require(what, "its-package")
    monkeypatch.setenv("ZHETON_REQUIRE_SYSTEM", "1")
    with pytest.raises(pytest.fail.Exception, match="comes with its-package"):
        require(what, "its-package")
