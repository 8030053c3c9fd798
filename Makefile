# How to do things here. `make` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help app test lint format types fuzz audit bench bench-speed parity legal load faults bursts claims profiles weights predictions ranking screenshots constraints clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /: /' | column -t -s ':'

# Debian and Ubuntu ship Python without its venv module; it is installed once where it is missing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; set PYTHON=python3.12, say."; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(SUDO) apt-get update -q; \
		$(SUDO) apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.app: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing the explorer into $(VENV); the first time takes some minutes."
	@$(PIP) --editable '.[app]'
	@touch $@

$(VENV)/.test: $(VENV)/.app
	@$(PIP) --editable '.[test]'
	@touch $@

app: $(VENV)/.app  ## start the explorer in the browser
	$(BIN)/hrformer-explorer app

# Processes that share the tests; each takes a core and 2 GiB.
WORKERS ?= 2

test: $(VENV)/.test  ## run the whole test suite, with lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile -m "not alone"
	$(BIN)/pytest -m alone

lint: $(VENV)/.test  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV)/.test  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

FUZZ_SCALE ?= 50
FUZZ_SEED ?= $(shell date +%s)

fuzz: $(VENV)/.test  ## read many hostile files and values (FUZZ_SCALE times as many as the suite)
	@echo "FUZZ_SEED=$(FUZZ_SEED) repeats this run."
	HRFORMER_FUZZ_SCALE=$(FUZZ_SCALE) HRFORMER_FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest tests/fuzz

audit: $(VENV)/.app  ## look the installed packages up among known vulnerabilities; without that database list them
	@$(PIP) pip-audit
	@$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt || { status=$$?; \
		echo "Not audited, or not clean: see above. Installed:"; $(BIN)/pip list; exit $$status; }

bench: $(VENV)/.test  ## measure the explorer's own speed and memory, as ratios in one run
	$(BIN)/python -m tests.bench

bench-speed: $(VENV)/.test  ## measure HRFormer, DeiT-B and HRNet-W48 under every installed engine
	$(BIN)/python -m tests.bench_speed
	$(BIN)/python -m tests.bench_optimised

parity: $(VENV)/.test  ## compare the optimised form with the model over 200 random variants
	PARITY_VARIANTS=200 $(BIN)/pytest tests/hrformer/test_optimize.py -k any_variant

legal: $(VENV)/.test  ## build, train, link and look into 400 random variants on every page, whatever is accepted
	LEGAL_VARIANTS=400 $(BIN)/pytest tests/test_legal_variants.py

bursts: $(VENV)/.test  ## move every control of every page quickly, by keyboard and mouse, while runs are slow (needs Chromium)
	$(BIN)/python -m tests.bursts

claims: $(VENV)/.app  ## judge the paper's claims again and write results/reference/claims.csv and attention_growth.csv
	$(BIN)/python -m explorer claims --measure --growth results/reference/attention_growth.csv --csv results/reference/claims.csv

profiles: $(VENV)/.app  ## profile HRFormer-B, DeiT-B and HRNet-W48 again and write results/reference/profiles.json
	$(BIN)/python -m explorer profile --output results/reference/profiles.json

load: $(VENV)/.test  ## let 30 users at the app for 5 minutes (docs/reliability.md)
	$(BIN)/python -m tests.load --users 30 --minutes 5

faults: $(VENV)/.test  ## kill what writes records 200 times, and run the other faults (docs/reliability.md)
	$(BIN)/python -m tests.faults --kills 200
	$(BIN)/pytest tests/faults

weights: $(VENV)/.app  ## train the weights that ship again (24 minutes and 10 more; resumes when called again)
	$(BIN)/python -m explorer.ablation.weights

predictions: $(VENV)/.app  ## train seed 0 of the ablation again and write results/reference/ablation_predictions.npz
	$(BIN)/python -m explorer train-ablation --seeds 0 --resume --predictions results/reference/ablation_predictions.npz

ranking: $(VENV)/.app  ## take each part out of the network that ships again and write results/reference/part_ranking.csv
	$(BIN)/python -m explorer rank-parts --csv results/reference/part_ranking.csv

screenshots: $(VENV)/.test  ## take the README's screenshots again (needs Chromium)
	$(BIN)/python -m tests.screenshots

constraints: $(VENV)/.test  ## pin what is installed now as what the tests ran with
	$(BIN)/pip freeze --exclude-editable | grep -vE "^(nvidia-(c|n)|cuda-|triton)" > constraints.txt

clean:  ## remove the environment and all caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
