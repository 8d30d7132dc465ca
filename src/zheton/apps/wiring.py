"""The only composition root: opens what a data folder holds and joins roles and adapters."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from zheton.adapters.audit_files import CheckpointFile, keep_public_keys
from zheton.adapters.authority_file import write_authorities
from zheton.adapters.clock import Clock, SystemClock
from zheton.adapters.datafiles import load_policy, load_schemes
from zheton.adapters.device_files import load_devices
from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.held_file import HeldFile
from zheton.adapters.issuer_domain_keys import IssuerDomainKeys
from zheton.adapters.issuer_file import bundled
from zheton.adapters.keys.certification import with_certification
from zheton.adapters.keys.opening import KeySettings, Passphrase, open_keys
from zheton.adapters.keys.pkcs11 import MODULE
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.adapters.letter_file import LetterFile
from zheton.adapters.limits_file import load_limits
from zheton.adapters.makers_file import know_maker, read_makers
from zheton.adapters.no_cvm_file import load_no_cvm
from zheton.adapters.outbox import Outbox
from zheton.adapters.secret_file import open_secret
from zheton.adapters.stand_in_file import load_stand_ins
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.audit_log import SqlAuditLog
from zheton.adapters.storage.clearing import ClearingDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.incarnation import SqlIncarnation
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.adapters.storage.place import place_of
from zheton.adapters.storage.vault import SqlVault
from zheton.adapters.storage.wallet import WalletDatabase
from zheton.adapters.witness_file import WitnessFile
from zheton.apps.factory import Factory
from zheton.apps.life import Life
from zheton.apps.passphrase import AskedPassphrase
from zheton.core.errors import ConfigurationError
from zheton.core.scheme import Schemes
from zheton.core.token.domain import Device
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.state import Bank
from zheton.roles.network.state import Switch
from zheton.roles.terminal.state import Authority
from zheton.roles.tsp.audit import Auditor
from zheton.roles.tsp.requestors import admit, key_hash
from zheton.roles.tsp.service import TokenService as NumberService
from zheton.roles.tsp.state import Requestor, RequestorKind, Rules
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.ports import TokenService

DEFAULT_DATA = Path("var")
MARK_BYTES = 4
INSTALLATION_BYTES = 16
AUTHORITIES_FILE = "authorities.toml"
MAKERS_FILE = "device-makers"
HOST_CHARACTERS = 20  # of the machine's name, in what the detokenisation log calls a process


@dataclass(frozen=True)
class Installation:
    """One data folder: every party's database and keys, each in a file of its own.

    Everything is opened when it is first asked for, so that a command touches what it needs.
    """

    data: Path
    policy_file: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    entropy: SystemEntropy = field(default_factory=SystemEntropy)
    passphrase: Passphrase = field(default_factory=AskedPassphrase)
    database: str = field(default="", repr=False)  # a URL that may hold a password
    worker: int = 0  # which of several processes of one role on this folder
    _databases: list[Database] = field(default_factory=list, init=False, repr=False)

    @cached_property
    def schemes(self) -> Schemes:
        """The networks."""
        return load_schemes()

    @cached_property
    def rules(self) -> Rules:
        """Networks, rollout policy and the limits of new cards."""
        policy = load_policy(self.policy_file, self.schemes)
        return Rules(self.schemes, policy, load_limits(), load_no_cvm())

    @cached_property
    def keys(self) -> VaultKeys:
        """The vault's keys."""
        self._refuse_lost("vault.keys", "vault.db")
        settings = self.key_settings
        keys = open_keys(self.key_file, settings)
        if any(keys.issuer_key(token_bin) is None for token_bin in keys.token_bins):
            keys.change(lambda ring, on: with_certification(ring, on, settings.day))
        return keys

    @cached_property
    def authorities(self) -> tuple[Authority, ...]:
        """The keys by which tills authenticate cards: one authority, under each network's RID.

        They are written down for other terminals, too.
        """
        known = self.keys.authority()
        if known is None:
            return ()
        rids = dict.fromkeys(scheme.aid[:5] for scheme in self.schemes)
        made = tuple(Authority(rid, known.index, known.key, known.until) for rid in rids)
        write_authorities(self.data / AUTHORITIES_FILE, made)
        return made

    @cached_property
    def factory(self) -> Factory:
        """Who makes this installation's devices; the token service knows it from then on."""
        seed = open_secret(self.data / "maker.key")
        made = Factory(seed, self.keys, self.issuer_domain_keys, self.entropy)
        know_maker(self.data / MAKERS_FILE, made.public_key)
        return made

    def makers(self) -> tuple[bytes, ...]:
        """The makers whose devices the token service takes, by their public keys."""
        return read_makers(self.data / MAKERS_FILE)

    @property
    def key_file(self) -> Path:
        """Where the vault's keys are, wrapped."""
        return self.data / "vault.keys"

    @property
    def key_settings(self) -> KeySettings:
        """How they are opened, and what they are made for where there are none."""
        bins = {each: s.cryptogram.cipher for s in self.schemes for each in s.token_bins}
        return KeySettings(
            bins,
            f"{self.clock.now():%Y-%m-%d}",
            self.passphrase,
            token=os.environ.get("ZHETON_PKCS11_TOKEN", ""),
            module=os.environ.get("ZHETON_PKCS11_MODULE", MODULE),
        )

    @cached_property
    def vault(self) -> SqlVault:
        """The vault's database: cards, numbers and the network's journal.

        ConflictError if it is an old copy (`zheton recover`).
        """
        return self.life.vault

    @cached_property
    def vault_as_found(self) -> SqlVault:
        """The same, whatever was put in its place."""
        return SqlVault(self._database("vault"))

    @cached_property
    def life(self) -> Life:
        """How far the vault's database has come; ConflictError if it is an old copy."""
        witness = self.witness  # its keys first: a database without its keys is worth nothing
        fresh = self.entropy.take(INSTALLATION_BYTES).hex()
        return Life(self.vault_as_found, self.incarnation, witness, self.clock, fresh)

    @cached_property
    def incarnation(self) -> SqlIncarnation:
        """Which life the vault's database says it lives."""
        return SqlIncarnation(self._database("vault"))

    @cached_property
    def witness(self) -> WitnessFile:
        """What saw how far the vault's database had come: beyond the reach of its restores."""
        named = os.environ.get("ZHETON_WITNESS", "")
        return WitnessFile(Path(named) if named else self.data / "vault.witness", self.keys)

    @cached_property
    def clearing(self) -> ClearingDatabase:
        """What the network cleared, beside its journal."""
        return ClearingDatabase(self._database("vault"))

    @property
    def vault_exists(self) -> bool:
        """Whether somebody has made a vault here."""
        return self._is_there("vault.db")

    @cached_property
    def audit_log(self) -> SqlAuditLog:
        """The detokenisation log, as it is read."""
        return SqlAuditLog(self._database("vault"))

    @cached_property
    def checkpoints(self) -> CheckpointFile:
        """Where the log ended and when, signed, outside the database."""
        return CheckpointFile(self.data / "audit.checkpoints")

    @property
    def audit_public(self) -> Path:
        """The public keys of the checkpoints; whoever verifies should have a copy elsewhere."""
        return self.data / "audit.public"

    @cached_property
    def auditor(self) -> Auditor:
        """Who signs checkpoints."""
        self.keep_audit_keys()
        return Auditor(self.audit_log, self.checkpoints, self.keys)

    def keep_audit_keys(self) -> None:
        """Write down the public keys of the audit's epochs; once more after each rotation."""
        keep_public_keys(self.audit_public, self.keys.audit_epochs())

    @cached_property
    def issuer(self) -> IssuerDatabase:
        """The bank's ledger, with the demo cardholders' accounts."""
        bank = self.bank  # its key first: a database without its key is worth nothing
        store = IssuerDatabase(self._database("issuer"))
        enrol(bundled().cardholders, bank, store, self.clock.now())
        return store

    @cached_property
    def bank(self) -> Bank:
        """The bank itself."""
        file = bundled()
        self._refuse_lost("issuer.key", "issuer.db")
        index_key = open_secret(self.data / "issuer.key")
        return Bank(file.participant, file.name, file.rates, index_key)

    @cached_property
    def acquirer(self) -> AcquirerDatabase:
        """The acquirer's journal."""
        return AcquirerDatabase(self._database("acquirer"))

    @cached_property
    def wallet(self) -> WalletDatabase:
        """The wallet's users, devices, cards and notices."""
        return WalletDatabase(self._database("wallet"))

    @cached_property
    def outbox(self) -> Outbox:
        """The lab's telephone."""
        return Outbox(now=self.clock.now)

    @cached_property
    def letters(self) -> LetterFile:
        """The telephone of a bank that runs alone, where nobody could look into its memory."""
        return LetterFile(self.data / "letters.jsonl")

    @contextmanager
    def held(self, role: str = "") -> Iterator[None]:
        """Keep other processes from running a role of this folder; all roles, if none is named.

        Workers of one role are told apart by their numbers. ConflictError if one runs.
        """
        folder, what = self.data / "lock", f"The data folder {self.data}"
        with ExitStack() as stack:
            stack.callback(HeldFile(folder, what, shared=bool(role)).release)
            if role:
                named = f"{role}-{self.worker}" if self.worker else role
                own = HeldFile(self.data / f"{named}.lock", f"{what}, as the {named} of it,")
                stack.callback(own.release)
            yield

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Open files and databases by turns: processes that start together must not make two."""
        lock = HeldFile(self.data / "opening.lock", "This start", wait=True)
        try:
            yield
        finally:
            lock.release()

    def wallet_desk(self, tokens: TokenService) -> WalletDesk:
        """What the wallet works with; `tokens` is its way to the token service."""
        profiles = {name: Device(p.device_class) for name, p in load_devices().items()}
        return WalletDesk(tokens, self.wallet, self.entropy, profiles)

    def switch(self) -> Switch:
        """The network with the token service in its process."""
        return self._switch(self.vault)

    def switch_as_found(self) -> Switch:
        """The same on a database that is being recovered."""
        return self._switch(self.vault_as_found)

    def _switch(self, vault: SqlVault) -> Switch:
        tokens = NumberService(self.keys, vault, self.rules)
        requestors = {scheme.name: scheme.token_requestor_id for scheme in self.schemes}
        return Switch(
            tokens,
            vault,
            self.entropy,
            requestors,
            self.who("network"),
            again=repeated,
            mark=self._mark(),
            stand_ins=load_stand_ins(),
        )

    def _mark(self) -> bytes:
        """What tells this folder's switch from any other of the same vault.

        The lock on the role of the folder lets nobody else have it. It is no secret and need not be
        unique for sure: of two with one mark, one that starts would decline what the other has
        under way.
        """
        folder = self.data.stat()
        place = f"{socket.gethostname()}/{folder.st_dev}/{folder.st_ino}/{self.worker}"
        return hashlib.sha256(place.encode()).digest()[:MARK_BYTES]

    def who(self, party: str) -> str:
        """A party and this process of it, as the detokenisation log calls them."""
        return f"{party} {socket.gethostname()[:HOST_CHARACTERS]}/{os.getpid()}"

    @cached_property
    def issuer_domain_keys(self) -> IssuerDomainKeys:
        """The keys by which the wallet manages its chips; the token service never has them."""
        return IssuerDomainKeys(open_secret(self.data / "wallet-issuer-domains.secret"))

    def wallet_secret(self) -> str:
        """What wallet and token service know of each other."""
        return open_secret(self.data / "wallet-tsp.secret").hex()

    def issuer_secret(self) -> str:
        """By what the issuer is known to the token service."""
        return open_secret(self.data / "issuer-tsp.secret").hex()

    def admit_requestors(self) -> None:
        """Let this folder's wallet and issuer call the token API; the vault keeps hashes alone."""
        for kind, secret in (
            (RequestorKind.WALLET, self.wallet_secret()),
            (RequestorKind.ISSUER, self.issuer_secret()),
        ):
            admit(self.vault, Requestor(kind.value, kind, f"the {kind} here", key_hash(secret)))

    def _refuse_lost(self, keys: str, database: str) -> None:
        """Fresh keys in the place of lost ones would leave a database that nothing opens."""
        if not (self.data / keys).exists() and self._is_there(database):
            raise ConfigurationError(
                f"{self.data / keys} is gone, and nobody can read {database} without it; "
                "restore it from a back-up, or start anew with another --data."
            )

    def _is_there(self, name: str) -> bool:
        party, kind = name.split(".")
        if kind != "db" or not self.database:
            return (self.data / name).exists()
        with closing(self._database(party)) as database:
            return not database.is_empty()

    def close(self) -> None:
        """Close every database; what is asked for afterwards connects anew."""
        for database in self._databases:
            database.close()

    def _database(self, name: str) -> Database:
        database = Database(self.place(name))
        self._databases.append(database)
        return database

    def place(self, party: str) -> str:
        """The URL of a party's database: a file of the folder, or where `database` says."""
        return (
            place_of(self.database, party) if self.database else f"sqlite:///{self.data / party}.db"
        )
