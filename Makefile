# What one can type here. CI runs "make check".

PKG ?= ./...
SECONDS ?= 30

.DEFAULT_GOAL := help
.PHONY: help build demo bench check fuzz generate lint release test unchanged web

help: ## list what one can type
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 12

build: ## build bin/davit
	go build -ldflags "-X main.Commit=$$(git rev-parse --short HEAD)" -o bin/davit ./cmd/davit

demo: build ## from nothing to a running application, and back
	go run ./test/demo

bench: build ## compare with peers: make bench RUN=D1,J1 N=50
	test/services run go run ./bench $(if $(RUN),-run $(RUN)) $(if $(N),-n $(N))

check: ## all that CI wants: generate, lint, test, unchanged
	@for phase in generate lint test unchanged; do \
		start=$$(date +%s); \
		$(MAKE) --no-print-directory $$phase || exit 1; \
		echo "$$phase took $$(($$(date +%s) - start)) s"; \
	done

generate: ## write the generated code anew
	go generate ./...

web: ## bundle what browsers get, from web/
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run build

fuzz: ## look for what breaks the parsers: make fuzz SECONDS=60 RUN=Guard
	@git grep -o '^func Fuzz[A-Za-z]*' -- '*_test.go' | grep '$(RUN)' | while IFS=': ' read -r file _ name; do \
		echo "$$name in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(SECONDS)s -fuzzminimizetime 5s "./$$(dirname $$file)" </dev/null || exit 1; \
	done

lint: bin/golangci-lint ## check style and format
	bin/golangci-lint run ./...

test: ## run the tests on real services: make test PKG=./runner/... RUN=TestName
	test/services run go run ./test/report $(if $(CI),-no-skip) -- -race -shuffle=on $(if $(RUN),-run '$(RUN)') $(PKG)

release: ## archives for all platforms in dist/: make release VERSION=v1.2.3
	go run ./release -version "$(VERSION)" -out dist/$(VERSION)

unchanged: # generated code is committed as the generators write it
	git diff --exit-code
	@new=$$(git ls-files --others --exclude-standard); \
	test -z "$$new" || { echo "these files are not committed:" $$new; exit 1; }

bin/golangci-lint: tools/go.mod tools/go.sum
	go -C tools build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
