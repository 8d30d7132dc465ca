"""Countries are found by each of their codes, and only by those."""

import pytest

from zheton.core.country import BY_ALPHA2, country
from zheton.core.errors import ConfigurationError


def test_the_table_is_all_of_iso_3166_1() -> None:
    assert len(BY_ALPHA2) == 249
    for each in BY_ALPHA2.values():
        assert (len(each.alpha2), len(each.alpha3), len(each.numeric)) == (2, 3, 3)
        assert country(each.alpha2) is country(each.alpha3) is country(each.numeric) is each


@pytest.mark.parametrize("code", ["RU", "rus", "643"])
def test_russia_has_three_codes(code: str) -> None:
    assert country(code).name == "Russia"


def test_an_unknown_code_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match=r"'RSU' is no country code .* perhaps '[A-Z]{3}'"):
        country("RSU")
