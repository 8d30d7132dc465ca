"""What the terminal is (its configuration) and what it is asked to charge (one transaction)."""

from dataclasses import dataclass
from datetime import date, time

from zheton.core.crypto.rsa import PublicKey
from zheton.core.errors import ConfigurationError
from zheton.core.money import Money

TERMINAL_TYPES_ONLINE_ONLY = {0x11, 0x14, 0x21, 0x24, 0x34}  # EMV Book 4, annex A1
TERMINAL_TYPES_OFFLINE_ONLY = {0x13, 0x16, 0x23, 0x26, 0x36}


@dataclass(frozen=True, slots=True)
class ActionCodes:
    """Three masks over the TVR (5 bytes each): deny, go online, and what if online can't be."""

    denial: bytes
    online: bytes
    default: bytes

    def __post_init__(self) -> None:
        if any(len(code) != 5 for code in (self.denial, self.online, self.default)):
            raise ConfigurationError("A terminal action code has 5 bytes, as the TVR has.")


@dataclass(frozen=True, slots=True)
class Limits:
    """The contactless limits of one till in minor units (EMV Contactless Book A, 5.1.2).

    `transaction` is the ceiling without and `transaction_on_device` the ceiling with cardholder
    verification on the device, as Kernel 2 tells them apart (DF8124 and DF8125).
    """

    floor: int
    cvm: int
    transaction: int
    transaction_on_device: int


@dataclass(frozen=True, slots=True)
class Combination:
    """An application and the kernel that processes it (EMV Contactless Book B, 3.2).

    `data` are data objects that only this network's cards ask the terminal for, by tag (9F1D for
    Kernel 2, 9F66 for others).
    """

    aid: bytes
    kernel_id: int
    application_version: bytes
    action_codes: ActionCodes
    limits: Limits
    data: tuple[tuple[int, bytes], ...] = ()
    extended_selection: bool = False

    def __post_init__(self) -> None:
        if not 5 <= len(self.aid) <= 16:
            raise ConfigurationError("An AID has 5 to 16 bytes (ISO 7816-4, 8.2.1.2).")
        if len(self.application_version) != 2:
            raise ConfigurationError("An application version (9F09) has 2 bytes.")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority's key, by RID (5 bytes) and index; `until` is its last day."""

    rid: bytes
    index: int
    key: PublicKey
    until: date

    def __post_init__(self) -> None:
        if len(self.rid) != 5 or not 0 <= self.index <= 0xFF:
            raise ConfigurationError("An authority has a RID of 5 bytes and an index of one.")


@dataclass(frozen=True, slots=True)
class RelayTimes:
    """What this reader adds to a card's time, in 100 microseconds (Book C-2: DF8132 to DF8137).

    `least_grace` and `most_grace` are forgiven below and above what the card says; `command` and
    `response` is what both take on the way; more than `accuracy` above the card's least time, or
    estimates of the way that differ by more than `mismatch_percent`, are noted.
    """

    least_grace: int
    most_grace: int
    command: int
    response: int
    accuracy: int
    mismatch_percent: int

    def __post_init__(self) -> None:
        times = (self.least_grace, self.most_grace, self.command, self.response, self.accuracy)
        if not all(0 <= time <= 0xFFFF for time in times) or not 0 <= self.mismatch_percent <= 100:
            raise ConfigurationError("Times are of 0 to 65535 units, the mismatch 0 to 100 %.")


@dataclass(frozen=True, slots=True)
class TerminalConfig:
    """One till. Codes of country and currency are numeric (ISO 3166, ISO 4217), three digits.

    `capabilities` (9F33) is what the till can do when a debit needs cardholder verification;
    without `authorities` it authenticates no card offline, whatever they say.
    """

    terminal_type: int
    capabilities: bytes
    additional_capabilities: bytes
    country: str
    currency: str
    merchant_category: str
    merchant_name: str
    ifd_serial: str
    terminal_id: str
    acquirer_id: str
    combinations: tuple[Combination, ...]
    relay: RelayTimes
    authorities: tuple[Authority, ...] = ()

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("terminal capabilities (9F33)", self.capabilities, 3, 3),
            ("additional terminal capabilities (9F40)", self.additional_capabilities, 5, 5),
            ("country (9F1A)", self.country, 3, 3),
            ("currency (5F2A)", self.currency, 3, 3),
            ("merchant category (9F15)", self.merchant_category, 4, 4),
            ("merchant name (9F4E)", self.merchant_name, 1, 40),
            ("IFD serial number (9F1E)", self.ifd_serial, 8, 8),
            ("terminal id (9F1C)", self.terminal_id, 8, 8),
            ("acquirer id (9F01)", self.acquirer_id, 6, 11),
        ):
            if not low <= len(value) <= high:
                raise ConfigurationError(f"The {name} has {low} to {high} places.")
        digits = (self.country, self.currency, self.merchant_category, self.acquirer_id)
        if not all(value.isascii() and value.isdigit() for value in digits):
            raise ConfigurationError(
                "Country, currency, merchant category and acquirer id are decimal digits."
            )
        if not all(v.isascii() for v in (self.merchant_name, self.ifd_serial, self.terminal_id)):
            raise ConfigurationError("A till's names are ASCII: they travel to card and issuer.")
        if not 0 <= self.terminal_type <= 0xFF:
            raise ConfigurationError("The terminal type (9F35) is one byte, such as 0x22.")
        if not self.combinations:
            raise ConfigurationError("A terminal needs at least one application to accept.")

    @property
    def online_only(self) -> bool:
        """Whether every debit goes to the issuer (EMV Book 4, annex A1)."""
        return self.terminal_type in TERMINAL_TYPES_ONLINE_ONLY

    @property
    def online_capable(self) -> bool:
        """Whether the till can ask the issuer at all."""
        return self.terminal_type not in TERMINAL_TYPES_OFFLINE_ONLY


@dataclass(frozen=True, slots=True)
class Transaction:
    """One debit to make. `day` and `at` are the till's local date and time.

    `unpredictable_number` is 4 fresh random bytes for every presentment, `further_numbers` as
    many for each further attempt of relay resistance; `sequence` is the till's own count (9F41),
    `kind` the transaction type (9C, the first two digits of ISO 8583 DE3).
    """

    amount: Money
    day: date
    at: time
    unpredictable_number: bytes
    sequence: int
    kind: int = 0x00
    further_numbers: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if any(len(each) != 4 for each in (self.unpredictable_number, *self.further_numbers)):
            raise ConfigurationError("An unpredictable number (9F37) has 4 bytes.")
        if not 0 <= self.sequence <= 99_999_999:
            raise ConfigurationError("A transaction sequence counter (9F41) is n 4 to n 8.")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the entry point hands to the kernel: the till, the chosen application, the debit."""

    config: TerminalConfig
    combination: Combination
    transaction: Transaction

    @property
    def cvm_required(self) -> bool:
        """Whether the amount needs cardholder verification (Kernel 2: DF8126 is exceeded)."""
        return self.transaction.amount.minor > self.combination.limits.cvm
