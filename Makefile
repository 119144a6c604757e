SHELL := /bin/bash
GO    ?= go
TAGS  := offline
PKGS  := ./...

# Packages with benchmarks of parts of the audio path and the conversation.
BENCHED := $(addprefix ./media/,rtp jitter player line g711 vad) ./pipeline ./pipeline/turn

# Speech in real time needs a machine that keeps time, which one that also
# builds and runs everything else may not: what fails is run again when all
# else is done, twice at most, and named at the end. A data race stays one.
RERUN := --format standard-quiet --hide-summary skipped --rerun-fails=2 --rerun-fails-max-failures=8 \
	--rerun-fails-run-root-test --rerun-fails-abort-on-data-race

# The tests fail, rather than skip, where a real peer is missing.
export TRUNKLINE_REQUIRE_PEERS := 1

.DEFAULT_GOAL := help
.PHONY: help build demo run test lint bench fmt deps deps-test fuzz

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

build: ## build bin/trunkline with the offline speech engines
	@$(GO) build -tags $(TAGS) -o bin/trunkline ./cmd/trunkline

demo: deps build ## install what is missing, then hold a whole call over loopback
	@bin/trunkline demo

run: deps build ## serve calls on embedded defaults until stopped
	@bin/trunkline serve

test: deps-test ## build, vet, lint, and every test with the race detector and real peers
	@$(MAKE) --no-print-directory build
	$(GO) build ./...
	$(GO) vet -tags $(TAGS) $(PKGS)
	$(GO) tool golangci-lint run $(PKGS)
	$(GO) tool gotestsum $(RERUN) --packages '$(PKGS)' -- -tags $(TAGS) -race -timeout 20m

lint: ## run the linters
	$(GO) tool golangci-lint run $(PKGS)

fmt: ## format the code
	$(GO) tool golangci-lint fmt $(PKGS)

bench: deps-test build ## print the tables of docs/benchmarks.md (never fails on time)
	@bin/trunkline bench
	@$(GO) test -tags $(TAGS) -run '^$$' -bench . -benchmem $(BENCHED)

deps: ## install the Debian packages that the gateway needs
	@scripts/deps.sh run

deps-test: ## the same, with the real peers of the tests
	@scripts/deps.sh test
