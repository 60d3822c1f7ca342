# What one can type here. CI runs "make check".

SECONDS ?= 30

# SQLite is machine-translated C: half the time of the tests, and no race of
# ours to be found in it.
RACE := -race -gcflags=modernc.org/...=-race=false

# Here tests are programs that look at Davit from outside: they see no race of its.
OUTSIDE := ^\./(bench|release|test|web)(/|$$)

.DEFAULT_GOAL := help
.PHONY: help build demo demo-full bench chaos check engines fuzz generate lint loki pictures release test unchanged web

help: ## list what one can type
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 12

build: ## build bin/davit
	go build -ldflags "-X main.Commit=$$(git rev-parse --short HEAD)" -o bin/davit ./cmd/davit

demo: build ## from nothing to a running application, and back
	go run ./test/demo

demo-full: build ## the same on PostgreSQL, Redis and Loki, which is built first; LOKI=no leaves it out
	$(if $(filter no,$(LOKI)),,test/services loki)
	test/services run go run ./test/demo -full

bench: build ## compare with peers, which it builds at first: make bench RUN=D1,J1 N=50
	test/services run go run ./bench $(if $(RUN),-run $(RUN)) $(if $(N),-n $(N))

chaos: build ## break what can break, at random: make chaos SEED=1 MINUTES=10 EPISODE=0; FULL=1 is on PostgreSQL and Redis
	test/services run go run ./test/chaos -minutes $(or $(MINUTES),3) -seed $(or $(SEED),0) -episode $(or $(EPISODE),0) $(if $(FULL),-full)

check: ## all that CI wants: generate, lint, test, unchanged
	@for phase in generate lint test unchanged; do \
		start=$$(date +%s); \
		$(MAKE) --no-print-directory $$phase || exit 1; \
		echo "$$phase took $$(($$(date +%s) - start)) s"; \
	done

generate: ## write the generated code anew
	go generate ./...

web: ## bundle what browsers get, the console and GraphiQL, from web/
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run build

fuzz: ## look for what breaks the parsers: make fuzz SECONDS=60 RUN=Guard
	@git grep -o '^func Fuzz[A-Za-z]*' -- '*_test.go' | grep '$(RUN)' | while IFS=': ' read -r file _ name; do \
		echo "$$name in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(SECONDS)s -fuzzminimizetime 5s "./$$(dirname $$file)" </dev/null || exit 1; \
	done

lint: bin/golangci-lint ## check style and format
	bin/golangci-lint run ./...

TEST := -vet=off -shuffle=on -timeout 30m $(if $(RUN),-run '$(RUN)') # lint vets
test: ## run the tests on real services: make test PKG=./runner/... RUN=TestName
	all=$$(go list -f '.{{slice .ImportPath (len .Module.Path)}}' $(or $(PKG),./...)) && \
	inside=$$(echo "$$all" | grep -Ev '$(OUTSIDE)'; true) outside=$$(echo "$$all" | grep -E '$(OUTSIDE)'; true) && \
	test/services run go run ./test/report $(if $(CI),-no-skip -again) -- \
		$${inside:+$(RACE) $(TEST) $$inside} $${inside:+$${outside:+--}} $${outside:+$(TEST) $$outside}

pictures: ## pictures of the console's pages and dialogs, light, dark and on a phone, in dist/pictures
	PICTURES=$(CURDIR)/dist/pictures test/services run go test -count=1 -run 'TestOnAnEngine/(what_fails|axe)' ./test/console

engines: bin/engine/dockerd ## run what needs an engine on a dockerd of today, see docs/engines.md
	test/services run go run ./test/engine go run ./test/report -- -shuffle=on -timeout 20m $(if $(RUN),-run '$(RUN)') ./runner/docker
	test/services run go run ./test/engine -images debian:bookworm-slim go run ./test/report -- -shuffle=on -timeout 20m \
		-run '$(or $(RUN),$(ON_ENGINE))' ./internal/build ./worker ./test/e2e

ON_ENGINE := TestBuildKit|TestAFailingCommand|TestWhatADockerfile|TestTheSecondBuild|TestCacheMounts|OnDocker|TestKillInEveryPhase|TestTheEngineIsKilled|TestWhatCannotBeDeployed|BehindOurBack

# runc needs cgo and libseccomp: apt-get install libseccomp-dev pkg-config.
bin/engine/dockerd: test/dockerd/go.mod test/dockerd/go.sum
	go -C test/dockerd build -tags seccomp -o ../../bin/engine/ github.com/opencontainers/runc
	CGO_ENABLED=0 go -C test/dockerd build -o ../../bin/engine/ github.com/moby/moby/v2/cmd/docker-proxy \
		github.com/containerd/containerd/v2/cmd/containerd github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
	CGO_ENABLED=0 go -C test/dockerd build -tags no_libnftables -o ../../$@ github.com/moby/moby/v2/cmd/dockerd
	@touch $@

loki: ## test the log store against a real Loki, which is built first: 14 minutes of a core
	test/services loki
	test/services run go run ./test/report -- $(RACE) -tags loki -run 'Loki|Shipped|Room|Refused' ./internal/logs

release: ## archives for all platforms in dist/: make release VERSION=v1.2.3
	go run ./release -version "$(VERSION)" -out dist/$(VERSION)

unchanged: # generated code is committed as the generators write it
	git diff --exit-code
	@new=$$(git ls-files --others --exclude-standard); \
	test -z "$$new" || { echo "these files are not committed:" $$new; exit 1; }

bin/golangci-lint: tools/go.mod tools/go.sum
	go -C tools build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
