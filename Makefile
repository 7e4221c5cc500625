# One way in for every habit. `make demo` and `make test` set everything up themselves.
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
STAMP := .venv/.stamp
BENCH := .venv/.bench
# The tests start a thousand interpreters: what one has compiled is kept for the next, always.
export PYTHONDONTWRITEBYTECODE =

.PHONY: env demo test check format bench lock clean

env: $(STAMP)

# uv lives beside the environment, not inside it: a sync would remove it.
$(UV): requirements/uv.txt
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $(UV)

$(STAMP): $(UV) requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@rm -f $(BENCH)
	@touch $(STAMP)

$(BENCH): $(STAMP) requirements/bench.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
	@touch $(BENCH)

demo: env
	$(BIN)/instep demo

# Most tests wait for servers and processes of their own: several at a time take half as long.
test: env
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/instep check .

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH)
	$(BIN)/python -m benchmarks

# Writes the pinned, hashed requirement files anew from pyproject.toml.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade
lock: $(UV)
	echo uv | $(COMPILE) - -o requirements/uv.txt
	$(COMPILE) pyproject.toml --all-extras --group test --group check --group build -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group bench -c requirements/dev.txt -o requirements/bench.txt

clean:
	rm -rf .uv .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
