"""What a town lives through while it is listened to: all that goes well, and all that does not.

To hunt through something new, add a step here, and to `LAWS` what it leads where.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.hunt.canaries import EXPIRY, PLENTY, UNKNOWN, Canary
from tests.hunt.secrets import (
    CARD,
    CHIP_KEY,
    HOLDER,
    ISSUER_KEY,
    MISPLACED,
    NUMBER,
    ONLINE_NUMBER,
    PASSPHRASE,
    SESSION_KEY,
    SPILLED,
    VAULT_KEY,
)
from tests.hunt.town import Town
from tests.hunt.verdict import Law
from zheton.apps.parties import Role

TYPED = f"{EXPIRY[2:]}/{EXPIRY[:2]}"
SHOP = "MSKWEBSHOP"

LAWS: Mapping[str, Law] = {
    CARD: Law(
        (
            "memory of form",
            "memory of tsp",
            "memory of network",
            "memory of issuer",
            "packets to issuer",
            "packets from issuer",
            "memory of network-office",
            "file data/clearing/to-issuer.ipm",
            "memory of issuer-office",
        )
    ),
    # Somebody sent it to where no card number belongs: it passes, and nobody may keep it.
    SPILLED: Law(
        ("memory of outsider", "log of outsider", "packets to wallet", "packets to acquirer"),
        ("memory of wallet", "memory of acquirer"),
    ),
    MISPLACED: Law(("log of outsider", "packets to tsp"), ("memory of outsider", "memory of tsp")),
    HOLDER: Law(("file data/issuer.db*", "memory of issuer"), ("memory of issuer-office",)),
    NUMBER: Law(
        (
            "memory of tsp",
            "memory of element",
            "file data/bands/*.se",
            "packets from element's NFC side",
            "memory of terminal",
            "packets to acquirer",
            "memory of acquirer",
            "file data/acquirer.db*",
            "packets to network",
            "memory of network",
            "file data/clearing/to-network.ipm",
        ),
        (
            "packets from network",
            "packets * issuer",
            "memory of issuer",
            "memory of *-office",
        ),
    ),
    ONLINE_NUMBER: Law(
        ("packets to acquirer", "packets to network"),
        (
            "memory of companion",
            "memory of terminal",
            "memory of tsp",
            "memory of acquirer",
            "file data/acquirer.db*",
            "packets * network",
            "memory of network",
            "packets * issuer",
            "memory of issuer",
            "memory of *-office",
            "file data/clearing/to-network.ipm",
        ),
    ),
    SESSION_KEY: Law(
        ("memory of tsp", "memory of element", "file data/bands/*.se"), ("memory of network",)
    ),
    VAULT_KEY: Law(("memory of tsp", "memory of network"), ("memory of network-office",)),
    CHIP_KEY: Law(("memory of element", "file data/bands/*.se"), ("memory of tsp",)),
    PASSPHRASE: Law(
        ("file passphrase",), ("memory of tsp", "memory of network", "memory of network-office")
    ),
    ISSUER_KEY: Law(("memory of issuer", "file data/issuer.key"), ("memory of issuer-office",)),
}


@dataclass(frozen=True)
class Cast:
    """The canaries: those with an account and what is on it, and those who only try."""

    payer: Canary = field(default_factory=lambda: Canary.drawn("payer"))
    poor: Canary = field(default_factory=lambda: Canary.drawn("poor"))
    damaged: Canary = field(default_factory=lambda: Canary.drawn("damaged"))
    late: Canary = field(default_factory=lambda: Canary.drawn("late"))
    stranger: Canary = field(default_factory=lambda: Canary.drawn("stranger"))
    foreign: Canary = field(default_factory=lambda: Canary.drawn("foreign", UNKNOWN))
    excluded: Canary = field(default_factory=lambda: Canary.drawn("excluded", "4111"))
    astray: Canary = field(default_factory=lambda: Canary.drawn("astray"))
    broken: Canary = field(default_factory=lambda: Canary.drawn("broken"))
    spilled: Canary = field(default_factory=lambda: Canary.drawn("spilled"))
    misplaced: Canary = field(default_factory=lambda: Canary.drawn("misplaced"))

    @property
    def accounts(self) -> dict[Canary, int]:
        """Who has an account, and how many roubles are on it."""
        plenty = int(PLENTY)
        return {self.payer: plenty, self.poor: 1, self.damaged: plenty, self.late: plenty}

    @property
    def typed(self) -> tuple[Canary, ...]:
        """Whoever types a card number into an entry form."""
        return (
            self.payer, self.poor, self.damaged, self.late, self.stranger,
            self.foreign, self.excluded, self.astray, self.broken,
        )  # fmt: skip


@dataclass
class Story:
    """One run of a town; `cards` are those that pay, by canary."""

    town: Town
    cast: Cast
    signed_up: dict[str, Any] = field(default_factory=dict)
    key: dict[str, Any] = field(default_factory=dict)
    cards: dict[str, dict[str, str]] = field(default_factory=dict)
    amounts: Any = field(default_factory=lambda: count(100))

    def enrol(self) -> None:
        """Three cards become usable on one band."""
        phone = self.town.actors["companion"]
        serial = self.town.actors["element"].do("serial")
        self.signed_up = phone.do("sign_up", "Somebody", serial)
        self.key = phone.do("key")
        for canary in (self.cast.payer, self.cast.poor, self.cast.damaged):
            card = self.add(self.fill_form(canary.pan))
            code = self.code()
            phone.do("post", f"/v1/creditCards/{card['id']}/verify", {"code": code})
            self.cards[canary.id] = phone.do("get", f"/v1/creditCards/{card['id']}")
            assert phone.do("sync", self.signed_up["device"], 0, card["id"]) == 64

    def enter_wrongly(self) -> None:
        """Everything that can be wrong with a card that is typed, and what is said of it."""
        cast, form = self.cast, self.town.actors["form"]
        owner, key = self.signed_up["owner"], self.key
        form.refuses("fill", cast.payer.mistyped, TYPED, owner, key)
        form.refuses("fill", cast.late.pan, "13/9", owner, key)
        form.refuses("fill", cast.astray.pan, TYPED, owner, {**key, "thumbprint": "another"})
        content = {"pan": cast.payer.mistyped, "expiry": TYPED, "device": owner[0]}
        for sealed in (
            form.do("seal", json.dumps({**content, "appKey": owner[1]}), key),
            form.do("seal", json.dumps(content | {"pan": cast.late.pan}), key),
            form.do("seal", json.dumps({**content, "pan": {cast.late.pan: 1}}), key),
            form.do("seal", f"{cast.late.pan}{TYPED}", key),
            form.do("seal", f'{{"pan": "{cast.late.pan}"', key),
            form.do("fill", cast.late.pan, "13/30", owner, key),
            form.do("fill", cast.late.pan, "01/20", owner, key),
            form.do("fill", cast.foreign.pan, TYPED, owner, key),
            form.do("fill", cast.excluded.pan, TYPED, owner, key),
            form.do("fill", cast.stranger.pan, TYPED, owner, key),
            form.do("fill", cast.late.pan, TYPED, owner, key)[:-9],
        ):
            self.refused(sealed)

    def spill(self) -> None:
        """A card number goes where none belongs: into paths, queries, headers, bodies."""
        pan, outsider = self.cast.spilled.pan, self.town.actors["outsider"]
        wallet, acquirer = map(self.town.street.url, (Role.WALLET, Role.ACQUIRER))
        cards = f"{wallet}/v1/users/{outsider.do('sign_up', wallet)}/creditCards"
        for url, body in (
            (f"{wallet}/v1/creditCards/{pan}", None),
            (f"{wallet}/v1/users?pan={pan}", {"name": "Somebody", "pan": pan}),
            (f"{wallet}/v1/users", {"name": pan}),
            (cards, {"encryptedData": "....", "region": "RU", "title": f"My {pan}"}),
            (cards, {"encryptedData": pan, "region": "RU"}),
            (cards, {"encryptedData": f"{pan}....", "region": "RU"}),
            (cards, {"encryptedData": f"{pan}....", "region": pan}),
            (cards, pan),
            (cards, {pan: pan}),
            (f"{wallet}/v1/creditCards/{'0' * 32}/verify", {"code": pan}),
            (f"{acquirer}/v1/sales/{pan}?card={pan}", None),
            (f"{acquirer}/v1/sales", {"channel": pan, "terminal": pan, "number": pan}),
            (f"{acquirer}/v1/sales", {"channel": "online", "number": f"{pan}=", pan: 1}),
        ):
            headers = {"X-Card": pan, "User-Agent": pan}
            for method in ("POST",) if body else ("POST", "GET"):
                assert 400 <= outsider.do("request", method, url, body, headers) < 500, url

    def spill_inside(self) -> None:
        """A wallet sends a card number to the token service in the clear."""
        pan, outsider = self.cast.misplaced.pan, self.town.actors["outsider"]
        tsp, token = self.town.street.url(Role.TSP), self.cards["payer"]["tokenReference"]
        wallet = {"Authorization": f"Bearer {self.town.on.wallet_secret()}"}
        dashed = "-".join(pan[at : at + 4] for at in range(0, 16, 4))
        for url, body in (
            (f"{tsp}/v1/tokens?panSuffix={pan}&after={pan}", None),
            (f"{tsp}/v1/tokens/{pan}/history", None),
            (f"{tsp}/v1/cards/{pan}", None),
            (f"{tsp}/v1/tokens", {"encryptedPayload": pan, "region": "RU"}),
            (f"{tsp}/v1/tokens/{token}/suspend", {"reason": "fraud-suspected", "actorId": pan}),
            (f"{tsp}/v1/tokens/{token}/suspend", {"reason": "fraud-suspected", "actorId": dashed}),
            (f"{tsp}/v1/tokens/{token}/suspend", {"reason": pan}),
        ):
            way = "POST" if body else "GET"
            assert 400 <= outsider.do("request", way, url, body, wallet) < 500, url
        for change in ("suspend", "unsuspend"):
            keyed = {**wallet, "Idempotency-Key": f"{pan}-{change}"}
            told = {"reason": "cardholder-request"}
            url = f"{tsp}/v1/tokens/{token}/{change}"
            assert outsider.do("request", "POST", url, told, keyed) == 200

    def pay(self) -> None:
        """Taps and a purchase online, approved; one is taken back."""
        for _ in range(3):
            code, reference = self.tap("payer").split()
            assert code == "00"
        till = self.town.actors["terminal"]
        till.do("post", f"/v1/sales/{reference}/cancel", {})
        assert self.buy("payer")["approved"]

    def be_refused(self) -> None:
        """Taps that end otherwise."""
        assert self.tap("payer", forged=True).split()[0] != "00"
        assert self.tap("poor", amount="5000").split()[0] == "51"
        phone, card = self.town.actors["companion"], self.cards["payer"]["id"]
        phone.do("post", f"/v1/creditCards/{card}/suspend", None)
        assert self.tap("payer").split()[0] != "00"
        phone.do("post", f"/v1/creditCards/{card}/resume", None)
        assert self.buy("payer", code="000000")["approved"] is False

    def close_the_day(self) -> None:
        """Files from acquirer to network to issuer, each made and read by its own party."""
        bank = self.town.on.bank.participant
        arguments = (str(self.town.data), str(self.town.passphrase))
        for kind, verb, given in (
            ("acquirer-office", "present", ()),
            ("network-office", "clear", (bank,)),
            ("issuer-office", "post", ()),
        ):
            assert self.town.act(kind, *arguments).do(verb, *given) > 0, kind

    def rotate(self) -> None:
        """Every key that can be new becomes new while all run; the log of openings holds."""
        for purpose in (["data"], ["index"], ["envelope"], ["issuer", "520473"]):
            assert self.town.operate("keys", "rotate", *purpose) == 0, purpose
        assert self.tap("payer").split()[0] == "00"

    def crash(self) -> None:
        """The network is killed and started again."""
        street = self.town.street
        street.running[Role.NETWORK].kill()
        street.running[Role.NETWORK].wait()
        street.start(Role.NETWORK).listens()
        street.await_links()
        assert self.tap("payer").split()[0] == "00"
        assert self.town.operate("audit", "verify") == 0

    def break_inside(self) -> None:
        """Faults within the vault and the bank, with card numbers at hand."""
        self.damage("vault", "UPDATE card SET sealed_pan = zeroblob(40) WHERE last4 = ?", "damaged")
        assert self.tap("damaged").split()[0] != "00"
        self.damage("vault", "ALTER TABLE card_index RENAME TO gone")
        self.refused(self.fill_form(self.cast.broken.pan))
        self.damage("issuer", "ALTER TABLE accounts RENAME TO gone")
        assert self.tap("payer")  # stood in for, and the advice meets the same fault
        self.damage("vault", "ALTER TABLE debit RENAME TO nowhere")
        assert self.tap("payer").split()[0] != "00"

    def fill_form(self, pan: str) -> Any:
        """A card typed and sealed."""
        return self.town.actors["form"].do("fill", pan, TYPED, self.signed_up["owner"], self.key)

    def add(self, sealed: str) -> dict[str, str]:
        """A sealed card goes to the wallet."""
        body = {"encryptedData": sealed, "region": "RU", "title": "My card"}
        path = f"/v1/users/{self.signed_up['user']}/creditCards"
        return dict(self.town.actors["companion"].do("post", path, body))

    def refused(self, sealed: str) -> None:
        """A sealed card goes to the wallet, and nothing comes of it."""
        body = {"encryptedData": sealed, "region": "RU", "title": "My card"}
        path = f"/v1/users/{self.signed_up['user']}/creditCards"
        self.town.actors["companion"].refuses("post", path, body)

    def code(self) -> str:
        """The code in the bank's newest message."""
        text: str = json.loads((self.town.data / "letters.jsonl").read_text().splitlines()[-1])[
            "text"
        ]
        found = re.search(r"\b[0-9]{6}\b", text)
        assert found is not None
        return found.group()

    def tap(self, card: str, *, amount: str = "", forged: bool = False) -> str:
        """A payment at the till: DE39 and DE37, or how it ended."""
        reference = self.cards[card]["tokenReference"]
        assert self.town.actors["element"].do("arm", reference)
        # No amount comes twice: a repeat would get an answer that is kept.
        charged = amount or str(next(self.amounts))
        return str(self.town.actors["terminal"].do("pay", charged, forged))

    def buy(self, card: str, *, code: str = "") -> dict[str, Any]:
        """A purchase in a web shop."""
        wish = {
            "deviceId": self.signed_up["device"],
            "amountMinor": 90_000,
            "currency": "RUB",
            "merchant": SHOP,
            "minutes": 5,
        }
        given = self.town.actors["companion"].do("transact", self.cards[card]["id"], wish)
        sale = {"channel": "online", "terminal": "MSKWEB01", "amount_minor": 90_000,
                "currency": "RUB", **given}  # fmt: skip
        return dict(self.town.actors["terminal"].do(
            "post", "/v1/sales", sale | ({"code": code} if code else {})
        ))  # fmt: skip

    def damage(self, party: str, statement: str, card: str = "") -> None:
        """Change a database behind its party's back."""
        given = (self.cards[card]["last4"],) if card else ()
        with closing(sqlite3.connect(self.town.data / f"{party}.db", timeout=20)) as database:
            database.execute(statement, given)
            database.commit()
