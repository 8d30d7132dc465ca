"""What the PC/SC adapter makes of T=0 and of a service that fails; readers are system tests."""

import sys
from types import SimpleNamespace

import pytest

from zheton.adapters.pcsc import PcscCard, readers
from zheton.core.errors import ConfigurationError, UnreachableError
from zheton.roles.terminal.ports import CardGoneError

GONE, BROKEN = 7, 8


class Service:
    """The functions of `smartcard.scard` that a connected card uses, with a script of answers."""

    SCARD_S_SUCCESS = 0
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_PCI_T0, SCARD_PCI_T1 = "T=0", "T=1"
    SCARD_W_REMOVED_CARD = SCARD_W_RESET_CARD = SCARD_W_UNPOWERED_CARD = GONE
    SCARD_W_UNRESPONSIVE_CARD = SCARD_E_NO_SMARTCARD = SCARD_E_NOT_TRANSACTED = GONE

    def __init__(self, *answers: str, code: int = 0) -> None:
        self._answers = [bytes.fromhex(answer) for answer in answers]
        self._code = code
        self.sent: list[str] = []

    def SCardTransmit(self, handle: int, header: str, command: list[int]) -> tuple[int, list[int]]:
        self.sent.append(f"{header} {bytes(command).hex()}")
        return self._code, list(
            self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        )

    def SCardGetErrorMessage(self, code: int) -> str:
        return f"code {code}."


def exchange(service: Service, command: str, protocol: int) -> str:
    return PcscCard(service, 0, protocol).transceive(bytes.fromhex(command)).hex()


def test_in_t1_a_command_goes_as_it_is() -> None:
    service = Service("01029000")
    assert exchange(service, "00a4040002aabb00", 2) == "01029000"
    assert service.sent == ["T=1 00a4040002aabb00"]


def test_in_t0_the_data_are_fetched_with_get_response() -> None:
    service = Service("6103", "01026101", "039000")
    assert exchange(service, "00a4040002aabb00", 1) == "0102039000"
    assert service.sent == ["T=0 00a4040002aabb", "T=0 00c0000003", "T=0 00c0000001"]


def test_in_t0_a_wrong_le_is_corrected() -> None:
    service = Service("6c02", "01029000")
    assert exchange(service, "00b2010c00", 1) == "01029000"
    assert service.sent == ["T=0 00b2010c00", "T=0 00b2010c02"]


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("answer", "status"),
    [("6101", "6101"), ("6c01", "6c01"), ("00" * 256 + "6100", "6100")],
)
def test_a_card_that_only_announces_is_asked_a_bounded_number_of_times(
    protocol: int, answer: str, status: str
) -> None:
    """ISO 7816-4, 5.6 sets no bound; the status that is left is a failure to every terminal."""
    service = Service(answer)
    assert exchange(service, "00b2010c00", protocol) == status
    assert len(service.sent) == 300


def test_in_t1_a_wrong_le_is_corrected_and_the_data_stay() -> None:
    service = Service("6c02", "01029000")
    assert exchange(service, "00a4040002aabb00", 2) == "01029000"
    assert service.sent == ["T=1 00a4040002aabb00", "T=1 00a4040002aabb02"]


def test_256_bytes_are_asked_for_by_a_zero() -> None:
    service = Service("6c00", "01029000")
    assert exchange(service, "00b2010c01", 2) == "01029000"
    assert service.sent[-1] == "T=1 00b2010c00"


def test_less_than_a_status_word_is_left_to_the_terminal() -> None:
    assert exchange(Service("90"), "00b2010c00", 2) == "90"


def test_a_card_that_left_differs_from_a_reader_that_broke() -> None:
    with pytest.raises(CardGoneError):
        exchange(Service("9000", code=GONE), "00b2010c00", 2)
    with pytest.raises(UnreachableError) as caught:
        exchange(Service("9000", code=BROKEN), "00b2010c00", 2)
    assert not isinstance(caught.value, CardGoneError)


def test_a_missing_pyscard_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    with pytest.raises(ConfigurationError, match="make pcsc"):
        readers()


def test_a_service_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scard = SimpleNamespace(
        **{name: GONE for name in dir(Service) if name.startswith("SCARD_")}
        | {"SCARD_S_SUCCESS": 0, "SCARD_SCOPE_USER": 0},
        SCardEstablishContext=lambda scope: (BROKEN, None),
        SCardGetErrorMessage=lambda code: "Service not available.",
    )
    monkeypatch.setitem(sys.modules, "smartcard.scard", scard)
    with pytest.raises(UnreachableError, match="is pcscd running"):
        readers()
