# SPDX-License-Identifier: GPL-2.0-only
#
# make help says what there is. Everything made goes to build/; the module is
# built in a copy under build/module-KVER/, so that several kernels can be
# built for and the tree stays clean.

BUILD	:= build
PREFIX	?= /usr/local
DESTDIR	?=

# newest installed headers of Debian's 6.12 cloud kernel; override with KDIR=
KDIR	?= $(shell ls -d /usr/src/linux-headers-6.12*-cloud-amd64 2>/dev/null | sort -V | tail -n 1)
KVER	= $(patsubst linux-headers-%,%,$(notdir $(KDIR)))
KMOD	= $(BUILD)/module-$(KVER)

CC	?= gcc
CFLAGS	?= -O2 -g
OURFLAGS = -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers -Werror -D_FORTIFY_SOURCE=2 \
	   -fstack-protector-strong -fPIE -Iuapi -Iuserspace -iquote . $(PKGFLAGS)
LDFLAGS	?= -Wl,-z,relro,-z,now

# make coverage sets it, with a BUILD of its own
COVERAGE ?=
COVFLAGS = $(if $(COVERAGE),--coverage -fprofile-update=atomic -Og -w -D_GNU_SOURCE= \
	-include tools/coverage.h)

OURLDFLAGS = -pie -Wl,--as-needed

PACKAGES := libnl-3.0 libnl-genl-3.0 libcrypto jansson libseccomp libcap libarchive tss2-mu \
	    tss2-esys tss2-rc tss2-tctildr libcurl sqlite3 libpq libmicrohttpd gnutls p11-kit-1
PKGFLAGS = $(eval PKGFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(if $(filter 0,$(.SHELLSTATUS)),,\
	   $(error packages are missing; try: make deps))$(PKGFLAGS)
LIBS	= $(eval LIBS := $$(shell pkg-config --libs $(filter-out p11-kit-1,$(PACKAGES))) \
	  -lfsverity -lutil -lpthread -ldl)$(LIBS)

# ---- what is built from what: by the names of files

LIBSRC	= $(filter-out $(wildcard userspace/$(1)/test_*.c userspace/$(1)/bench_*.c) $(2),\
	  $(wildcard userspace/$(1)/*.c))
obj	= $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

common_SRC  := $(call LIBSRC,common)
liberot_SRC := $(call LIBSRC,liberot)
derg_SRC    := $(call LIBSRC,dergd,userspace/dergd/hsm_main.c userspace/dergd/main.c)
erotd_SRC   := $(call LIBSRC,erotd)
attester_SRC := $(call LIBSRC,attester)
TOOLS	    := $(patsubst tools/%/,%,$(sort $(dir $(wildcard tools/*/*.c))))

# common <- liberot <- derg: the linker enforces the order
LIBA	:= $(BUILD)/libderg.a $(BUILD)/liberot.a $(BUILD)/libcommon.a

PROGRAMS := $(addprefix $(BUILD)/,$(TOOLS)) \
	    $(BUILD)/erotd $(BUILD)/erot-attester $(BUILD)/dergd \
	    $(if $(wildcard userspace/dergd/hsm_main.c),$(BUILD)/erot-hsm)

