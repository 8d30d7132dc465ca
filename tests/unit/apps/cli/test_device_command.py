"""`zheton device manufacture`, and what each holder of keys can do with the band afterwards."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from zheton.adapters.issuer_domain_keys import IssuerDomainKeys
from zheton.apps.bands import Band, open_band
from zheton.apps.cli.device import app
from zheton.apps.wiring import Installation
from zheton.core.crypto.kcv import kcv_aes
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import ConfigurationError, ConflictError, VerificationError
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element.element import Interface
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, WELL_KNOWN_KEYS

CHALLENGE = bytes(8)


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["manufacture", *arguments, "--data", str(folder)])
    if result.exception:
        raise result.exception
    return result.output


def sent(band: Band, command: Command, over: Interface = Interface.HOST) -> Response:
    now = Installation(Path()).clock.now()
    return Response.decode(band.element.transmit(over, command.encode(), now))


def opened(band: Band, aid: bytes, keys: StaticKeys, over: Interface) -> HostSession:
    assert sent(band, Command(0x00, 0xA4, 4, 0, aid, le=256), over).ok
    answer = sent(band, initialize_update(CHALLENGE), over)
    session, authenticate = open_session(
        keys, SecurityLevel.C_MAC, CHALLENGE, InitializeUpdateResponse.decode(answer.data)
    )
    assert sent(band, authenticate, over).ok
    return session


def test_each_domain_opens_for_its_holder_and_for_nobody_else(tmp_path: Path) -> None:
    told = run(tmp_path, "anna")
    on = Installation(tmp_path)
    band = open_band(on, "anna")
    assert band.serial.upper() in told
    wallet = on.issuer_domain_keys.of(bytes.fromhex(band.serial))
    provider = on.keys.device_keys(band.serial)
    assert kcv_aes(wallet.enc).hex().upper() in told
    assert kcv_aes(provider.enc).hex().upper() in told
    lock = opened(band, ISSUER_DOMAIN_AID, wallet, Interface.HOST).wrap(
        Command(0x80, 0xF0, 0x60, 0x80, PAYMENT_DOMAIN_AID)
    )
    assert sent(band, lock).ok
    unlock = opened(band, ISSUER_DOMAIN_AID, wallet, Interface.HOST).wrap(
        Command(0x80, 0xF0, 0x60, 0x00, PAYMENT_DOMAIN_AID)
    )
    assert sent(band, unlock).ok
    opened(band, PAYMENT_DOMAIN_AID, provider, Interface.HOST)
    for aid, wrong in ((PAYMENT_DOMAIN_AID, wallet), (ISSUER_DOMAIN_AID, provider)):
        with pytest.raises(VerificationError):
            opened(band, aid, wrong, Interface.HOST)
    assert sent(band, Command(0x00, 0xA4, 4, 0, le=256), Interface.NFC).sw == 0x6A82
    band.close()
    on.close()


def test_a_laboratorys_band_opens_to_everybody_in_a_reader(tmp_path: Path) -> None:
    assert "everybody" in run(tmp_path, "bench", "--lab")
    on = Installation(tmp_path)
    band = open_band(on, "bench")
    opened(band, ISSUER_DOMAIN_AID, WELL_KNOWN_KEYS, Interface.NFC)
    band.close()
    on.close()


def test_a_band_is_made_once(tmp_path: Path) -> None:
    run(tmp_path, "anna")
    with pytest.raises(ConflictError, match="manufactured already"):
        run(tmp_path, "anna", "--lab")


def test_keys_of_two_chips_and_of_two_wallets_differ_and_nothing_prints_them(
    tmp_path: Path,
) -> None:
    keys = IssuerDomainKeys(bytes(range(32)))
    one, other = keys.of(bytes(10)), keys.of(bytes(9) + b"\x01")
    stranger = IssuerDomainKeys(bytes(32)).of(bytes(10))
    parts = {part for each in (one, other, stranger) for part in (each.enc, each.mac, each.dek)}
    assert len(parts) == 9
    assert repr(keys) == "IssuerDomainKeys(<secret>)"
    with pytest.raises(ConfigurationError):
        IssuerDomainKeys(bytes(31))
    on = Installation(tmp_path)
    assert on.issuer_domain_keys.of(bytes(10)) == on.issuer_domain_keys.of(bytes(10))
    secret = tmp_path / "wallet-issuer-domains.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
