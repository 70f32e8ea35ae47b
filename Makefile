# Every task of the house. Each is a thin call to a script, so that what runs here
# is what runs everywhere; `make help` lists them.
PYTHON ?= python3
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run observe dashboards manifests test unit faults operations rehearse check docs reference audit attack sbom conformance bench bench-check plots lock upgrade format clean image push-image package deb release-notes request-upgrade

help: ## List every task with its sentence
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with everything that development needs
	@scripts/venv dev

run: ## Install what is needed and start the server on 127.0.0.1:8765 (ARGS="--port 9000")
	@scripts/run $(ARGS)

observe: ## Start a server with Prometheus, Alertmanager and a demo load (ARGS="--speed 1")
	@scripts/observe $(ARGS)

dashboards: ## Write Grafana's dashboards from scripts/grafana (ARGS="--check")
	@scripts/dashboards $(ARGS)

manifests: ## Write the PrometheusRule for Kubernetes from the rules (ARGS="--check")
	@scripts/manifests $(ARGS)

test: ## Install what the tests need and pass them all (ARGS="-k append")
	@scripts/test $(ARGS)

unit: ## Only the fast tests that start nothing (ARGS="-k config")
	@scripts/test tests/unit $(ARGS)

faults: ## Hurt whole clusters and check that nothing is lost, twice or read back (ARGS="-k redis")
	@scripts/faults $(ARGS)

operations: ## Run what watches and heals, Prometheus, Alertmanager, workers, and the longest how-tos (ARGS="-k tutorial")
	@scripts/operations $(ARGS)

rehearse: ## Rehearse rolls, upgrades, backups, images with the real programs (ARGS="-k restore")
	@scripts/rehearse $(ARGS)

deb: ## Build a package for Debian and Ubuntu in build/deb (ARGS="--twice" proves that it is reproducible)
	@scripts/deb $(ARGS)

check: ## Formatting, lint, types, import direction, locks, contracts, secrets, licences, documentation, vulnerabilities
	@scripts/check

docs: ## Build the documentation as a site in build/docs, without a warning (ARGS="--serve")
	@scripts/docs $(ARGS)

reference: ## Write the tables of the reference from the code (ARGS="--check")
	@scripts/reference $(ARGS)

audit: ## Known vulnerabilities alone; fails if any package could not be looked up
	@scripts/audit --strict

attack: ## Attack the server with everything there is, and compare with the last report (ARGS="--examples 2000")
	@scripts/attack $(ARGS)

sbom: ## Write build/sbom.cdx.json: all that is installed with Backstory
	@scripts/sbom

image: ## Build the container image and its bill of materials (ARGS="--archive", ARGS="--twice")
	@scripts/image $(ARGS)

push-image: ## Push the image that was built (REPOSITORY=REGISTRY/OWNER/backstory)
	@scripts/push_image

package: ## Build the wheel and the source distribution into dist/
	@scripts/package $(ARGS)

release-notes: ## Write build/release-notes.md from the changelog (ARGS="--tag v0.2.0", ARGS="--unreleased")
	@$(PYTHON) scripts/release_notes.py $(ARGS)

conformance: ## Install the official MCP conformance suite and print how to run it
	@scripts/conformance --help

bench: ## Run the benchmarks, print ratios, write them as JSON (ARGS="serving --keep")
	@scripts/bench $(ARGS)

bench-check: ## Fail where a request costs over 15% more than benchmarks/budget.toml says (ARGS="--record")
	@scripts/bench_check $(ARGS)

plots: ## Draw what the kept runs of the benchmarks measured (ARGS="--check")
	@scripts/plots $(ARGS)

lock: ## Write the lock files from the .in files, keeping pins that still fit
	@scripts/venv dev && scripts/lock

upgrade: ## Write the lock files with the newest releases that fit
	@scripts/venv dev && scripts/lock --upgrade

request-upgrade: ## Ask on the forge to take the lock files that `make upgrade` wrote
	@scripts/request_upgrade

format: ## Format the code and apply the safe fixes of the linter
	@scripts/format

clean: ## Remove the environment, caches and results; never a store
	@scripts/clean
