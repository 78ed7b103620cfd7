# One line each; the work is in scripts/. PYTHON=python3.12 chooses the Python that makes .venv,
# ARGS is passed on, as in: make test ARGS="tests/audio -x"; LANGUAGE=nl (fr, de) is what `demo` hears
# (of the command line alone: systems have a variable of that name).
export PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: demo demo-cluster serve test check bench lock sbom clean help

demo: ; @exec scripts/demo $(if $(filter command,$(origin LANGUAGE)),--language $(LANGUAGE)) $(ARGS)  ## show it working: a server, real speech, and what it heard
demo-cluster: ; @exec scripts/demo-cluster $(ARGS)  ## show that a session outlives its server: two of them, one is killed
serve: ; @exec scripts/serve $(ARGS)  ## start the server
test: ; @exec scripts/test $(ARGS)    ## run the tests
check: ; @exec scripts/check          ## format, lint, types, the architecture and the lock
bench: ; @exec scripts/bench $(ARGS)  ## measure
lock: ; @exec scripts/lock $(ARGS)    ## write requirements/ from pyproject.toml
sbom: ; @exec scripts/sbom $(ARGS)    ## write the bill of materials, dist/sbom.json
clean: ; @rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist  ## remove what is made here
help: ; @sed -n 's/^\([a-z-]*\): ;.*## /\1\t/p' Makefile | expand -t 16  ## list the targets