HOSTTEST_SRC := $(wildcard userspace/*/test_*.c)
HOSTTESTS    := $(addprefix $(BUILD)/,$(basename $(notdir $(HOSTTEST_SRC))))

# selftests/*_test.c are programs; any other selftests/*.c is shared by them;
# selftests/workload/*.c, and workload/escape/ as a whole, are what the tests run inside the sandbox
SELFTEST_SRC := $(wildcard selftests/*_test.c)
SELFTESTS    := $(patsubst selftests/%.c,$(BUILD)/selftests/%,$(SELFTEST_SRC))
# fuzzers that run in the guest, with the tests
GUESTFUZZ    := $(BUILD)/selftests/fuzz_family $(BUILD)/selftests/fuzz_hostile
SELFLIB_SRC  := $(filter-out $(SELFTEST_SRC),$(wildcard selftests/*.c))
WORKLOADS    := $(patsubst selftests/workload/%.c,$(BUILD)/selftests/workload/%,\
		$(wildcard selftests/workload/*.c)) $(BUILD)/selftests/workload/escape
ESCAPE_SRC   := $(wildcard selftests/workload/escape/*.c)

JOBS	= $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(shell nproc))

.PHONY: all module module-reveal userspace tests image deps check check-host check-guest check-all \
	check-debug check-kunit check-faults coverage check-memory check-fuzz check-fuzz-fixed fuzzers \
	check-newest check-newest-run check-newest-build check-stress demo demo-run bench bench-build \
	static install uninstall clean help FORCE
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: module userspace

help:
	@echo "make all          the module (for KDIR) and the programs, into build/"
	@echo "make module       erot.ko; KDIR=/usr/src/linux-headers-... chooses the kernel"
	@echo "make userspace    the programs"
	@echo "make deps         install the Debian packages that are missing (as root)"
	@echo "make check        deps, build, every test: on the host, then in a virtual machine"
	@echo "make check-host   the tests that need no kernel module"
	@echo "make check-guest  the tests in a virtual machine"
	@echo "make check-debug  the tests in kernels that look for faults (KASAN, KCSAN), which it builds"
	@echo "make check-kunit  of those, only the module's own suites (KUnit)"
	@echo "make check-faults of those, only the ones whose allocations and reads fail"
	@echo "make coverage     which lines the tests reach, in build-coverage/coverage.txt"
	@echo "make check-memory what is left in the machine's memory, looked at from outside"
	@echo "make check-newest the tests in a virtual machine, on Debian's newest kernel (sid)"
	@echo "make check-newest-build  the module for that kernel, without the tests"
	@echo "make check-fuzz   parsers under libFuzzer, the module in a guest: FUZZ_SECONDS (240) in all"
	@echo "make check-fuzz-fixed  the parsers, FUZZ_RUNS (20000) each, with the same choices each time"
	@echo "make check-stress launches that are struck at random: STRESS_LAUNCHES (200; 0: without end),"
	@echo "                  STRESS_SEED (of a run before), STRESS_KERNEL=newest"
	@echo "make bench        what it all costs, next to others and to the limits; BENCH= names some of it"
	@echo "make static       the static checks (tools/check.sh)"
	@echo "make demo         deps, build, then one encrypted workload from package to proof"
	@echo "make install      programs, headers, manual pages, unit and module; DESTDIR= and PREFIX="
	@echo "                  as usual, UNITDIR= for the unit; make uninstall undoes it"
	@echo "make clean        remove build/"

# ---- module

module: $(BUILD)/erot.ko

MODULE_SRC = Kbuild $(wildcard kernel/*.c kernel/*.h uapi/linux/*.h)

# A module belongs to one kernel, and one of the same name can have another layout: a debug kernel
# whose options have changed. What a directory was built for is in its .kernel; it is emptied when
# that is something else.
%/.kernel: FORCE
	@test -d "$(KDIR)" || { echo "no kernel headers: KDIR='$(KDIR)'; try: make deps" >&2; exit 1; }
	@now="$(MODFLAGS) $$(cd "$(KDIR)" && cat .config Module.symvers | sha256sum)"; \
	if [ "$$now" != "$$(cat $@ 2>/dev/null)" ]; then \
		rm -rf $(@D) && mkdir -p $(@D) && echo "$$now" >$@; \
	fi

$(BUILD)/erot.ko: $(KMOD)/erot.ko
	@cp -p $< $@

$(KMOD)/erot.ko: $(MODULE_SRC) $(KMOD)/.kernel
	@cd $(KMOD) && rm -f Kbuild kernel/*.[ch] uapi/linux/*.h
	@cp -p --parents $(MODULE_SRC) $(KMOD)
	+@$(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) $(MODFLAGS) modules
	@touch $@

# tells the secrets of erot.ko; a module of its own, so that what is shipped knows nothing of it
REVEAL	= $(BUILD)/reveal-$(KVER)

module-reveal: $(REVEAL)/erot-reveal.ko

$(REVEAL)/erot-reveal.ko: $(wildcard qemu-test/reveal/*) $(REVEAL)/.kernel
	@cp -p $(filter-out %/.kernel,$^) $(REVEAL)
	+@$(MAKE) -C $(KDIR) M=$(CURDIR)/$(REVEAL) $(MODFLAGS) modules
	@touch $@

# faults on purpose, to test who looks for them
$(BUILD)/planted-$(KVER)/planted.ko: $(wildcard qemu-test/planted/*) $(BUILD)/planted-$(KVER)/.kernel
	@cp -p $(filter-out %/.kernel,$^) $(@D)
	+@$(MAKE) -C $(KDIR) M=$(abspath $(@D)) modules

# ---- userspace

userspace: $(PROGRAMS)
tests: $(HOSTTESTS) $(SELFTESTS) $(GUESTFUZZ) $(WORKLOADS) $(BUILD)/memory-scan

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OURFLAGS) $(CFLAGS) $(COVFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# a test compares literals, which are signed, with sizes, which are not
$(call obj,$(HOSTTEST_SRC) $(SELFTEST_SRC) $(SELFLIB_SRC) $(wildcard fuzz/guest/*.c fuzz/hostile/*.c)): OURFLAGS += -Wno-sign-compare

# D: deterministic; an archive is made anew, so that no removed file stays in it
define archive
	@mkdir -p $(@D)
	@rm -f $@
	ar rcsD $@ $(filter %.o,$^)
endef

define link
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(OURLDFLAGS) $(if $(COVERAGE),--coverage) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
endef

$(BUILD)/libcommon.a: $(call obj,$(common_SRC))
	$(archive)
$(BUILD)/liberot.a: $(call obj,$(liberot_SRC))
	$(archive)
$(BUILD)/libderg.a: $(call obj,$(derg_SRC))
	$(archive)
$(BUILD)/libselftest.a: $(call obj,$(SELFLIB_SRC))
	$(archive)

$(BUILD)/erotd: $(call obj,$(erotd_SRC)) $(LIBA)
	$(link)
$(BUILD)/erot-attester: $(call obj,$(attester_SRC)) $(LIBA)
	$(link)
$(BUILD)/dergd: $(call obj,userspace/dergd/main.c) $(LIBA)
	$(call link,$^)
$(BUILD)/erot-hsm: $(call obj,userspace/dergd/hsm_main.c) $(LIBA)
	$(link)

define tool
$(BUILD)/$(1): $$(call obj,$$(wildcard tools/$(1)/*.c)) $$(LIBA)
	$$(link)
endef
$(foreach t,$(TOOLS),$(eval $(call tool,$(t))))

# dergd's tests of attestation are machines, too: with their side of the TPM
machine_SRC = $(if $(findstring /test_attested,$(1)),$(addprefix userspace/attester/,tpm.c tpm_templates.c))

define hosttest
$(BUILD)/$(basename $(notdir $(1))): $$(call obj,$(1) $(call machine_SRC,$(1))) $$(LIBA)
	$$(link)
endef
$(foreach t,$(HOSTTEST_SRC),$(eval $(call hosttest,$(t))))

$(SELFTESTS): $(BUILD)/selftests/%: $(BUILD)/obj/selftests/%.o $(BUILD)/libselftest.a $(LIBA)
	$(link)

$(BUILD)/selftests/fuzz_family: $(call obj,$(wildcard fuzz/guest/*.c)) $(BUILD)/libselftest.a $(LIBA)
	$(link)
$(BUILD)/selftests/fuzz_hostile: $(call obj,$(wildcard fuzz/hostile/*.c) \
		$(addprefix fuzz/guest/,files.c program.c store.c)) $(BUILD)/libselftest.a $(LIBA)
	$(link)

# it speaks to the TPM and to the DERG as erot-attester does
$(BUILD)/selftests/impostor_test: $(filter-out %/main.o,$(call obj,$(attester_SRC)))

# static and position-dependent: it is all that an image needs
$(BUILD)/selftests/workload/%: selftests/workload/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter-out -fPIE,$(OURFLAGS)) -static -o $@ $< -lpthread
$(BUILD)/selftests/workload/escape: $(ESCAPE_SRC) selftests/workload/escape/escape.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter-out -fPIE,$(OURFLAGS)) -static -o $@ $(filter %.c,$^) -lpthread

$(BUILD)/memory-scan: $(call obj,qemu-test/memory-scan.c)
	$(link)

# a list of sources that changed must relink what had it: a removed file leaves no trace, and of
# an added one that is older than the target make thinks nothing (objects are .SECONDARY)
$(BUILD)/sources: FORCE
	@mkdir -p $(BUILD)
	@echo $(sort $(wildcard userspace/*/*.c tools/*/*.c selftests/*.c)) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(LIBA) $(BUILD)/libselftest.a $(PROGRAMS): $(BUILD)/sources

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- tests

deps:
	@tools/deps.sh

check: deps
	+@$(MAKE) --no-print-directory $(JOBS) check-all

check-all: all tests module-reveal
	@qemu-test/check.sh all

check-host: userspace tests
	@qemu-test/check.sh host

check-guest: all tests module-reveal
	@qemu-test/check.sh guest

check-debug: userspace tests
	@qemu-test/debug.sh

check-kunit: userspace tests
	@qemu-test/debug.sh kunit

# they need CONFIG_FAULT_INJECTION: no other kernel runs them
check-faults: userspace tests
	@EROT_TESTS="fault_test load_test" qemu-test/debug.sh kasan

coverage:
	@qemu-test/coverage.sh

check-newest: deps
	+@$(MAKE) --no-print-directory $(JOBS) check-newest-run

check-newest-run: userspace tests
	@qemu-test/check.sh newest

check-newest-build: deps
	@qemu-test/check.sh build-newest

check-stress: all tests
	@qemu-test/check.sh stress

# half of the time for the parsers, half for the module
check-fuzz:
	@half=$$(($${FUZZ_SECONDS:-240} / 2)); FUZZ_SECONDS=$$half fuzz/run.sh && \
		FUZZ_SECONDS=$$half fuzz/guest.sh

# of the parsers only, the same each time
check-fuzz-fixed:
	@FUZZ_RUNS=$${FUZZ_RUNS:-20000} fuzz/run.sh

check-memory: all tests module-reveal
	@qemu-test/memory-scan.sh

static:
	@tools/check.sh

# fuzz/lib.sh calls this with clang and a BUILD of its own; what only a kernel has as a header is empty
FUZZERS	:= $(patsubst fuzz/%.c,$(BUILD)/%,$(wildcard fuzz/*.c))
KERNEL_HEADERS := $(addprefix $(BUILD)/include/,$(addsuffix .h,crypto/aead crypto/utils \
		$(addprefix linux/,align bug build_bug crc32c key math64 overflow slab unaligned \
		verification)))

$(KERNEL_HEADERS):
	@mkdir -p $(@D)
	@: >$@

$(patsubst fuzz/%.c,$(BUILD)/obj/fuzz/%.o,$(wildcard fuzz/kernel_*.c)): $(KERNEL_HEADERS)
$(patsubst fuzz/%.c,$(BUILD)/obj/fuzz/%.o,$(wildcard fuzz/*.c)): OURFLAGS += -Wno-sign-compare \
		-Wno-unused-parameter -D_GNU_SOURCE= -idirafter $(BUILD)/include

fuzzers: $(FUZZERS)
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/fuzz/%.o $(BUILD)/liberot.a $(BUILD)/libcommon.a
	$(CC) $(CFLAGS) -fsanitize=fuzzer $(OURLDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/fuzz-launch: $(BUILD)/obj/fuzz/seeds/launch.o $(LIBA)
	$(link)

# ---- benchmarks: bench/static/*.c stand alone, bench/*.c use what the tests of the module share

MODULEBENCHES := $(patsubst bench/%.c,$(BUILD)/bench/bin/%,$(wildcard bench/*.c))
BENCHES	:= $(MODULEBENCHES) $(patsubst bench/static/%.c,$(BUILD)/bench/bin/%,$(wildcard bench/static/*.c))
BENCHMOD = $(BUILD)/bench/module-$(KVER)

$(MODULEBENCHES): $(BUILD)/bench/bin/%: $(BUILD)/obj/bench/%.o $(BUILD)/libselftest.a $(LIBA)
	$(link)

$(BUILD)/bench/bin/%: bench/static/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter-out -fPIE,$(OURFLAGS)) -static -o $@ $< $(STATICFLAGS) -lpthread
$(BUILD)/bench/bin/first: STATICFLAGS = -nostdlib -fno-stack-protector

$(BENCHMOD)/bench_raw.ko: bench/raw/Kbuild bench/raw/bench_raw.c $(BENCHMOD)/.kernel
	@cp -p $(filter-out %/.kernel,$^) $(BENCHMOD)
	+@$(MAKE) -C $(KDIR) M=$(CURDIR)/$(BENCHMOD) modules

DERGBENCHES := $(patsubst userspace/dergd/%.c,$(BUILD)/%,$(wildcard userspace/dergd/bench_*.c))
$(DERGBENCHES): $(BUILD)/%: $(BUILD)/obj/userspace/dergd/%.o $(LIBA)
	$(link)

bench-build: all tests $(BENCHES) $(BENCHMOD)/bench_raw.ko $(DERGBENCHES)

bench: deps
	@tools/deps.sh tools/deps-bench.txt
	+@$(MAKE) --no-print-directory $(JOBS) bench-build
	@bench/run.sh $(BENCH)

demo: deps
	+@$(MAKE) --no-print-directory $(JOBS) demo-run

demo-run: all
	@qemu-test/demo.sh

# ---- install

UNITDIR	?= $(PREFIX)/lib/systemd/system
INITRAMFS := userspace/erotd/initramfs

# mode:file:place, one word each; install and uninstall read the same list
in_bin	= $(filter-out %/erotd %/dergd %/erot-hsm %/erot-attester,$(PROGRAMS))
in_sbin	= $(filter %/erotd %/dergd,$(PROGRAMS))
FILES	= $(foreach p,$(in_bin),755:$(p):$(PREFIX)/bin/$(notdir $(p))) \
	  $(foreach p,$(in_sbin),755:$(p):$(PREFIX)/sbin/$(notdir $(p))) \
	  755:$(BUILD)/erot-hsm:$(PREFIX)/libexec/erot/erot-hsm \
	  755:$(BUILD)/erot-attester:$(PREFIX)/libexec/erot/erot-attester \
	  $(foreach h,$(wildcard uapi/linux/*.h),644:$(h):$(PREFIX)/include/linux/$(notdir $(h))) \
	  $(foreach m,$(wildcard Documentation/man/*.[1-8]),\
	    644:$(m):$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
	  $(foreach f,hook init-top,755:$(INITRAMFS)/$(f):$(PREFIX)/share/erot/initramfs/$(f)) \
	  $(foreach u,erotd dergd,644:$(BUILD)/$(u).service:$(UNITDIR)/$(u).service) \
	  644:$(BUILD)/erot.ko:/lib/modules/$(KVER)/updates/erot.ko

$(BUILD)/erotd.service $(BUILD)/dergd.service: $(BUILD)/%.service: FORCE
	@mkdir -p $(@D)
	@sed 's,/usr/local/,$(PREFIX)/,' userspace/$*/$*.service > $@

install: all $(BUILD)/erotd.service $(BUILD)/dergd.service
	@set -e; for f in $(FILES); do \
		to="$(DESTDIR)$${f##*:}"; mode=$${f%%:*}; from=$${f#*:}; from=$${from%:*}; \
		echo "$$to"; install -D -m "$$mode" "$$from" "$$to"; \
	done
	$(if $(DESTDIR),,depmod $(KVER))

# configuration, state and directories stay
uninstall:
	@set -e; for f in $(FILES); do rm -fv "$(DESTDIR)$${f##*:}"; done
	$(if $(DESTDIR),,depmod $(KVER))

clean:
	rm -rf $(BUILD) build-coverage
