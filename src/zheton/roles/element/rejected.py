"""The one way in which a management command or a package is refused from within."""

from zheton.core.emv import status
from zheton.core.errors import ConflictError


class Rejected(ConflictError):
    """It does not apply, and nothing has changed; `sw` is the status word that says why."""

    def __init__(self, sw: int) -> None:
        super().__init__(status.meaning(sw))
        self.sw = sw
