"""How the people of the lab wear a device: on the wrist, unlocked by the passcode of them all."""

from datetime import datetime

from zheton.roles.element.element import Element

PASSCODE = "2580"


def wear(element: Element, now: datetime) -> None:
    """Put it on and enter the passcode, which is set at the first time; once is enough for a day.

    Where somebody has set another one, it stays locked, and arming says so.
    """
    element.put_on()
    status = element.status(now)
    if status.verified or status.tries_left == 0:
        return
    if status.tries_left is None:
        element.set_passcode(PASSCODE)
    if element.status(now).tries_left != 1:  # the last try is its owner's
        element.enter_passcode(PASSCODE, now)
