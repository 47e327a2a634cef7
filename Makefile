# SPDX-License-Identifier: Apache-2.0
# A thin front for meson and ninja; `make help` lists what it can do.

BUILD := build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 20
POINTS ?= 200
# Ninja speaks although it has nothing to do and was asked to be quiet.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
BUILD_ALL = ninja --quiet -C $(BUILD) | sed -u '/^ninja: no work to do\.$$/d'
SANITIZE_asan := address,undefined
SANITIZE_tsan := thread
# What gcc's sanitizers and warnings see is seen by tsan; clang's see more.
CC_asan := clang
CC_tsan := gcc

.PHONY: all setup demo check check-cluster check-corosync histories bench bench-redis lint measure format asan tsan clang models fuzz killed programs foreign install deb deb-test machines clean help

all: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) build.ninja >$(BUILD)/setup.log || { tail -n 20 $(BUILD)/setup.log; exit 1; }
	@[ -e $(BUILD)/bin/dvs ] || echo 'building in $(BUILD)/, for a minute or so'
	@$(BUILD_ALL)
	@scripts/stage $(BUILD)

# What a command needs, and nothing else: the groups of packages.txt.
setup:
	@scripts/setup build
setup-%:
	@scripts/setup build $(subst +, ,$*)

# Ninja sees a change in a file it knows. What is new or gone is seen here.
$(BUILD)/listing: FORCE | setup
	@mkdir -p $(BUILD)
	@[ -w $(BUILD) ] || { echo '$(BUILD)/ is of another user: make as that one, or `sudo make clean`' >&2; exit 1; }
	@find include src examples test -name '*.c' -o -name meson.build 2>/dev/null | sort >$@.now; \
	cmp -s $@.now $@ && rm $@.now || mv $@.now $@

$(BUILD)/build.ninja: $(BUILD)/listing
	@scripts/configure $(BUILD) --prefix '$(PREFIX)'

FORCE:

help:
	@echo 'make            build everything: programs in build/bin, libraries in build/lib'
	@echo 'make demo       show a server moving between two nodes while a client calls it (root)'
	@echo 'make check      all tests: unit, lint, and the scenarios in a lab of nodes (root)'
	@echo 'make check-cluster   the longer scenarios of a cluster, and moves, faults and a storm on Corosync (root)'
	@echo 'make check-corosync  all other scenarios on Corosync (root)'
	@echo 'make histories  random faults for SECONDS (default 600) on Corosync, judged by a checker; SEED=N repeats (root)'
	@echo 'make bench      measure; results in build/bench/results.json (root)'
	@echo 'make bench-redis  a redis of 100 MB moves under load: the longest reply; results in build/bench/redis.json (root)'
	@echo 'make lint       only the style and layer checks'
	@echo 'make measure    count calls, assertions, tests and the like; LIST=1 shows what was counted'
	@echo 'make format     put every C file into the agreed form'
	@echo 'make asan       compile with clang, unit tests and moves under the address and undefined-behaviour sanitizers'
	@echo 'make tsan       unit tests under the thread sanitizer'
	@echo 'make clang      compile with clang and run the unit tests'
	@echo 'make models     explore the models of the protocols completely'
	@echo 'make fuzz       run every fuzzer for FUZZ_SECONDS (default 20)'
	@echo 'make killed     kill a process at POINTS instructions of each call (default 200; 0: all) (root)'
	@echo 'make install    install under PREFIX (default /usr/local); DESTDIR is honoured'
	@echo 'make deb        build the Debian packages, in build/deb'
	@echo 'make deb-test   install them into a new Debian root, use them there and remove them (root)'
	@echo 'make programs   programs of Debian move while they work; ONLY=NAME: one of test/programs (root)'
	@echo 'make foreign    move the tests of another checkpoint program; ONLY=NAME: one of test/foreign/expected (root)'
	@echo 'make machines   whole Debian machines: install the packages, form a cluster, break it; SHORT=1 for two (root)'
	@echo 'make clean      remove build/'

