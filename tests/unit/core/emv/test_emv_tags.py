"""The table of tags: complete, consistent with its constants and the lists of the networks."""

import tomllib
from importlib.resources import files

from zheton.core.emv import tags

CONSTANTS = {
    name: value for name, value in vars(tags).items() if name.isupper() and isinstance(value, int)
}


def test_every_constant_is_in_the_table_once() -> None:
    assert sorted(CONSTANTS.values()) == sorted(tags.TAGS)
    assert all(number == tag.number for number, tag in tags.TAGS.items())


def test_names_are_unique() -> None:
    assert len({tag.name for tag in tags.TAGS.values()}) == len(tags.TAGS)


def test_every_tag_of_a_cryptogram_has_a_name() -> None:
    for path in files("zheton.data.schemes").iterdir():
        if path.name.endswith(".toml"):
            listed = tomllib.loads(path.read_text())["cryptogram"]["data"]
            assert all(item == "CVR" or int(item, 16) in tags.TAGS for item in listed)


def test_formats_that_decide_padding() -> None:
    """EMV Book 3, annex A."""
    assert tags.TAGS[tags.AMOUNT_AUTHORISED].format == "n"
    assert tags.TAGS[tags.PAN].format == "cn"
    assert tags.TAGS[tags.UNPREDICTABLE_NUMBER].format == "b"


def test_unknown_tags_keep_their_number() -> None:
    assert tags.name_of(0xDF01) == "DF01"
    assert tags.name_of(0x9F36) == "Application Transaction Counter"
