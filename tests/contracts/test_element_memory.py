"""What every memory of an element keeps, and what an interrupted file keeps."""

import stat
from pathlib import Path

import pytest

from tests.power_cut_disk import FOLDER, Disk, running_on
from zheton.adapters.element_memory import FileMemory, TransientMemory
from zheton.core.errors import ConfigurationError, UnreachableError
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


def images_after_a_cut(disk: Disk) -> set[bytes | None]:
    """What a start finds, over all that a cut at this moment can leave behind."""
    found = set()
    for files in disk.cuts():
        with running_on(Disk.holding(files)):
            found.add(FileMemory(FOLDER / "element").load())
    return found


@pytest.mark.parametrize("before", [None, b"before" * 9])
def test_at_a_cut_at_any_byte_it_is_the_image_before_or_after(before: bytes | None) -> None:
    after, disk = b"and after" * 7, Disk()
    with running_on(disk):
        memory = FileMemory(FOLDER / "element")
        if before is not None:
            memory.store(before)
        found: set[bytes | None] = set()
        disk.watch = lambda: found.update(images_after_a_cut(disk))
        memory.store(after)
    assert found == {before, after}
    assert images_after_a_cut(disk) == {after}, "a store that returned is durable"


def test_a_store_after_a_cut_is_as_any_other() -> None:
    disk = Disk()
    left: list[dict[str, bytes]] = []
    disk.watch = lambda: left.extend(disk.cuts())
    with running_on(disk):
        FileMemory(FOLDER / "element").store(b"before")
    assert {"element.new", "element"} <= {name for files in left for name in files}
    for files in left:
        again = Disk.holding(files)
        with running_on(again):
            FileMemory(FOLDER / "element").store(b"after")
        assert images_after_a_cut(again) == {b"after"}


@pytest.mark.parametrize("at", [0, 2, -1])
def test_a_byte_that_the_disk_spoilt_is_noticed(tmp_path: Path, at: int) -> None:
    path = tmp_path / "element"
    FileMemory(path).store(b"image")
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="element is damaged"):
        FileMemory(path).load()
    path.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="element is damaged"):
        FileMemory(path).load()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="can't be written"):
        FileMemory(tmp_path / "nowhere" / "element").store(b"image")
    with pytest.raises(UnreachableError, match="can't be read"):
        FileMemory(tmp_path).load()
