"""What somebody who mistyped a name probably meant, for the errors of files and arguments."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the nearest known word, or nothing where none is near.

    >>> suggestion("chanels", ["channels", "regions"]), suggestion("x", ["channels"])
    ("; perhaps 'channels' is meant", '')
    """
    nearest = get_close_matches(word, list(known), n=1)
    return f"; perhaps {nearest[0]!r} is meant" if nearest else ""