demo: setup-run all
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" test/demo.sh

check: setup-run+check all
	@scripts/run-tests $(BUILD) $(if $(DVS_TOTALS),--label check --totals $(DVS_TOTALS))

check-cluster: setup-run+check all
	@scripts/run-tests $(BUILD) --cluster $(if $(DVS_TOTALS),--label cluster --totals $(DVS_TOTALS))

check-corosync: setup-run+check all
	@scripts/run-tests $(BUILD) --corosync

histories: setup-run+check all
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" DVS_BUILD=$(CURDIR)/$(BUILD) scripts/in-own-world test/histories/run \
		$(if $(filter command line,$(origin SECONDS)),$(SECONDS),600) $(if $(SEED),--seed $(SEED)) $(if $(FOLDER),--folder $(FOLDER))

bench: setup-run+bench all
	@# The libraries to be measured against may be new since the build was configured.
	@scripts/configure $(BUILD) --prefix $(PREFIX)
	@$(BUILD_ALL)
	@mkdir -p $(BUILD)/bench
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" test/bench/run $(BUILD)/bench/results.json

# 100 MB of redis under redis-benchmark, moved.
bench-redis: setup-run+programs all
	@mkdir -p $(BUILD)/bench
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" scripts/in-own-world test/bench/redis $(BUILD)/bench/redis.json

lint: setup-check all
	@scripts/lint --build $(BUILD)

# What can be counted about the form of the tree; LIST=1 shows what was counted.
measure: all
	@scripts/measure $(if $(LIST),--list) $(BUILD)

format: setup-check
	@git ls-files '*.c' '*.h' | xargs -r $$(command -v clang-format-14 || echo clang-format) -i

# Each sanitizer has a build of its own inside the main one and runs the unit suite.
asan tsan: setup-run+analyse
	@CC=$(CC_$@) scripts/run-variant $@ -Db_sanitize=$(SANITIZE_$@) -Db_lundef=false

clang: setup-run+analyse
	@CC=clang scripts/run-variant clang

models: setup-analyse
	@scripts/check-models

fuzz: setup-build+analyse
	@scripts/run-fuzzers $(FUZZ_SECONDS)

killed: setup-run all
	@LIMIT=7200 POINTS=$(POINTS) DVS_BUILD=$(CURDIR)/$(BUILD) bash test/scenarios/killed.sh

programs: setup-run+programs all
	@scripts/run-tests $(BUILD) --programs $(addprefix --only ,$(ONLY)) $(if $(DVS_TOTALS),--label programs --totals $(DVS_TOTALS))

foreign: setup-run+foreign all
	@test/foreign/run $(BUILD) $(addprefix --only ,$(ONLY)) $(if $(ALL),--all) $(if $(RECORD),--record)

install: all
	@mkdir -p '$(DESTDIR)$(PREFIX)/lib' 2>/dev/null; [ -w '$(DESTDIR)$(PREFIX)/lib' ] || { \
		echo 'install: $(DESTDIR)$(PREFIX) is not yours to write to: use sudo, or another PREFIX' >&2; exit 1; }
	@scripts/configure $(BUILD) --prefix '$(PREFIX)'
	@$(BUILD_ALL)
	@[ -L '$(DESTDIR)$(PREFIX)/share/dvs/include' ] || rm -rf '$(DESTDIR)$(PREFIX)/share/dvs/include'
	@DESTDIR='$(DESTDIR)' meson install -C $(BUILD) --no-rebuild --quiet
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] || ldconfig

deb: setup-build+package
	@scripts/deb $(BUILD)

deb-test: deb
	@test/packages/run $(BUILD) $(SUITE)

# Whole machines; SHORT=1: two of them, for some minutes; ONLY=NAME: one scenario of test/machines/story.py.
machines:
	@test/machines/run $(BUILD) $(if $(SHORT),--short) $(addprefix --only ,$(ONLY))

clean:
	@rm -rf $(BUILD)
