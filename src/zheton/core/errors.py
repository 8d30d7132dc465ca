"""The one exception tree. A decline is a value (`core.decline`) and never an exception.

    ZhetonError
    ├── DecodeError         bytes from outside are not what the standard says
    ├── EncodeError         a value does not fit the field it was meant for
    ├── VerificationError   a MAC, cryptogram or signature is not right
    ├── ConfigurationError  a file, setting or argument of the operator is wrong
    ├── NotFoundError       what was named is not there
    ├── ConflictError       the state of a thing forbids what was asked
    ├── RefusedError        another party answered with a refusal, and says why
    └── UnreachableError    another party, a port or a reader does not answer

No message carries a card number or a key: it names the field and the place instead.
"""


class ZhetonError(Exception):
    """Everything that Zheton raises on purpose; its text is one sentence for a person."""


class DecodeError(ZhetonError):
    """Bytes that do not decode. `field` names the data element, `offset` counts bytes from 0."""

    def __init__(self, problem: str, *, field: str, offset: int) -> None:
        super().__init__(f"{field} at byte {offset}: {problem}")
        self.problem, self.field, self.offset = problem, field, offset


class EncodeError(ZhetonError):
    """A value that does not fit `field`; the value itself is never part of the text."""

    def __init__(self, problem: str, *, field: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.problem, self.field = problem, field


class VerificationError(ZhetonError):
    """A cryptogram, MAC or signature that does not verify. It does not say in which part."""


class ConfigurationError(ZhetonError):
    """A file, setting or argument that the operator has to change."""


class NotFoundError(ZhetonError):
    """A user, card, device, token or till that is not there."""


class ConflictError(ZhetonError):
    """The state of a thing forbids what was asked."""


class RefusedError(ZhetonError):
    """Another party refused; `reason` is its machine-readable name, the text is for a person."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class UnreachableError(ZhetonError):
    """Another party, a port or a reader that does not answer."""
