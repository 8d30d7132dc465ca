"""scrypt against RFC 7914, and its bounds."""

import pytest

from zheton.core.crypto.scrypt import ScryptCost, scrypt
from zheton.core.errors import EncodeError


def test_vector_of_rfc_7914() -> None:
    """Section 12, the vector with N = 16384: of its 64 bytes the first 32, which are the same."""
    expected = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    assert scrypt(b"pleaseletmein", b"SodiumChloride", ScryptCost(1 << 14)).hex() == expected


@pytest.mark.parametrize(
    "cost", [(1 << 13, 8, 1), (1 << 21, 8, 1), (100_000, 8, 1), (1 << 14, 7, 1), (1 << 20, 16, 1),
             (1 << 14, 8, 0), (1 << 14, 8, 17)]
)  # fmt: skip
def test_a_cost_out_of_bounds_is_refused(cost: tuple[int, int, int]) -> None:
    with pytest.raises(EncodeError):
        ScryptCost(*cost)
