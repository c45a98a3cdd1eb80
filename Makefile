# Every target does its own set-up, once: see scripts/setup.
#   make demo [DOC=talk.pdf]   carry a talk from a phone to a display and back
#   make demo-desk             its slides, notes and remote control on a device each
#   make demo-chase            a game whose map goes from a phone to screens
#   make demo ARGS='--help'    what each of them takes besides
#   make test                  everything that CI runs
#   make check                 for daily work: about two minutes
#   make bench                 all figures
#   make setup                 the set-up alone; the programs are then in .venv/bin
#   make lock                  take the newest Python packages (on Debian 12: its Python
#                              is the oldest that we support)
PYTHON ?= python3
DOC ?=
ARGS ?=

bin := .venv/bin
export PYTHON

.PHONY: demo demo-desk demo-chase test check static bench docs setup lock

demo:
	@scripts/setup demo
	@$(bin)/mobility demo $(if $(DOC),--doc '$(DOC)') $(ARGS)

demo-desk:
	@scripts/setup demo
	@$(bin)/python -m examples.desk demo $(if $(DOC),--doc '$(DOC)') $(ARGS)

demo-chase:
	@scripts/setup demo
	@$(bin)/python -m examples.chase demo $(ARGS)

setup:
	@scripts/setup test

static: setup
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo

check: static
	$(bin)/pytest -q tests/unit tests/stanza tests/simulation

# Two at a time: most of what a test of real programs does is wait for them.
test: static
	$(bin)/pytest -n 2 --dist loadfile

bench: setup
	@for module in $$(grep -l '__main__' tests/bench/*.py); do \
	  $(bin)/python -m tests.bench.$$(basename $$module .py) --json || exit; \
	done

docs: setup
	$(bin)/mkdocs serve

lock: setup
	$(bin)/python -m pip install -qq --upgrade --upgrade-strategy eager --editable . --group dev
	$(bin)/python -m pip freeze --exclude-editable >constraints.txt
	@scripts/setup bench
	.venv-bench/bin/python -m pip install -qq --upgrade --upgrade-strategy eager --group bench
	.venv-bench/bin/python -m pip freeze >constraints-bench.txt
