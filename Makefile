# Zheton. `make run` starts the whole system; `make test` runs every test. Neither asks anything.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: setup run test check soak format ble pcsc pkcs11 readers fuzz demo clean

setup: .venv/runtime.stamp

run: setup
	$(BIN)/zheton up

# NAME=stolen-database shows what a thief of the vault's database finds.
demo: setup
	$(BIN)/zheton demo $(NAME)

# What needs sockets, readers, browsers or processes of its own has the machine to itself.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -m "not system" --numprocesses=auto --dist=loadfile
	$(BIN)/python -m pytest -m system

# A hundred processes killed under load, where `make test` kills ten; not in CI.
soak: .venv/dev.stamp
	ZHETON_KILLS=100 $(BIN)/python -m pytest tests/system/test_kill.py

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# An hour over all decoders, the kernel and the element: make fuzz SECONDS=600 TARGETS="kernel element"
fuzz: .venv/fuzz.stamp
	$(BIN)/python -m tests.fuzz.explore --seconds $(or $(SECONDS),3600) $(TARGETS)

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A band and its companion over Bluetooth. bumble is the whole stack, so that tests need no adapter.
ble: .venv/ble.stamp

# pyscard has no wheel for Linux: it wants a C compiler, swig and the headers of pcsclite.
pcsc: .venv/pcsc.stamp

# Keys in a token (SoftHSM2, an HSM): python-pkcs11 has wheels for Linux and macOS.
pkcs11: .venv/pkcs11.stamp

# Programs that others wrote to read cards, each in a folder of its own, for the system tests.
readers: .readers/emv.stamp .readers/smartcard.stamp

.readers/emv.stamp: tests/system/readers/emv.txt
	$(PYTHON) -m venv .readers/emv
	.readers/emv/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/system/readers/emv.txt
	@touch $@

.readers/smartcard.stamp: tests/system/readers/package.json tests/system/readers/package-lock.json
	mkdir -p .readers && cp tests/system/readers/package*.json .readers/
	cd .readers && npm ci --no-audit --no-fund
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Zheton needs Python 3.11 or newer, and none was found. Install it, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runtime.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable .
	@touch $@

.venv/dev.stamp: .venv/runtime.stamp
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --group dev
	@touch $@

.venv/ble.stamp: .venv/runtime.stamp
	$(PIP) --editable ".[ble]"
	@touch $@

.venv/fuzz.stamp: .venv/dev.stamp
	$(PIP) "atheris>=3.0"
	@touch $@

.venv/pcsc.stamp: .venv/runtime.stamp
	$(PIP) --editable ".[pcsc]"
	@touch $@

.venv/pkcs11.stamp: .venv/runtime.stamp
	$(PIP) --editable ".[pkcs11]"
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .import_linter_cache
