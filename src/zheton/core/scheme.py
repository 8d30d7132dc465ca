"""A payment network as data: everything that tells one network from another.

Nothing of a network is built into the code: card numbers are recognised by `pan_prefixes`,
one-time numbers live in `token_bins`, the chip answers to `aid`, and `cryptogram` names how its
application cryptogram is made. The files live in `data/schemes/`, one a network.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from zheton.core.errors import ConfigurationError

Cipher = Literal["3des", "aes"]


@dataclass(frozen=True, slots=True)
class CryptogramVersion:
    """How an application cryptogram is computed and how the issuer application data carry it.

    `cvn` is the byte that 9F10 carries; `layout` names the shape of 9F10 (`core.emv.iad`);
    `data` lists the tags, in order, whose values are the input of the cryptogram (EMV Book 2,
    8.1.1), where 9F10 stands for the whole issuer application data and `CVR` for the card
    verification results alone.
    """

    cvn: int
    layout: Literal["mchip", "ccd"]
    cipher: Cipher
    data: tuple[str, ...]
    arpc_method: Literal[1, 2]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One payment network. `pan_prefixes` are inclusive ranges of leading digits.

    `token_bins` are all of its token ranges, in the order in which they are used; `bin_regions`
    names those that are kept for some regions alone.
    """

    name: str
    title: str
    aid: bytes
    kernel_id: int
    label: str
    token_bins: tuple[str, ...]
    pan_prefixes: tuple[tuple[str, str], ...]
    par_bin_controller: str
    token_requestor_id: str
    application_version: bytes
    cryptogram: CryptogramVersion
    bin_regions: tuple[tuple[str, frozenset[str]], ...] = ()

    def bins_in(self, region: str) -> tuple[str, ...]:
        """The token BINs for cards of a region (alpha-2), its own before those of all regions."""
        kept = dict(self.bin_regions)
        own = tuple(each for each in self.token_bins if region in kept.get(each, ()))
        return own + tuple(each for each in self.token_bins if each not in kept)

    def owns_pan(self, digits: str) -> bool:
        """Whether a card number (12 to 19 digits) belongs to this network."""
        return any(low <= digits[: len(low)] <= high for low, high in self.pan_prefixes)


@dataclass(frozen=True, slots=True)
class Schemes:
    """The networks that an installation knows, found by name or card number."""

    by_name: Mapping[str, Scheme]

    def __iter__(self) -> Iterator[Scheme]:
        return iter(self.by_name.values())

    def named(self, name: str) -> Scheme:
        """The network of this name; ConfigurationError if there is none."""
        if name not in self.by_name:
            raise ConfigurationError(
                f"No network is called {name!r}; there are {', '.join(sorted(self.by_name))}."
            )
        return self.by_name[name]

    def of_pan(self, digits: str) -> Scheme | None:
        """The network that a card number belongs to, or None."""
        return next((s for s in self.by_name.values() if s.owns_pan(digits)), None)
