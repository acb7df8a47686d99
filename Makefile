# attune: everything is built, checked and installed from here; `make help` lists what there is.
#
#   make MODE=asan unit T=tree       one configuration, one suite of unit tests
#   make BUILD=/tmp/b CC=clang all   another place, another compiler
#   make V=1                         shows the commands
#
# Sources are found by wildcard, so a new file needs no edit here. Each configuration (compiler and mode) has a folder of
# its own below $(BUILD), and can be built at the same time as another; gcc with MODE=release is $(BUILD) itself. No
# make calls another, but for scripts/check.sh and its like, which build one configuration after the other.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

# --- configuration ----------------------------------------------------------------------------------------------------

# Goals that need a build of their own choose it; all others take MODE.
MODE_OF_GOAL := $(filter fuzz coverage plant,$(patsubst coverage-%,coverage,$(MAKECMDGOALS)))
MODE := $(firstword $(MODE_OF_GOAL) $(MODE) release)

CC_OF_MODE_asan := clang
CC_OF_MODE_fuzz := clang
ifeq ($(origin CC),default)
CC := $(or $(CC_OF_MODE_$(MODE)),gcc)
endif

# release   what is shipped: optimised and hardened; assertions stay on in every mode
# debug     for gdb
# asan      AddressSanitizer and UndefinedBehaviorSanitizer; FORTIFY would blind them
# fuzz      the same with libFuzzer's instrumentation
# coverage  counts lines and branches for gcovr
# plain     optimised and nothing else: valgrind, perf
# plant     with the planted bugs of merkle/instrument.h, one of which attune-chaos switches on; never installed
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -DATTUNE_RELEASE
CFLAGS_debug := -Og
CFLAGS_asan := -O1 $(SANITIZERS)
CFLAGS_fuzz := -O1 $(SANITIZERS) -fsanitize=fuzzer-no-link -DATTUNE_PROBES
CFLAGS_coverage := -O0 --coverage -DATTUNE_PROBES
CFLAGS_plain := -O2
CFLAGS_plant := -O2 -DATTUNE_PLANTS -DATTUNE_PROBES
LDFLAGS_release := -Wl,-z,relro,-z,now
LDFLAGS_asan := $(SANITIZERS)
LDFLAGS_fuzz := $(SANITIZERS)
LDFLAGS_coverage := --coverage
ifeq ($(CFLAGS_$(MODE)),)
$(error MODE=$(MODE) is none of release, debug, asan, fuzz, coverage, plain, plant)
endif
ifeq ($(MODE) $(filter install,$(MAKECMDGOALS)),plant install)
$(error MODE=plant has planted bugs: it is not for installing)
endif

CONFIGURATION := $(notdir $(CC))-$(MODE)
OUT := $(if $(filter gcc-release,$(CONFIGURATION)),$(BUILD),$(BUILD)/$(CONFIGURATION))

# The library's own needs, and what each program adds. libev has no pkg-config file.
PACKAGES_LIBRARY := libxxhash msgpack sqlite3 jansson
PACKAGES_attuned := libmicrohttpd jansson libcyaml
PACKAGES_attunectl := libcurl jansson
PACKAGES_attune-chaos := libcurl jansson yaml-0.1
PACKAGES_attune-bench :=
PACKAGES_TEST := check
PACKAGES_SIMULATION := yaml-0.1
packages = $(if $(strip $(1)),$(shell pkg-config $(2) $(1) 2>/dev/null || \
                                      for p in $(1); do pkg-config $(2) $$p 2>/dev/null; done))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CPPFLAGS += -I. -D_GNU_SOURCE -DATTUNE_VERSION='"$(VERSION)"'
ALL_CFLAGS := -std=gnu17 -g $(WARNINGS) $(CFLAGS_$(MODE)) -fPIC -pthread $(CFLAGS)
ALL_LDFLAGS := -pthread -Wl,--as-needed $(LDFLAGS_$(MODE)) $(LDFLAGS)
PACKAGE_CFLAGS := $(call packages,$(PACKAGES_LIBRARY) $(PACKAGES_attuned) $(PACKAGES_attunectl) $(PACKAGES_TEST) \
                                   $(PACKAGES_SIMULATION),--cflags)
LIBRARY_LIBS := -lev $(call packages,$(PACKAGES_LIBRARY),--libs)
TEST_LIBS := $(call packages,$(PACKAGES_TEST),--libs)
SIMULATION_LIBS := $(call packages,$(PACKAGES_SIMULATION),--libs)

