"""The data objects of EMV: one constant a tag, and a table of their names and formats.

Names and formats are those of EMV Book 3, annex A, of Book B for the contactless ones and of
GlobalPlatform for 9F7F. The format decides how a data object list pads and cuts a value
(`core.emv.dol`) and how the X-ray prints it. 9F6E means different things to different kernels
(Third Party Data for kernel 2), so it is named after the more common use.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Format = Literal["a", "an", "ans", "b", "cn", "n"]

ISSUER_IDENTIFICATION_NUMBER = 0x42
ADF_NAME = 0x4F
APPLICATION_LABEL = 0x50
TRACK_1_DATA = 0x56
TRACK_2_EQUIVALENT_DATA = 0x57
PAN = 0x5A
CARDHOLDER_NAME = 0x5F20
APPLICATION_EXPIRATION_DATE = 0x5F24
APPLICATION_EFFECTIVE_DATE = 0x5F25
ISSUER_COUNTRY_CODE = 0x5F28
TRANSACTION_CURRENCY_CODE = 0x5F2A
LANGUAGE_PREFERENCE = 0x5F2D
SERVICE_CODE = 0x5F30
PAN_SEQUENCE_NUMBER = 0x5F34
TRANSACTION_CURRENCY_EXPONENT = 0x5F36
APPLICATION_TEMPLATE = 0x61
FCI_TEMPLATE = 0x6F
RECORD_TEMPLATE = 0x70
ISSUER_SCRIPT_TEMPLATE_1 = 0x71
ISSUER_SCRIPT_TEMPLATE_2 = 0x72
DIRECTORY_DISCRETIONARY_TEMPLATE = 0x73
RESPONSE_FORMAT_2 = 0x77
RESPONSE_FORMAT_1 = 0x80
APPLICATION_INTERCHANGE_PROFILE = 0x82
COMMAND_TEMPLATE = 0x83
DF_NAME = 0x84
ISSUER_SCRIPT_COMMAND = 0x86
APPLICATION_PRIORITY_INDICATOR = 0x87
SHORT_FILE_IDENTIFIER = 0x88
AUTHORISATION_CODE = 0x89
AUTHORISATION_RESPONSE_CODE = 0x8A
CDOL1 = 0x8C
CDOL2 = 0x8D
CVM_LIST = 0x8E
CA_PUBLIC_KEY_INDEX = 0x8F
ISSUER_PUBLIC_KEY_CERTIFICATE = 0x90
ISSUER_AUTHENTICATION_DATA = 0x91
ISSUER_PUBLIC_KEY_REMAINDER = 0x92
SIGNED_STATIC_APPLICATION_DATA = 0x93
APPLICATION_FILE_LOCATOR = 0x94
TERMINAL_VERIFICATION_RESULTS = 0x95
TDOL = 0x97
TRANSACTION_DATE = 0x9A
TRANSACTION_STATUS_INFORMATION = 0x9B
TRANSACTION_TYPE = 0x9C
DDF_NAME = 0x9D
FCI_PROPRIETARY_TEMPLATE = 0xA5
FCI_ISSUER_DISCRETIONARY_DATA = 0xBF0C
ACQUIRER_IDENTIFIER = 0x9F01
AMOUNT_AUTHORISED = 0x9F02
AMOUNT_OTHER = 0x9F03
APPLICATION_IDENTIFIER_TERMINAL = 0x9F06
APPLICATION_USAGE_CONTROL = 0x9F07
APPLICATION_VERSION_NUMBER_CARD = 0x9F08
APPLICATION_VERSION_NUMBER_TERMINAL = 0x9F09
ISSUER_ACTION_CODE_DEFAULT = 0x9F0D
ISSUER_ACTION_CODE_DENIAL = 0x9F0E
ISSUER_ACTION_CODE_ONLINE = 0x9F0F
ISSUER_APPLICATION_DATA = 0x9F10
ISSUER_CODE_TABLE_INDEX = 0x9F11
APPLICATION_PREFERRED_NAME = 0x9F12
LAST_ONLINE_ATC_REGISTER = 0x9F13
MERCHANT_CATEGORY_CODE = 0x9F15
MERCHANT_IDENTIFIER = 0x9F16
PIN_TRY_COUNTER = 0x9F17
TOKEN_REQUESTOR_ID = 0x9F19
TERMINAL_COUNTRY_CODE = 0x9F1A
TERMINAL_FLOOR_LIMIT = 0x9F1B
TERMINAL_IDENTIFICATION = 0x9F1C
TERMINAL_RISK_MANAGEMENT_DATA = 0x9F1D
INTERFACE_DEVICE_SERIAL_NUMBER = 0x9F1E
TRACK_1_DISCRETIONARY_DATA = 0x9F1F
TRACK_2_DISCRETIONARY_DATA = 0x9F20
TRANSACTION_TIME = 0x9F21
PAYMENT_ACCOUNT_REFERENCE = 0x9F24
LAST_4_DIGITS_OF_PAN = 0x9F25
APPLICATION_CRYPTOGRAM = 0x9F26
CRYPTOGRAM_INFORMATION_DATA = 0x9F27
EXTENDED_SELECTION = 0x9F29
KERNEL_IDENTIFIER = 0x9F2A
ISSUER_PUBLIC_KEY_EXPONENT = 0x9F32
TERMINAL_CAPABILITIES = 0x9F33
CVM_RESULTS = 0x9F34
TERMINAL_TYPE = 0x9F35
ATC = 0x9F36
UNPREDICTABLE_NUMBER = 0x9F37
PDOL = 0x9F38
POINT_OF_SERVICE_ENTRY_MODE = 0x9F39
ADDITIONAL_TERMINAL_CAPABILITIES = 0x9F40
TRANSACTION_SEQUENCE_COUNTER = 0x9F41
APPLICATION_CURRENCY_CODE = 0x9F42
APPLICATION_CURRENCY_EXPONENT = 0x9F44
DATA_AUTHENTICATION_CODE = 0x9F45
ICC_PUBLIC_KEY_CERTIFICATE = 0x9F46
ICC_PUBLIC_KEY_EXPONENT = 0x9F47
ICC_PUBLIC_KEY_REMAINDER = 0x9F48
DDOL = 0x9F49
STATIC_DATA_AUTHENTICATION_TAG_LIST = 0x9F4A
SIGNED_DYNAMIC_APPLICATION_DATA = 0x9F4B
ICC_DYNAMIC_NUMBER = 0x9F4C
LOG_ENTRY = 0x9F4D
MERCHANT_NAME_AND_LOCATION = 0x9F4E
LOG_FORMAT = 0x9F4F
APPLICATION_PROGRAM_IDENTIFIER = 0x9F5A
FORM_FACTOR_INDICATOR = 0x9F6E
MERCHANT_CUSTOM_DATA = 0x9F7C
CPLC = 0x9F7F


class Tag(NamedTuple):
    """A data object: its tag, its name, and its format as in EMV Book 3, 4.3."""

    number: int
    name: str
    format: Format


TAGS: Mapping[int, Tag] = MappingProxyType(
    {
        tag.number: tag
        for tag in (
            Tag(ISSUER_IDENTIFICATION_NUMBER, "Issuer Identification Number", "n"),
            Tag(ADF_NAME, "Application Dedicated File Name", "b"),
            Tag(APPLICATION_LABEL, "Application Label", "ans"),
            Tag(TRACK_1_DATA, "Track 1 Data", "ans"),
            Tag(TRACK_2_EQUIVALENT_DATA, "Track 2 Equivalent Data", "b"),
            Tag(PAN, "Application Primary Account Number", "cn"),
            Tag(CARDHOLDER_NAME, "Cardholder Name", "ans"),
            Tag(APPLICATION_EXPIRATION_DATE, "Application Expiration Date", "n"),
            Tag(APPLICATION_EFFECTIVE_DATE, "Application Effective Date", "n"),
            Tag(ISSUER_COUNTRY_CODE, "Issuer Country Code", "n"),
            Tag(TRANSACTION_CURRENCY_CODE, "Transaction Currency Code", "n"),
            Tag(LANGUAGE_PREFERENCE, "Language Preference", "an"),
            Tag(SERVICE_CODE, "Service Code", "n"),
            Tag(PAN_SEQUENCE_NUMBER, "Application PAN Sequence Number", "n"),
            Tag(TRANSACTION_CURRENCY_EXPONENT, "Transaction Currency Exponent", "n"),
            Tag(APPLICATION_TEMPLATE, "Application Template", "b"),
            Tag(FCI_TEMPLATE, "File Control Information Template", "b"),
            Tag(RECORD_TEMPLATE, "READ RECORD Response Message Template", "b"),
            Tag(ISSUER_SCRIPT_TEMPLATE_1, "Issuer Script Template 1", "b"),
            Tag(ISSUER_SCRIPT_TEMPLATE_2, "Issuer Script Template 2", "b"),
            Tag(DIRECTORY_DISCRETIONARY_TEMPLATE, "Directory Discretionary Template", "b"),
            Tag(RESPONSE_FORMAT_2, "Response Message Template Format 2", "b"),
            Tag(RESPONSE_FORMAT_1, "Response Message Template Format 1", "b"),
            Tag(APPLICATION_INTERCHANGE_PROFILE, "Application Interchange Profile", "b"),
            Tag(COMMAND_TEMPLATE, "Command Template", "b"),
            Tag(DF_NAME, "Dedicated File Name", "b"),
            Tag(ISSUER_SCRIPT_COMMAND, "Issuer Script Command", "b"),
            Tag(APPLICATION_PRIORITY_INDICATOR, "Application Priority Indicator", "b"),
            Tag(SHORT_FILE_IDENTIFIER, "Short File Identifier", "b"),
            Tag(AUTHORISATION_CODE, "Authorisation Code", "ans"),
            Tag(AUTHORISATION_RESPONSE_CODE, "Authorisation Response Code", "an"),
            Tag(CDOL1, "Card Risk Management Data Object List 1", "b"),
            Tag(CDOL2, "Card Risk Management Data Object List 2", "b"),
            Tag(CVM_LIST, "Cardholder Verification Method List", "b"),
            Tag(CA_PUBLIC_KEY_INDEX, "Certification Authority Public Key Index", "b"),
            Tag(ISSUER_PUBLIC_KEY_CERTIFICATE, "Issuer Public Key Certificate", "b"),
            Tag(ISSUER_AUTHENTICATION_DATA, "Issuer Authentication Data", "b"),
            Tag(ISSUER_PUBLIC_KEY_REMAINDER, "Issuer Public Key Remainder", "b"),
            Tag(SIGNED_STATIC_APPLICATION_DATA, "Signed Static Application Data", "b"),
            Tag(APPLICATION_FILE_LOCATOR, "Application File Locator", "b"),
            Tag(TERMINAL_VERIFICATION_RESULTS, "Terminal Verification Results", "b"),
            Tag(TDOL, "Transaction Certificate Data Object List", "b"),
            Tag(TRANSACTION_DATE, "Transaction Date", "n"),
            Tag(TRANSACTION_STATUS_INFORMATION, "Transaction Status Information", "b"),
            Tag(TRANSACTION_TYPE, "Transaction Type", "n"),
            Tag(DDF_NAME, "Directory Definition File Name", "b"),
            Tag(FCI_PROPRIETARY_TEMPLATE, "File Control Information Proprietary Template", "b"),
            Tag(
                FCI_ISSUER_DISCRETIONARY_DATA,
                "File Control Information Issuer Discretionary Data",
                "b",
            ),
            Tag(ACQUIRER_IDENTIFIER, "Acquirer Identifier", "n"),
            Tag(AMOUNT_AUTHORISED, "Amount, Authorised", "n"),
            Tag(AMOUNT_OTHER, "Amount, Other", "n"),
            Tag(APPLICATION_IDENTIFIER_TERMINAL, "Application Identifier, Terminal", "b"),
            Tag(APPLICATION_USAGE_CONTROL, "Application Usage Control", "b"),
            Tag(APPLICATION_VERSION_NUMBER_CARD, "Application Version Number, Card", "b"),
            Tag(APPLICATION_VERSION_NUMBER_TERMINAL, "Application Version Number, Terminal", "b"),
            Tag(ISSUER_ACTION_CODE_DEFAULT, "Issuer Action Code - Default", "b"),
            Tag(ISSUER_ACTION_CODE_DENIAL, "Issuer Action Code - Denial", "b"),
            Tag(ISSUER_ACTION_CODE_ONLINE, "Issuer Action Code - Online", "b"),
            Tag(ISSUER_APPLICATION_DATA, "Issuer Application Data", "b"),
            Tag(ISSUER_CODE_TABLE_INDEX, "Issuer Code Table Index", "n"),
            Tag(APPLICATION_PREFERRED_NAME, "Application Preferred Name", "ans"),
            Tag(LAST_ONLINE_ATC_REGISTER, "Last Online ATC Register", "b"),
            Tag(MERCHANT_CATEGORY_CODE, "Merchant Category Code", "n"),
            Tag(MERCHANT_IDENTIFIER, "Merchant Identifier", "ans"),
            Tag(PIN_TRY_COUNTER, "PIN Try Counter", "b"),
            Tag(TOKEN_REQUESTOR_ID, "Token Requestor ID", "n"),
            Tag(TERMINAL_COUNTRY_CODE, "Terminal Country Code", "n"),
            Tag(TERMINAL_FLOOR_LIMIT, "Terminal Floor Limit", "b"),
            Tag(TERMINAL_IDENTIFICATION, "Terminal Identification", "an"),
            Tag(TERMINAL_RISK_MANAGEMENT_DATA, "Terminal Risk Management Data", "b"),
            Tag(INTERFACE_DEVICE_SERIAL_NUMBER, "Interface Device Serial Number", "an"),
            Tag(TRACK_1_DISCRETIONARY_DATA, "Track 1 Discretionary Data", "ans"),
            Tag(TRACK_2_DISCRETIONARY_DATA, "Track 2 Discretionary Data", "cn"),
            Tag(TRANSACTION_TIME, "Transaction Time", "n"),
            Tag(PAYMENT_ACCOUNT_REFERENCE, "Payment Account Reference", "an"),
            Tag(LAST_4_DIGITS_OF_PAN, "Last 4 Digits of PAN", "n"),
            Tag(APPLICATION_CRYPTOGRAM, "Application Cryptogram", "b"),
            Tag(CRYPTOGRAM_INFORMATION_DATA, "Cryptogram Information Data", "b"),
            Tag(EXTENDED_SELECTION, "Extended Selection", "b"),
            Tag(KERNEL_IDENTIFIER, "Kernel Identifier", "b"),
            Tag(ISSUER_PUBLIC_KEY_EXPONENT, "Issuer Public Key Exponent", "b"),
            Tag(TERMINAL_CAPABILITIES, "Terminal Capabilities", "b"),
            Tag(CVM_RESULTS, "Cardholder Verification Method Results", "b"),
            Tag(TERMINAL_TYPE, "Terminal Type", "n"),
            Tag(ATC, "Application Transaction Counter", "b"),
            Tag(UNPREDICTABLE_NUMBER, "Unpredictable Number", "b"),
            Tag(PDOL, "Processing Options Data Object List", "b"),
            Tag(POINT_OF_SERVICE_ENTRY_MODE, "Point-of-Service Entry Mode", "n"),
            Tag(ADDITIONAL_TERMINAL_CAPABILITIES, "Additional Terminal Capabilities", "b"),
            Tag(TRANSACTION_SEQUENCE_COUNTER, "Transaction Sequence Counter", "n"),
            Tag(APPLICATION_CURRENCY_CODE, "Application Currency Code", "n"),
            Tag(APPLICATION_CURRENCY_EXPONENT, "Application Currency Exponent", "n"),
            Tag(DATA_AUTHENTICATION_CODE, "Data Authentication Code", "b"),
            Tag(ICC_PUBLIC_KEY_CERTIFICATE, "ICC Public Key Certificate", "b"),
            Tag(ICC_PUBLIC_KEY_EXPONENT, "ICC Public Key Exponent", "b"),
            Tag(ICC_PUBLIC_KEY_REMAINDER, "ICC Public Key Remainder", "b"),
            Tag(DDOL, "Dynamic Data Authentication Data Object List", "b"),
            Tag(STATIC_DATA_AUTHENTICATION_TAG_LIST, "Static Data Authentication Tag List", "b"),
            Tag(SIGNED_DYNAMIC_APPLICATION_DATA, "Signed Dynamic Application Data", "b"),
            Tag(ICC_DYNAMIC_NUMBER, "ICC Dynamic Number", "b"),
            Tag(LOG_ENTRY, "Log Entry", "b"),
            Tag(MERCHANT_NAME_AND_LOCATION, "Merchant Name and Location", "ans"),
            Tag(LOG_FORMAT, "Log Format", "b"),
            Tag(APPLICATION_PROGRAM_IDENTIFIER, "Application Program Identifier", "b"),
            Tag(FORM_FACTOR_INDICATOR, "Form Factor Indicator", "b"),
            Tag(MERCHANT_CUSTOM_DATA, "Merchant Custom Data", "b"),
            Tag(CPLC, "Card Production Life Cycle Data", "b"),
        )
    }
)


def name_of(tag: int) -> str:
    """The standard's name of a tag, or the tag itself in hex where the table has no name.

    >>> name_of(0x9F37), name_of(0xDF8117)
    ('Unpredictable Number', 'DF8117')
    """
    known = TAGS.get(tag)
    return known.name if known else f"{tag:02X}"
