"""Why the element does not pay, and what the device's screen says then, in two languages.

A band shows two dozen signs; the sentences are for whoever has room. A reader in the field is told
nothing of this: unarmed, every device answers alike.
"""

from enum import StrEnum

SCREEN_CHARACTERS_MAX = 24


class Refusal(StrEnum):
    """Why the element does not arm, or did not pay."""

    OFF_WRIST = "off-wrist"
    NO_CARD = "no-card"
    CARD_LOCKED = "card-locked"
    SUSPENDED = "suspended"
    PASSCODE_LOCKED = "passcode-locked"
    NO_PASSCODE = "no-passcode"
    PASSCODE_NEEDED = "passcode-needed"
    NO_CREDENTIALS = "no-credentials"
    EXPIRED = "expired"


_SENTENCE = {
    Refusal.OFF_WRIST: "Put it on to pay.",
    Refusal.NO_CARD: "There is no such card here: add one in the app.",
    Refusal.CARD_LOCKED: "This card is locked: see the app.",
    Refusal.SUSPENDED: "This card is suspended: see the app.",
    Refusal.PASSCODE_LOCKED: "Too many wrong passcodes: unlock it in the app.",
    Refusal.NO_PASSCODE: "Set a passcode to pay.",
    Refusal.PASSCODE_NEEDED: "Enter the passcode and tap again.",
    Refusal.NO_CREDENTIALS: "No payments left: sync with the app.",
    Refusal.EXPIRED: "This card's payments are not valid today: sync with the app.",
}
_SCREEN = {
    "en": {
        Refusal.OFF_WRIST: "Put it on to pay",
        Refusal.NO_CARD: "Add a card in the app",
        Refusal.CARD_LOCKED: "Card locked: see app",
        Refusal.SUSPENDED: "Card suspended: see app",
        Refusal.PASSCODE_LOCKED: "Locked: unlock in app",
        Refusal.NO_PASSCODE: "Set a passcode to pay",
        Refusal.PASSCODE_NEEDED: "Enter passcode, tap",
        Refusal.NO_CREDENTIALS: "No payments left: sync",
        Refusal.EXPIRED: "Out of date: sync",
    },
    "ru": {
        Refusal.OFF_WRIST: "Наденьте, чтобы платить",
        Refusal.NO_CARD: "Нужна карта из телефона",
        Refusal.CARD_LOCKED: "Карта заблокирована",
        Refusal.SUSPENDED: "Карта приостановлена",
        Refusal.PASSCODE_LOCKED: "Код заблокирован",
        Refusal.NO_PASSCODE: "Задайте код для оплаты",
        Refusal.PASSCODE_NEEDED: "Введите код, приложите",
        Refusal.NO_CREDENTIALS: "Нет оплат: обновите",
        Refusal.EXPIRED: "Срок вышел: обновите",
    },
}
_DEFAULT = "en"


def sentence(refusal: Refusal) -> str:
    """The refusal as an English sentence."""
    return _SENTENCE[refusal]


def on_screen(refusal: Refusal, languages: str) -> str:
    """The refusal in 24 signs, in the first language of 5F2D (an2 to an8) that is here.

    >>> on_screen(Refusal.PASSCODE_NEEDED, "ruen")
    'Введите код, приложите'
    >>> on_screen(Refusal.PASSCODE_NEEDED, "ja")
    'Enter passcode, tap'
    """
    wanted = [languages[at : at + 2] for at in range(0, len(languages), 2)]
    language = next((each for each in wanted if each in _SCREEN), _DEFAULT)
    return _SCREEN[language][refusal]
