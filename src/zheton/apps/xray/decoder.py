"""From crossings to steps, one after the other as they come: the console's live X-ray.

Nothing that crosses can make it fail: what a protocol's decoder does not understand is shown as
bytes. Card numbers are masked here, at the last moment, in everything that leaves.
"""

from collections.abc import Iterable

from zheton.apps.trace import Crossing
from zheton.apps.xray import files, http, messages
from zheton.apps.xray.apdu import ApduDecoder
from zheton.apps.xray.masking import Mask
from zheton.apps.xray.step import Field, Opened, Step
from zheton.apps.xray.words import count, short
from zheton.core.errors import ZhetonError
from zheton.core.scp03.keys import StaticKeys
from zheton.core.token.pan import Pan

HEX_BYTES_MAX = 4_096
FIELDS_MAX = 256
VALUE_MAX = 1_024
SPENT_MAX = 10_000
_PRESENTED = ("DE2", "5A")
_MARGIN = 256  # masked with what is shown, so that no number is cut in two by the bound


class Decoder:
    """Opens the crossings of one trace in their order; `pan` is hidden wherever it stands.

    With `chip_keys`, a payment domain's, packages for that chip are opened too.
    """

    def __init__(self, pan: Pan | None, chip_keys: StaticKeys | None = None) -> None:
        self._mask = Mask([pan.reveal()] if pan else [])
        self._apdus = ApduDecoder(chip_keys)
        self._spent: set[str] = set()
        self._count = 0

    def feed(self, crossing: Crossing) -> Step:
        """The next step."""
        self._count += 1
        opened = self._open(crossing)
        mask = self._mask_for(crossing)
        self._learn(opened)
        fields = tuple(_masked(mask, each) for each in opened.fields[:FIELDS_MAX])
        return Step(
            n=self._count,
            title=mask.text(short(opened.title, 120)),
            at_ms=crossing.at_ms,
            took_ms=crossing.took_ms or 0.0,
            source=crossing.source,
            target=crossing.target,
            protocol=crossing.protocol,
            summary=mask.text(short(opened.summary, 400)),
            hex=mask.hex(_shown(crossing))[: 2 * HEX_BYTES_MAX],
            fields=fields,
        )

    def _mask_for(self, crossing: Crossing) -> Mask:
        """In text for people any number of 16 digits is hidden that no debit has used yet."""
        if crossing.protocol in ("iso8583", "apdu", "file"):
            return self._mask
        return self._mask.also(http.numbers_in(crossing.data) - self._spent)

    def _learn(self, opened: Opened) -> None:
        """Numbers that a chip or a message has presented are spent."""
        if len(self._spent) < SPENT_MAX:
            self._spent |= {each.value for each in opened.fields if each.tag in _PRESENTED}

    def _open(self, crossing: Crossing) -> Opened:
        try:
            return self._by_protocol(crossing)
        except ZhetonError:
            size = count(len(crossing.data), "byte")
            title = short(crossing.note) or f"{crossing.protocol}, not understood"
            return Opened(title, size, (Field("Data", crossing.data.hex().upper(), size),))

    def _by_protocol(self, crossing: Crossing) -> Opened:
        match crossing.protocol:
            case "apdu":
                return self._apdus.open(crossing.source, crossing.target, crossing.data)
            case "iso8583":
                return messages.open_message(crossing.data)
            case "file":
                return files.open_file(crossing.note, crossing.data)
            case "typed":
                opened = http.open_http(crossing.note, crossing.data)
                return Opened(
                    short(crossing.note) or "Typed by hand", opened.summary, opened.fields
                )
            case _:
                return http.open_http(crossing.note, crossing.data)


def steps(
    crossings: Iterable[Crossing], pan: Pan | None, chip_keys: StaticKeys | None = None
) -> list[Step]:
    """The steps of a whole trace; `pan`, where given, is in none of them."""
    decoder = Decoder(pan, chip_keys)
    return [decoder.feed(crossing) for crossing in crossings]


def _masked(mask: Mask, field: Field) -> Field:
    return Field(
        mask.text(field.name),
        _cut(mask.text(field.value)),
        _cut(mask.text(field.meaning)),
        field.tag,
    )


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def _shown(crossing: Crossing) -> bytes:
    """The bytes that the dump shows: as many as its bound, secrets of a body blanked."""
    if crossing.protocol in ("http", "typed", "internal"):
        data = crossing.data
        for secret in http.secrets_in(data):
            data = data.replace(secret, b"*" * len(secret))
        return data[: HEX_BYTES_MAX + _MARGIN]
    return crossing.data[: HEX_BYTES_MAX + _MARGIN]
