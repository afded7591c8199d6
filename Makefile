# The few things a newcomer types. Each target is a script, to be read there; ARGS goes to it.

.DEFAULT_GOAL := help
.PHONY: build bundle test devnet devnet-clean bench check help

build: ## all binaries, in out/bin
	@scripts/build.sh

bundle: ## the built-in actors, of networks with real proofs and with mock ones
	@scripts/bundles.sh devnet testing-fake-proofs

test: ## set up what is missing, then run all tests
	@scripts/test.sh $(ARGS)

devnet: ## run a local network, store a file in it and read it back; Ctrl-C stops it
	@scripts/devnet.sh $(ARGS)

devnet-clean: build ## stop the local network and remove it
	@out/bin/lotus-devnet clean $(ARGS)

bench: ## measure this machine: replay, proof calls
	@scripts/bench.sh $(ARGS)

check: ## formatting, lints and layers
	@scripts/check.sh

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
