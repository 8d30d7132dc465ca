"""The data objects that the terminal brings to a transaction, by tag (EMV Book 3, annex A)."""

from zheton.core.emv import tags
from zheton.roles.terminal.state import Setup

_CVM_NONE = 0x08  # 9F33 byte 2, b4: no CVM required (EMV Book 4, annex A2)
_CONTACTLESS_CHIP = b"\x07"

# Only the terminal says these. A card that sends one in a record tries to speak for the till.
OWN_TAGS = frozenset(
    {
        tags.ACQUIRER_IDENTIFIER,
        tags.ADDITIONAL_TERMINAL_CAPABILITIES,
        tags.AMOUNT_AUTHORISED,
        tags.AMOUNT_OTHER,
        tags.APPLICATION_IDENTIFIER_TERMINAL,
        tags.APPLICATION_VERSION_NUMBER_TERMINAL,
        tags.CVM_RESULTS,
        tags.INTERFACE_DEVICE_SERIAL_NUMBER,
        tags.MERCHANT_CATEGORY_CODE,
        tags.MERCHANT_NAME_AND_LOCATION,
        tags.POINT_OF_SERVICE_ENTRY_MODE,
        tags.TERMINAL_CAPABILITIES,
        tags.TERMINAL_COUNTRY_CODE,
        tags.TERMINAL_FLOOR_LIMIT,
        tags.TERMINAL_IDENTIFICATION,
        tags.TERMINAL_TYPE,
        tags.TERMINAL_VERIFICATION_RESULTS,
        tags.TRANSACTION_CURRENCY_CODE,
        tags.TRANSACTION_CURRENCY_EXPONENT,
        tags.TRANSACTION_DATE,
        tags.TRANSACTION_SEQUENCE_COUNTER,
        tags.TRANSACTION_TIME,
        tags.TRANSACTION_TYPE,
        tags.UNPREDICTABLE_NUMBER,
    }
)


def capabilities(setup: Setup) -> bytes:
    """9F33 for this amount: up to the CVM limit the till offers no verification (Kernel 2, S3)."""
    full = setup.config.capabilities
    return full if setup.cvm_required else bytes((full[0], _CVM_NONE, full[2]))


def terminal_data(setup: Setup) -> dict[int, bytes]:
    """The terminal's data objects before any result: what PDOL and CDOL1 may ask for.

    95 and 9F34 are results; the kernel adds them when it has them.
    """
    config, transaction = setup.config, setup.transaction
    return {
        tags.ACQUIRER_IDENTIFIER: bytes.fromhex(config.acquirer_id.zfill(12)),
        tags.ADDITIONAL_TERMINAL_CAPABILITIES: config.additional_capabilities,
        tags.AMOUNT_AUTHORISED: bytes.fromhex(f"{transaction.amount.minor:012d}"),
        tags.AMOUNT_OTHER: bytes(6),
        tags.APPLICATION_IDENTIFIER_TERMINAL: setup.combination.aid,
        tags.APPLICATION_VERSION_NUMBER_TERMINAL: setup.combination.application_version,
        tags.INTERFACE_DEVICE_SERIAL_NUMBER: config.ifd_serial.encode("ascii"),
        tags.MERCHANT_CATEGORY_CODE: bytes.fromhex(config.merchant_category),
        tags.MERCHANT_NAME_AND_LOCATION: config.merchant_name.encode("ascii"),
        tags.POINT_OF_SERVICE_ENTRY_MODE: _CONTACTLESS_CHIP,
        tags.TERMINAL_CAPABILITIES: capabilities(setup),
        tags.TERMINAL_COUNTRY_CODE: bytes.fromhex(config.country.zfill(4)),
        tags.TERMINAL_FLOOR_LIMIT: min(setup.combination.limits.floor, 0xFFFFFFFF).to_bytes(4),
        tags.TERMINAL_IDENTIFICATION: config.terminal_id.encode("ascii"),
        tags.TERMINAL_TYPE: bytes((config.terminal_type,)),
        tags.TRANSACTION_CURRENCY_CODE: bytes.fromhex(config.currency.zfill(4)),
        tags.TRANSACTION_CURRENCY_EXPONENT: bytes((transaction.amount.currency.exponent,)),
        tags.TRANSACTION_DATE: bytes.fromhex(f"{transaction.day:%y%m%d}"),
        tags.TRANSACTION_SEQUENCE_COUNTER: bytes.fromhex(f"{transaction.sequence:08d}"),
        tags.TRANSACTION_TIME: bytes.fromhex(f"{transaction.at:%H%M%S}"),
        tags.TRANSACTION_TYPE: bytes((transaction.kind,)),
        tags.UNPREDICTABLE_NUMBER: transaction.unpredictable_number,
        **dict(setup.combination.data),
    }
