# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PORT ?= 8080
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
OHIF := .cache/ohif/dist
JS := .cache/js
CORPUS := .cache/corpus
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.runtime  ## samples behind the gateway, ready to browse: make demo PORT=8080
	@exec $(BIN)/dicomveil demo --port $(PORT)

test: system $(VENV)/.dev $(OHIF)/.complete $(JS)/out/.complete $(CORPUS)/MANIFEST.tsv lint  ## install what the tests need, then run every check
	# In the order of the folders, so that a run can be repeated; ``pytest`` alone shuffles.
	# The tests start hundreds of Pythons: what one has compiled is kept for the next, whatever the environment says.
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --randomly-dont-reorganize

lint: $(VENV)/.dev  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## measure against named peers in one run; prints ratios
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.dev  ## millions of damaged bytes into every reader; prints counts: make fuzz FUZZ="--megabytes 50 --seed 2"
	$(BIN)/python -m tests.fuzz $(FUZZ)

coverage: $(VENV)/.dev $(CORPUS)/MANIFEST.tsv  ## branch coverage of the unit tests
	$(BIN)/python -m pytest tests/unit tests/property --cov --cov-report=term-missing:skip-covered

lock: $(VENV)/.dev  ## pin the newest versions that pyproject.toml allows
	$(LOCK) --upgrade pyproject.toml --extra postgres -o requirements.lock
	$(LOCK) --upgrade --group build --constraint requirements.lock -o requirements-build.lock
	$(LOCK) --upgrade pyproject.toml --all-extras --group build --group compile --constraint requirements.lock --constraint requirements-build.lock \
	  -o requirements-dev.lock

wheel: $(VENV)/.dev  ## build a wheel for this machine in dist/, its walker compiled with mypyc
	rm -rf build dist && mkdir -p build dist
	cp -r gateway profiles pyproject.toml README.md LICENSE build  # the compiler leaves its modules beside the sources
	HATCH_BUILD_HOOK_ENABLE_MYPYC=true $(PIP) wheel --no-build-isolation --no-deps --quiet --wheel-dir dist ./build

test-wheel: wheel $(CORPUS)/MANIFEST.tsv  ## the tests of the core and the independent references, on what the wheel holds
	rm -rf build && mkdir -p build
	$(PYTHON) -m zipfile -e dist/*.whl build
	cp -r tests benchmarks scripts profiles docs pyproject.toml build && ln -s ../.cache build/.cache
	cd build && ../$(BIN)/python -m pytest -n auto tests/unit/core tests/property tests/differential

soak: system $(VENV)/.dev  ## 500 viewers for ten minutes, then faults under load; prints tables: make soak SOAK="--minutes 30"
	$(BIN)/python -m benchmarks.viewers $(SOAK)
	$(BIN)/python -m pytest -n 0 -s tests/e2e/test_chaos.py tests/e2e/test_replicas.py

audit: $(VENV)/.dev  ## known vulnerabilities of what is locked; ends with 3 when they could not be looked up
	$(BIN)/python scripts/audit.py

sbom: $(VENV)/.dev  ## write the bill of materials, dist/sbom.cdx.json (CycloneDX)
	$(BIN)/python scripts/sbom.py dist/sbom.cdx.json

clean:  ## remove what make made
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@scripts/setup_system.sh test

$(VENV)/.created:
	@scripts/setup_system.sh venv $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The project itself is installed in place, without a look at the network: its build tools are locked as well.
$(VENV)/.runtime: $(VENV)/.created requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing into $(VENV)"
	$(PIP) install --quiet --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) install --no-deps --no-build-isolation --no-index --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(OHIF)/.complete: scripts/fetch_ohif.sh
	scripts/fetch_ohif.sh .cache/ohif

$(JS)/out/.complete: scripts/fetch_js.sh $(wildcard tests/e2e/js/*)
	scripts/fetch_js.sh $(JS)

$(CORPUS)/MANIFEST.tsv: tests/kit/corpus.py | $(VENV)/.dev
	$(BIN)/python -m tests.kit.corpus $(CORPUS) --cache .cache/downloads

.PHONY: help demo test lint bench fuzz coverage lock wheel test-wheel soak audit sbom clean system
