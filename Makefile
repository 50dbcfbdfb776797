# What can be done with this tree. `make` alone lists the targets.

GO         ?= go
FUZZTIME   ?= 1m
GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
RACED       = ./engine/... ./gossip ./spill/... ./builtins/...

export CGO_ENABLED ?= 0

.PHONY: help build test check lint fmt examples race bench chaos update

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./flowsh
	$(GO) build -trimpath -o flowsh ./cmd/flowsh

test: ## run the tests
	$(GO) test ./...

check: ## all that must pass before a commit: tests, lint, race detector, examples
	$(MAKE) test
	$(MAKE) lint
	$(MAKE) race
	$(MAKE) examples

lint: ## check the format and run vet, staticcheck and golangci-lint
	@unformatted=$$($(GOFUMPT) -l cmd engine builtins gossip spill) && test -z "$$unformatted" || { echo "not formatted, run make fmt:" $$unformatted; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) -checks inherit,-ST1005 ./...
	$(GOLANGCI) run ./...

fmt: ## format Go files and example scripts
	$(GOFUMPT) -w cmd engine builtins gossip spill
	$(GO) run ./cmd/flowsh fmt scripts/examples/*.star

examples: ## run scripts/examples and compare what they print
	$(GO) test -count=1 -run '^TestExamples$$' ./cmd/flowsh
	$(GO) run ./cmd/flowsh check scripts/examples/*.star
	$(GO) run ./cmd/flowsh fmt --check scripts/examples/*.star

race: ## run the tests of what is concurrent, with fewer random jobs, under the race detector (needs a C compiler)
	@if command -v gcc >/dev/null || command -v cc >/dev/null; then \
		echo CGO_ENABLED=1 $(GO) test -race -short -shuffle=on $(RACED); \
		CGO_ENABLED=1 $(GO) test -race -short -shuffle=on $(RACED); \
	else echo "no C compiler: the race detector is skipped"; fi

bench: ## run all benchmarks, briefly
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 0.3s ./...

chaos: ## kill workers under jobs and cut networks (as root), then run the tests three times in random order under the race detector, then each fuzz target for FUZZTIME
	FLOWSH_CHAOS=1 $(GO) test -count=1 -run '^TestChaos' -v -timeout 60m ./cmd/flowsh
	FLOWSH_SEED=random FLOWSH_RANDOM=1m CGO_ENABLED=1 $(GO) test -race -count=3 -shuffle=on -timeout 60m ./...
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "$$file $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
		done; \
	done

update: ## rewrite what tests compare with: plans, graphs, outputs of examples; look at the difference
	UPDATE=1 $(GO) test -count=1 ./engine/... ./builtins/... ./cmd/...
