# What one can do here.  Every target works from a fresh clone, as root, on Debian 12.
SHELL := /bin/bash
PRESET ?= release
BUILD := build/$(PRESET)
FUZZ_SECONDS ?= 5
# Paths below this folder count as relative, so that a second clone finds what the first one compiled.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: build help deps demo test unit sanitize e2e bench bench-quick scenarios chaos lint hooks format tidy docs clean fuzz

build: deps ## build everything (PRESET=release|debug|clang|asan|tsan)
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what is missing (Debian packages in devtools/packages.txt)
	@devtools/install-packages

demo: build ## the whole story: inventory, plan, offload in waves, traffic, upgrade, crash, fallback, scorecard; 4 minutes
	@devtools/need-root
	@devtools/demo

test: build ## every test: lint, unit, sanitizers with fuzzing, end to end
	@devtools/need-root
	@FUZZ_SECONDS=$(FUZZ_SECONDS) devtools/run-tests

unit: build ## unit and service tests only
	@ctest --test-dir $(BUILD) --output-on-failure -L unit

sanitize: deps ## unit tests and short fuzzing under ASan+UBSan, threads under TSan
	@FUZZ_SECONDS=$(FUZZ_SECONDS) devtools/run-tests sanitize

fuzz: deps ## fuzz every target for FUZZ_SECONDS each, another way every time
	@FUZZ_SEED=0 FUZZ_SECONDS=$(FUZZ_SECONDS) devtools/run-tests fuzz

e2e: build ## end-to-end tests in namespaces
	@devtools/need-root
	@/usr/bin/python3 -m pytest -q tests/e2e

bench: build ## the whole comparison with Open vSwitch and testpmd (three quarters of an hour); results in out/
	@bench/run

bench-quick: build ## the same, cut down to three minutes
	@bench/run --quick

scenarios: build ## host-resident against offloaded, four scenarios (45 minutes); docs/reference/scenarios.md
	@devtools/need-root
	@tests/scenarios/measure

chaos: build ## break a lab in every way and measure what its users notice (an hour); docs/reference/chaos.md
	@devtools/need-root
	@tests/chaos/run.py && tests/chaos/report

lint: deps ## format, layers, shell and Python checks
	@devtools/lint

hooks: ## run lint before every commit (git config core.hooksPath)
	@git config core.hooksPath .githooks

format: ## format the sources
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

tidy: deps ## clang-tidy over src/ (slow)
	@cmake --preset clang >/dev/null && git ls-files 'src/*.cc' | xargs -P2 -n4 clang-tidy-14 -p build/clang --quiet

docs: build ## regenerate docs/reference
	@devtools/generate-reference

clean: ## remove what was built
	@rm -rf build out
