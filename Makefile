# make test   installs what the tests need (Debian), starts throw-away servers, runs everything, stops what it started
# make demo   the whole product on this machine, no account needed
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL := $(GO) tool -modfile=.ci/tools.mod
# SQLite is C translated into Go, whose memory is outside of what the race detector watches: it sees nothing there and takes
# most of the tests' time. Everything that was written in Go is watched. In GOFLAGS, so that the program under test is built alike.
RACE := GORACE=atexit_sleep_ms=50 GOFLAGS="$(GOFLAGS) $(patsubst %,-gcflags=%=-race=false,modernc.org/sqlite/lib modernc.org/libc modernc.org/memory)"

.PHONY: demo build test test-go sanity fuzz lint vuln bench clean generate

demo:
	$(GO) run ./cmd/tiangeng demo

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o tiangeng ./cmd/tiangeng

# The tests start their own MariaDB, Redis and Chromium on free ports and sockets; only the programs must be there.
test:
	.ci/packages
	$(MAKE) test-go

test-go:
	$(RACE) $(GO) test -race -shuffle=on -timeout 45m ./...
	TIANGENG_SEEDS=20000 $(GO) test -run 'TestRehearsal$$|TestTheModelIsLikeTheDatabases$$' ./bot
	$(MAKE) sanity

# Mistakes that others have made are put into the real code, one by one; the tests must find each (about a minute).
sanity:
	.ci/sanity

# Every fuzz target for FUZZTIME each (the corpus in testdata runs in `make test` anyway).
FUZZTIME ?= 30s
fuzz:
	.ci/fuzz $(FUZZTIME)

lint:
	$(GO) vet ./...
	$(TOOL) golangci-lint run ./...

# Needs the vulnerability database; where it cannot be reached it says so and is not a failure.
vuln:
	.ci/vuln

bench:
	.ci/packages
	$(GO) test -run '^$$' -bench . -benchtime 1s ./bot/... ./content/... ./store/...
	$(GO) test -tags bench -run 'TestSideBySide|TestReceiptsBesideAnswers|TestPushAtScale' -count 1 -timeout 60m -v ./cmd/tiangeng

generate:
	$(GO) test ./configs ./content ./bot/study ./bot/certificate ./bot/channel/wechat ./bot/conversation ./bot/delivery ./bot/report ./bot/sim -update

clean:
	rm -rf tiangeng dist artifacts
