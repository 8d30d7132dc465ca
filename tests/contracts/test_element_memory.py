"""What every memory of an element keeps, and what an interrupted file keeps."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from zheton.adapters.element_memory import FileMemory, TransientMemory
from zheton.core.errors import UnreachableError
from zheton.roles.element.ports import Memory


@pytest.fixture(params=["file", "transient"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Memory:
    return FileMemory(tmp_path / "element") if request.param == "file" else TransientMemory()


def test_a_new_memory_is_empty(memory: Memory) -> None:
    assert memory.load() is None


@pytest.mark.parametrize("image", [b"", b"\x00", bytes(range(256)) * 300])
def test_what_was_stored_is_loaded(memory: Memory, image: bytes) -> None:
    memory.store(b"before")
    memory.store(image)
    assert memory.load() == image


def test_a_file_outlives_its_process_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "element"
    FileMemory(path).store(b"image")
    assert FileMemory(path).load() == b"image"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["element"]


class CutError(Exception):
    """The power is gone."""


@pytest.mark.parametrize("call", ["fdopen", "fsync", "replace"])
def test_a_file_cut_in_the_middle_is_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "element"
    memory = FileMemory(path)
    memory.store(b"before")

    def cut(*args: object, **kwargs: object) -> None:
        raise CutError

    with monkeypatch.context() as patch:
        patch.setattr(os, call, cut) if call != "replace" else patch.setattr(Path, call, cut)
        with pytest.raises(CutError):
            memory.store(b"after")
    assert FileMemory(path).load() == b"before"
    FileMemory(path).store(b"after")
    assert FileMemory(path).load() == b"after"


def test_the_image_is_on_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = tmp_path / "element", []

    def noted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def noting(*args: object) -> object:
            order.append(name)
            return call(*args)

        return noting

    monkeypatch.setattr(os, "fsync", noted("flush", os.fsync))
    monkeypatch.setattr(Path, "replace", noted("rename", Path.replace))
    FileMemory(path).store(b"image")
    assert order == ["flush", "rename", "flush"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="can't be written"):
        FileMemory(tmp_path / "nowhere" / "element").store(b"image")
    with pytest.raises(UnreachableError, match="can't be read"):
        FileMemory(tmp_path).load()
