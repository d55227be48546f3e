# make            this help
.DEFAULT_GOAL := help
SHELL := bash

BIN := bin/whatchanged
GOLANGCI := go tool -modfile=tools.mod golangci-lint
GOVULNCHECK := go tool -modfile=tools.mod govulncheck

.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Bring everything up, take in real input, ask three questions, stay up (DEMO="--repo PATH")
	$(BIN) demo $(DEMO)

.PHONY: build
build: ## Build bin/whatchanged
	go build -o $(BIN) ./cmd/whatchanged

.PHONY: test
test: fetch ## Run every test with the race detector, on the real ClickHouse and the real JetStream
	go test -race -timeout 30m ./...

.PHONY: fetch
fetch: build ## Fetch the ClickHouse engine and GraphiQL into the cache folder, once
	$(BIN) fetch

.PHONY: fuzz
fuzz: ## Fuzz every decoder and parser for FUZZTIME each (default 20s)
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE '^func Fuzz[A-Za-z]+' $$pkg/*_test.go | sed 's/func //'); do \
	    echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; \
	  done; done

.PHONY: fault
fault: fetch ## Kill the server, kill ClickHouse, keep it away for a minute and fill the disk while 100,000 events arrive (minutes)
	go test -v -run '^TestSiege' -timeout 60m ./cmd/whatchanged -args -siege-events 100000 -siege-away 1m

.PHONY: scoreboard
scoreboard: build ## Diagnose incidents whose culprit is known, and write fixtures/incidents/*.golden (WHATCHANGED_TESTDATA for the real ones)
	$(BIN) eval incidents fixtures/incidents/shop > fixtures/incidents/shop.golden
	@if [ -n "$$WHATCHANGED_TESTDATA" ]; then for set in reverts changerca rootcausebench; do 	  echo "== $$set"; $(BIN) eval incidents "$$WHATCHANGED_TESTDATA/incidents/$$set/dev" > fixtures/incidents/$$set.golden || exit 1; done; fi

.PHONY: transcript
transcript: ## Write docs/transcript.md anew: an incident, asked and answered over MCP
	go test -count=1 -run '^TestTranscript$$' ./mcp -update

.PHONY: bench
bench: fetch ## Run the benchmarks, allocations shown
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: growth
growth: fetch ## Ask history for what held, beside the same by hand (GROWTH=10000000 events; default a million)
	go test -run '^$$' -bench '^BenchmarkGrowth$$' -benchtime 200x -timeout 60m ./index/cold $(if $(GROWTH),-args -growth-events $(GROWTH))

.PHONY: layouts
layouts: fetch ## Ask the same of history in other layouts of the events table: what docs/adr/014 chose from
	go test -v -run '^$$' -bench '^BenchmarkLayouts$$' -benchtime 60x -timeout 60m ./index/cold -args -growth-events $(or $(GROWTH),400000)

.PHONY: figures
figures: fetch ## Measure what README.md says under Figures (FIGURES="-figures-services 10000 -figures-events 1000000")
	go test -run '^$$' -bench '^BenchmarkFigures$$' -benchtime 1x -timeout 60m ./cmd/whatchanged $(if $(FIGURES),-args $(FIGURES))

.PHONY: generate
generate: ## Write generated code anew
	cd graph && go tool gqlgen generate
	go test -count=1 -run '^TestDocument$$' ./graph/schema -update

.PHONY: release-schema
release-schema: generate ## Promise clients the GraphQL schema as it is now; what breaks the last promise fails a test
	cp graph/schema.graphql graph/released.graphql

.PHONY: verify
verify: generate ## Fail if generated code, formatting or go.mod are not as committed
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go mod tidy -diff
	git diff --exit-code -- graph/generated.go graph/schema.graphql

.PHONY: lint
lint: ## Run go vet, the linters (reasons in .golangci.yml) and govulncheck
	go vet ./...
	$(GOLANGCI) run

.PHONY: vuln
vuln: ## Look for known vulnerabilities, where the Go vulnerability database can be reached
	@out=$$($(GOVULNCHECK) ./... 2>&1); status=$$?; echo "$$out"; \
	  if [ $$status -ne 0 ] && grep -q "fetching vulnerabilities" <<<"$$out"; then echo "the database cannot be reached from here: nothing was checked"; exit 0; fi; exit $$status

.PHONY: ci
ci: verify lint vuln test ## What .ci/run runs, after installing what it needs