# --- sources ----------------------------------------------------------------------------------------------------------

# While files are being written, a part can be built alone:
#   make unit LIBRARY_FOLDERS=merkle UNIT_TESTS=test/unit/test_tree.c
LIBRARY_FOLDERS ?= merkle catalog gossip
UNIT_TESTS ?= $(sort $(wildcard test/unit/test_*.c))

# What the simulator runs counts its probes (merkle/instrument.h), what is shipped has none: two sets of objects of the
# same sources, unless the mode has probes everywhere.
PROBED := $(if $(filter -DATTUNE_PROBES,$(CFLAGS_$(MODE))),obj,probed)
LIBRARY_PROBED := $(if $(filter obj,$(PROBED)),libattune.a,libattune-probed.a)

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
probed_objects = $(patsubst %.c,$(OUT)/$(PROBED)/%.o,$(1))
in_folder = $(sort $(wildcard $(addsuffix /*.c,$(1))))

LIBRARY_SOURCES := $(call in_folder,$(LIBRARY_FOLDERS))
PROGRAMS := attuned attunectl attune-bench attune-chaos
SOURCES_attuned := $(call in_folder,bin/attuned)
SOURCES_attunectl := $(call in_folder,bin/attunectl)
SOURCES_attune-bench := $(call in_folder,bin/bench)
SOURCES_attune-chaos := $(wildcard bin/chaos/main.c)
CHAOS_SOURCES := $(filter-out $(SOURCES_attune-chaos),$(call in_folder,bin/chaos))
SIMULATION_SOURCES := $(call in_folder,test/sim)
SUPPORT_SOURCES := $(call in_folder,test/unit/support)
FUZZ_TARGETS := $(patsubst test/fuzz/fuzz_%.c,%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
PUBLIC_HEADERS := merkle/merkle.h catalog/catalog.h catalog/store.h catalog/stored.h gossip/gossip.h gossip/service.h

# Programs whose folder is still empty are not built.
BUILT_PROGRAMS := $(foreach program,$(PROGRAMS),$(if $(SOURCES_$(program)),$(OUT)/$(program)))
SIMULATOR := $(OUT)/attune-chaos
REPLAYS := $(FUZZ_TARGETS:%=$(OUT)/fuzz/%-replay)

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo check unit bench sim sim-long scale explore traces plant fuzz install uninstall deps coverage coverage-sim format \
        format-check tidy layering clang-tidy test-programs unit-program simulator replays clean help FORCE

all: $(OUT)/libattune.a $(OUT)/libattune.so $(BUILT_PROGRAMS) ## builds the library and the programs (default)

# --- compiling and linking --------------------------------------------------------------------------------------------

# V=1 shows the commands themselves.
quiet = $(if $(V),,@echo '$(1) $@';)

$(OUT)/obj/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call quiet,CC  )$(CC) $(CPPFLAGS) $(PACKAGE_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/probed/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call quiet,CC  )$(CC) $(CPPFLAGS) -DATTUNE_PROBES $(PACKAGE_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Lists that are rebuilt only when their content changes: the flags, and what each archive holds.
if_changed = mkdir -p $(@D) && printf '%s\n' $(1) >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(OUT)/flags: FORCE
	@$(call if_changed,'$(subst ','\'',$(CC) $(CPPFLAGS) $(PACKAGE_CFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))')

# $(1): archive, $(2): objects
define archive_rule
$(OUT)/$(1).list: FORCE
	@$$(call if_changed,$(sort $(2)) end)
$(OUT)/$(1): $(OUT)/$(1).list $(2)
	@rm -f $$@
	$$(call quiet,AR  )ar rcs $$@ $(2)
endef
$(eval $(call archive_rule,libattune.a,$(call objects,$(LIBRARY_SOURCES))))
ifeq ($(PROBED),probed)
$(eval $(call archive_rule,libattune-probed.a,$(call probed_objects,$(LIBRARY_SOURCES))))
endif
$(eval $(call archive_rule,libsimulation.a,$(call probed_objects,$(SIMULATION_SOURCES))))
$(eval $(call archive_rule,libchaos.a,$(call probed_objects,$(CHAOS_SOURCES))))
$(eval $(call archive_rule,libsupport.a,$(call objects,$(SUPPORT_SOURCES))))
# What unit tests take from the programs: all but their main() and the loop.
$(eval $(call archive_rule,libprograms.a,$(call objects,$(filter-out %/main.c bin/attuned/ev_%,$(SOURCES_attuned) \
                                                       $(SOURCES_attunectl)))))

$(OUT)/libattune.so.0: $(OUT)/libattune.a scripts/libattune.map
	$(call quiet,LINK)$(CC) -shared -Wl,-soname,libattune.so.0 -Wl,--version-script=scripts/libattune.map $(ALL_LDFLAGS) \
	    -Wl,--whole-archive $< -Wl,--no-whole-archive $(LIBRARY_LIBS) -o $@
$(OUT)/libattune.so: $(OUT)/libattune.so.0
	@ln -sf libattune.so.0 $@

link = $(call quiet,LINK)$(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(1) $(LIBRARY_LIBS) -o $@

define program_rule
$(OUT)/$(1): $(call objects,$(SOURCES_$(1))) $(OUT)/libattune.a
	$$(call link,$(call packages,$(PACKAGES_$(1)),--libs))
endef
$(foreach program,$(filter-out attune-chaos,$(PROGRAMS)),$(eval $(call program_rule,$(program))))

$(OUT)/attune-chaos: $(call probed_objects,$(SOURCES_attune-chaos)) $(OUT)/libchaos.a $(OUT)/libsimulation.a \
                     $(OUT)/$(LIBRARY_PROBED)
	$(call link,$(call packages,$(PACKAGES_attune-chaos),--libs))

# A failure says what was built from what.
COMMIT = $(or $(shell git describe --always --dirty --exclude '*' 2>/dev/null),unknown)
$(OUT)/commit: FORCE
	@$(call if_changed,'$(COMMIT)')
$(OUT)/$(PROBED)/bin/chaos/simulate.o: $(OUT)/commit
$(OUT)/$(PROBED)/bin/chaos/simulate.o: private CPPFLAGS += -DATTUNE_COMMIT='"$(COMMIT)"' -DATTUNE_BUILD='"$(CONFIGURATION)"'

# --- tests ------------------------------------------------------------------------------------------------------------

# The runner's list of suites: test/unit/test_tree.c defines `Suite *tree_suite(void)`.
$(OUT)/generated/suites.h: FORCE
	@$(call if_changed,$(patsubst test/unit/test_%.c,'SUITE(%)',$(UNIT_TESTS)))
$(OUT)/obj/test/unit/main.o: $(OUT)/generated/suites.h
$(OUT)/obj/test/unit/main.o: private CPPFLAGS += -I$(OUT)/generated

$(OUT)/unit: $(call objects,test/unit/main.c $(UNIT_TESTS)) $(OUT)/libprograms.a $(OUT)/libchaos.a $(OUT)/libsupport.a \
             $(OUT)/libsimulation.a $(OUT)/libattune.a
	$(call link,$(TEST_LIBS) $(call packages,$(PACKAGES_attuned) $(PACKAGES_attunectl) $(PACKAGES_attune-chaos),--libs))

$(OUT)/fuzz/%-replay: $(OUT)/obj/test/fuzz/fuzz_%.o $(OUT)/obj/test/fuzz/replay_main.o $(OUT)/libsupport.a \
                      $(OUT)/libsimulation.a $(OUT)/libattune.a
	@mkdir -p $(@D)
	$(call link,$(SIMULATION_LIBS))

$(OUT)/fuzz/%: $(OUT)/obj/test/fuzz/fuzz_%.o $(OUT)/libsupport.a $(OUT)/libsimulation.a $(OUT)/libattune.a
	@mkdir -p $(@D)
	$(call link,-fsanitize=fuzzer $(SIMULATION_LIBS))

# For scripts/check.sh, which knows goals rather than paths.
unit-program: $(OUT)/unit
simulator: $(SIMULATOR)
replays: $(REPLAYS)
test-programs: all unit-program simulator replays ## builds all that the checks run, and runs nothing

T ?=
unit: $(OUT)/unit ## runs the unit tests; T=NAME only one suite (T=tree) or test case (T=merkle_insert)
	@$(OUT)/unit $(T)

check: $(if $(T),unit) ## installs what is missing, runs every check (or T=NAME: only that unit test); what CI runs
	$(if $(T),,@scripts/deps.sh && BUILD=$(BUILD) scripts/check.sh)

demo: ## three nodes agree, one misses a change and heals, one joins late
	@scripts/deps.sh build
	@$(MAKE) --no-print-directory BUILD=$(BUILD) all
	@test -x scripts/demo.sh || { echo 'make demo: scripts/demo.sh is missing' >&2; exit 1; }
	@BUILD=$(BUILD) scripts/demo.sh

bench: $(OUT)/attune-bench ## measures against the figures of comparable systems
	$(OUT)/attune-bench

# $(1): seeds as 5-9, or one
SEED ?=
SEEDS ?=
first_of = $(firstword $(subst -, ,$(1)))
sweep = $(SIMULATOR) sim --from $(first_of) --seeds $$(($(lastword $(subst -, ,$(1))) - $(first_of) + 1))

sim: $(SIMULATOR) ## runs the simulator: SEED=N one seed with its trace, SEEDS=1-100 a range
	$(if $(SEED),$(SIMULATOR) sim --seed $(SEED) --trace,$(call sweep,$(or $(SEEDS),1-100)))

sim-long: $(SIMULATOR) ## sweeps SEEDS=1-5000 and shows how far it is; for an hour or a night
	$(call sweep,$(or $(SEEDS),1-5000))

scale: $(SIMULATOR) ## 3 to 1000 nodes: intervals until equal, bytes at rest, speed; SCALE="NODES:SEEDS ..."
	@CHAOS=$(SIMULATOR) SCALE='$(SCALE)' scripts/scale.sh

explore: $(SIMULATOR) ## every state of small worlds: removal, agreement, stages, freshness; WORLDS=large (an hour) or small
	$(SIMULATOR) explore --suite $(or $(WORLDS),large)

traces: ## the same traces from gcc -O0, gcc -O2 and clang -O2, for SEEDS=1-200
	@BUILD=$(BUILD) SEEDS='$(or $(SEEDS),1-200)' scripts/traces.sh

PLANTS ?=
plant: simulator unit-program ## plants bugs that the checks must catch; PLANTS="B07 B12" only these
	@$(if $(PLANTS),,$(MAKE) --no-print-directory BUILD=$(BUILD) CC=gcc MODE=release simulator)
	@scripts/plant.py --out $(OUT) --release $(BUILD)/attune-chaos $(PLANTS)

TIME ?= 60
fuzz: $(FUZZ_TARGETS:%=$(OUT)/fuzz/%) ## fuzzes each decoder for TIME=60 seconds, from the corpora in test/fuzz/corpus
	@OUT=$(OUT) TIME=$(TIME) scripts/fuzz.sh $(FUZZ_TARGETS)

coverage: $(OUT)/unit $(SIMULATOR) ## prints line and branch coverage of merkle/, catalog/ and the engine
	@OUT=$(OUT) scripts/coverage.sh

coverage-sim: $(SIMULATOR) ## what SEEDS=1-200 alone reach of merkle/, catalog/ and the engine
	@OUT=$(OUT) SEEDS='$(or $(SEEDS),1-200)' scripts/coverage_sim.py

# --- style ------------------------------------------------------------------------------------------------------------

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')

format: ## rewrites all C files in the project's format
	clang-format -i $(C_FILES)

format-check: ## names the C files that `make format` would change
	@clang-format --dry-run --Werror $(C_FILES)

layering: ## checks that includes point one way, and who may include and call what
	@scripts/layering.py

tidy: ## checks lengths of files and functions, and the comments that must be there
	@scripts/tidy.py

# Tests are left out but for the simulator: Check's macros read badly to it, and the analyser takes minutes over them.
clang-tidy: ## looks for faults with clang-tidy and clang's analyser
	@printf '%s\n' $(filter-out test/unit/%,$(filter %.c,$(C_FILES))) | xargs -P $$(nproc) -n 1 sh -c \
	    'clang-tidy --quiet "$$@" -- $(subst ','\'',$(CPPFLAGS)) $(PACKAGE_CFLAGS) -std=gnu17 2>&1 | \
	     { ! grep -vE "^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header"; }' clang-tidy

# --- installing -------------------------------------------------------------------------------------------------------

install: all ## installs programs, libraries, headers, attune.pc; DESTDIR= PREFIX= say where
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' VERSION='$(VERSION)' OUT='$(OUT)' \
	    scripts/install.sh install $(PUBLIC_HEADERS)

uninstall: ## removes what install put there
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' VERSION='$(VERSION)' OUT='$(OUT)' \
	    scripts/install.sh uninstall $(PUBLIC_HEADERS)

# --- the rest ---------------------------------------------------------------------------------------------------------

deps: ## installs the Debian packages that are missing, and says which
	@scripts/deps.sh

clean: ## removes what was built
	rm -rf $(BUILD)

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

-include $(shell find $(OUT)/obj $(OUT)/probed -name '*.d' 2>/dev/null)
