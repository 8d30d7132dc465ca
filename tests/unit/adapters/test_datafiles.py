"""The shipped files say what the rollout of 2019 was, and errors name the file."""

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from zheton.adapters.datafiles import load_policy, load_schemes
from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.policy.compiled import Policy
from zheton.core.policy.rule import Moment, Question
from zheton.core.token.domain import Channel, Device

LAUNCH = date(2019, 8, 31)
DATA = files("zheton") / "data"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


def debit(region: str, network: str, channel: Channel, on: date) -> Question:
    return Question(Moment.DEBIT, country(region), network, on, channel, Device.BAND)


@pytest.mark.parametrize("device", Device)
@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize(
    ("region", "network", "on", "allowed"),
    [
        ("CN", "unionpay", date(2019, 6, 1), {Channel.TILL, Channel.ONLINE}),
        ("CN", "mastercard", date(2019, 6, 1), {Channel.TILL, Channel.ONLINE}),
        ("IN", "mastercard", date(2019, 6, 1), {Channel.ONLINE}),
        ("RU", "mastercard", date(2019, 8, 30), set()),
        ("RU", "mastercard", LAUNCH, {Channel.TILL, Channel.ONLINE}),
        ("RU", "visa", LAUNCH, set()),
        ("RU", "unionpay", LAUNCH, set()),
        ("UA", "mastercard", date(2019, 8, 30), set()),
        ("UA", "mastercard", LAUNCH, {Channel.TILL, Channel.ONLINE}),
        ("UA", "visa", LAUNCH, set()),
        ("DE", "mastercard", date(2030, 1, 1), set()),
        ("US", "unionpay", date(2030, 1, 1), set()),
    ],
)
def test_the_rollout_of_2019(
    policy: Policy,
    region: str,
    network: str,
    on: date,
    allowed: set[Channel],
    channel: Channel,
    device: Device,
) -> None:
    question = Question(Moment.DEBIT, country(region), network, on, channel, device)
    assert policy.decide(question).allowed == (channel in allowed)


def test_a_visa_card_in_russia_is_refused_with_mastercard_only(policy: Policy) -> None:
    decision = policy.decide(Question(Moment.ENROLMENT, country("RUS"), "visa", LAUNCH))
    assert decision.text == "Russia: Mastercard only (rule ru-network)"
    assert (decision.rule, decision.from_date) == ("ru-network", None)


def test_an_indian_card_can_be_enrolled_for_its_web_shops(policy: Policy) -> None:
    assert policy.decide(Question(Moment.ENROLMENT, country("IN"), "mastercard", LAUNCH)).allowed
    till = policy.decide(debit("IN", "mastercard", Channel.TILL, LAUNCH))
    assert till.text == "India: online only, not at the till (rule in-till)"


def test_before_its_launch_russia_says_from_when(policy: Policy) -> None:
    decision = policy.decide(debit("643", "mastercard", Channel.TILL, date(2019, 7, 1)))
    assert decision.from_date == LAUNCH
    assert decision.text.startswith("Russia opens on 2019-08-31: ")
    assert decision.text.endswith("(rule ru-launch); this debit is of 2019-07-01")


def test_a_mistake_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\nversion = \n')
    with pytest.raises(ConfigurationError, match=r"mine\.toml: it is no TOML: .*line 2"):
        load_policy(path)
    path.write_text('name = "x"\nversion = 1\n[[rule]]\nname = "a"\nalow = true\n')
    with pytest.raises(ConfigurationError, match=r"mine\.toml: rule a: unknown key 'alow'"):
        load_policy(path)
    with pytest.raises(ConfigurationError, match=r"absent\.toml: it can't be read \(No such file"):
        load_policy(tmp_path / "absent.toml")


def test_a_file_that_is_no_text_or_too_long_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is no TOML"):
        load_policy(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigurationError, match="longer than 1000000 bytes"):
        load_policy(path)


def test_the_shipped_networks() -> None:
    schemes = load_schemes()
    assert set(schemes.by_name) == {"mastercard", "unionpay", "visa"}
    mastercard = schemes.named("mastercard")
    assert mastercard.aid == bytes.fromhex("A0000000041010")
    assert mastercard.cryptogram.data[0] == "9F02"
    assert schemes.named("unionpay").token_bins == ("62355312",)


def scheme_file(directory: Path, name: str, *changes: tuple[str, str]) -> None:
    text = (DATA / "schemes" / "mastercard-like.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (directory / name).write_text(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kernel_id", "kernel", r"mine\.toml: unknown key 'kernel'; perhaps 'kernel_id'"),
        ("kernel_id = 2", 'kernel_id = "2"', r"'kernel_id' must be there, as int"),
        ('"A0000000041010"', '"A000"', r"aid is written as 5 to 16 bytes"),
        ('"A0000000041010"', '"AZ00000000"', r"aid is written as 5 to 16 bytes"),
        ('["520473"]', '["52O473"]', r"token_bins holds digits"),
        ('["51", "55"]', '["55", "51"]', r"pan_prefixes are ranges"),
        ('["51", "55"]', '"51"', r"pan_prefixes are ranges"),
        ('"mchip"', '"mship"', r"layout is one of mchip, ccd"),
        ("arpc_method = 1", "arpc_method = 3", r"arpc_method is one of 1, 2"),
        ("[cryptogram]", "[cryptogramm]", r"unknown key 'cryptogramm'; perhaps 'cryptogram'"),
    ],
)
def test_a_network_with_a_mistake_is_an_error(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    scheme_file(tmp_path, "mine.toml", (old, new))
    with pytest.raises(ConfigurationError, match=message):
        load_schemes(tmp_path)


def test_networks_share_neither_names_nor_token_ranges(tmp_path: Path) -> None:
    scheme_file(tmp_path, "a.toml")
    scheme_file(tmp_path, "b.toml")
    with pytest.raises(ConfigurationError, match=r"b\.toml: another file describes 'mastercard'"):
        load_schemes(tmp_path)
    scheme_file(tmp_path, "b.toml", ('"mastercard"', '"second"'), ('"520473"', '"52047312"'))
    with pytest.raises(ConfigurationError, match=r"token BIN 52047312 overlaps one of mastercard"):
        load_schemes(tmp_path)


def test_a_directory_without_networks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no network is described here"):
        load_schemes(tmp_path)


def test_a_range_may_be_kept_for_regions(tmp_path: Path) -> None:
    kept = '[{ bin = "52047411", regions = ["IN"] }, "520473"]'
    scheme_file(tmp_path, "mine.toml", ('["520473"]', kept))
    scheme = load_schemes(tmp_path).named("mastercard")
    assert scheme.token_bins == ("52047411", "520473")
    assert scheme.bins_in("IN") == ("52047411", "520473")
    assert scheme.bins_in("RU") == ("520473",)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ('["520473", "52047311"]', "overlaps another one"),
        ('["520473", "520473"]', "overlaps another one"),
        ('[{ bin = "520473", regions = [] }]', "for no region"),
        ('[{ bin = "520473", regions = ["IND"] }]', "alpha-2"),
        ('[{ bin = "520473", regions = [1] }]', "alpha-2"),
        ('[{ bin = "520473" }]', "'regions' must be there"),
    ],
)
def test_a_range_that_nobody_could_use_is_told(tmp_path: Path, ranges: str, message: str) -> None:
    scheme_file(tmp_path, "mine.toml", ('["520473"]', ranges))
    with pytest.raises(ConfigurationError, match=message):
        load_schemes(tmp_path)
