# Twinlock. Every target installs what it needs (Debian packages, as root) and says what it does.
#   make build      the module and the command, in target/release
#   make install    puts them where they belong (DESTDIR, PREFIX, PAMDIR); builds nothing
#   make demo       the whole job, shown on this machine without changing it
#   make test       every test; ends with "N passed, N failed"
#   make test-faults  a login with everything around it failing, dying, racing; half an hour. SHORT=1: a part of it
#   make deb, rpm   packages, in dist/
#   make test-packages  installs, upgrades and removes them in fresh Debian folders, with real logins
#   make test-vm    a virtual machine with SELinux enforcing: logins, enrolment, and no denial
#   make bench      what a login costs, beside the other modules
#   make test-msrv  builds with the oldest compiler that Cargo.toml promises, in a Debian folder
#   make test-asan  the module's unsafe room and its logins under AddressSanitizer and LeakSanitizer
#   make mutants    changes policy and verifier in every small way: a test must notice each
#   make fuzz       every parser against random input, each for SECONDS_EACH seconds (60); TARGETS="a b" for some;
#                   SHORT=1 for a minute in all, from one seed
#   make lint       formatting, clippy, shellcheck, licences and build scripts of crates, unused dependencies

SHELL = /bin/sh
CARGO ?= cargo
DESTDIR ?=
PREFIX ?= /usr
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null || echo $$(uname -m)-linux-gnu)
PAMDIR ?= /usr/lib/$(MULTIARCH)/security
STATEDIR = $(DESTDIR)/var/lib/twinlock
MODULE = target/release/libpam_twinlock.so
COMMAND = target/release/twinlock
CHECK = target/release/twinlock-check

# A packager's flags come to those of .cargo/config.toml; as RUSTFLAGS, even empty ones, they would be in their place.
ifdef RUSTFLAGS
TRIPLE := $(shell $(or $(RUSTC),rustc) -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export CARGO_TARGET_$(TRIPLE)_RUSTFLAGS := $(RUSTFLAGS)
endif
unexport RUSTFLAGS

# The date of the build is the date of the sources, so that two builds are the same (reproducible-builds.org).
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

.PHONY: build install uninstall demo test deb rpm test-packages lint build-packages test-packages-installed clean

build: build-packages
	$(CARGO) build --release --locked -p pam_twinlock
	$(CARGO) build --release --locked -p twinlock
	$(CARGO) build --release --locked -p twinlock-check
	$(CARGO) run --quiet --locked -p twinlock --example generate -- target/generated

install:
	@test -f $(MODULE) && test -f $(COMMAND) && test -f $(CHECK) || { echo "nothing is built yet: run 'make build' first" >&2; exit 1; }
	install -D -m 0644 $(MODULE) $(DESTDIR)$(PAMDIR)/pam_twinlock.so
	install -D -m 0755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/twinlock
	install -D -m 4755 $(CHECK) $(DESTDIR)/usr/libexec/twinlock/check
	for page in packaging/man/*.[58] target/generated/*.1; do \
		install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	install -D -m 0644 target/generated/twinlock.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/twinlock
	install -D -m 0644 target/generated/_twinlock $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_twinlock
	install -D -m 0644 target/generated/twinlock.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/twinlock.fish
	install -d -m 0755 $(DESTDIR)/etc/twinlock $(DESTDIR)/etc/twinlock/policy.d
	test -e $(DESTDIR)/etc/twinlock/policy.toml || \
		install -m 0644 packaging/policy.toml $(DESTDIR)/etc/twinlock/policy.toml
	install -d -m 0700 $(STATEDIR) $(STATEDIR)/ledger $(STATEDIR)/credentials $(STATEDIR)/pending
	# So that a full btrfs takes a record in its place; other file systems have no such attribute.
	chattr +C $(STATEDIR)/ledger 2>/dev/null || true

# The policy and the state stay: they are the administrator's.
uninstall:
	@! grep -ls '^[^#]*pam_twinlock' $(DESTDIR)/etc/pam.d/* || \
		{ echo "the PAM files above still name pam_twinlock.so: take the lines out first, or nobody can log in" >&2; exit 1; }
	rm -f $(DESTDIR)$(PAMDIR)/pam_twinlock.so $(DESTDIR)$(PREFIX)/bin/twinlock $(DESTDIR)/usr/libexec/twinlock/check

demo: test-packages-installed build
	@$(CARGO) run --quiet --locked -p twinlock-tests --bin demo

test: test-packages-installed build
	@CARGO="$(CARGO)" tests/run

# ONLY=openat: of the system calls those of one name.
.PHONY: test-faults
test-faults: test-packages-installed build
	@CARGO="$(CARGO)" TWINLOCK_FAULTS_ONLY="$(ONLY)" tests/faults $(if $(SHORT),short)

deb: build-packages
	@packaging/install-packages dpkg-dev checkpolicy semodule-utils
	packaging/deb/build

rpm: build-packages
	@packaging/install-packages rpm checkpolicy semodule-utils
	packaging/rpm/build

# REBUILD=1 builds everything a second time, elsewhere, and compares the bytes; SHORT=1 leaves out pairs of authselect's features.
test-packages: build-packages
	@tests/packages/run $(if $(REBUILD),--rebuild) $(if $(SHORT),--short)

# A machine of its own, emulated: half an hour the first time, then a quarter.
test-vm: build-packages
	@tests/vm/run

.PHONY: test-vm test-msrv test-asan mutants
test-msrv:
	@CARGO="$(CARGO)" tests/msrv

test-asan: test-packages-installed build
	@CARGO="$(CARGO)" tests/asan

# FILE=verifier/src/steps.rs: that file alone.
mutants: build-packages
	@CARGO="$(CARGO)" tests/mutants $(FILE)

lint: build-packages
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	packaging/lint-shell
	packaging/lint-dependencies

build-packages:
	@packaging/install-packages gcc libc6-dev libpam0g-dev libgcc-11-dev

test-packages-installed:
	@tests/install-packages

# Every figure of the design's section 8, beside the other modules. BASE=FILE compares with an earlier run (the file's name
# is the last line of its table), ONLY=GROUP measures a part, PROFILE=1 names the functions that a right code is spent in.
.PHONY: bench
bench: test-packages-installed build
	@packaging/install-packages libpam-google-authenticator libpam-oath valgrind strace binutils
	@CARGO="$(CARGO)" $(CARGO) run --quiet --locked -p twinlock-tests --bin bench -- \
		$(if $(BASE),--base $(abspath $(BASE))) $(if $(ONLY),--only $(ONLY)) $(if $(PROFILE),--profile)

# One program with the address sanitizer, built in a minute or two; what breaks a property is kept in fuzz/found.
.PHONY: fuzz
fuzz:
	@packaging/install-packages gcc g++ libc6-dev
	@CARGO="$(CARGO)" SHORT="$(SHORT)" SECONDS_EACH="$(or $(SECONDS_EACH),60)" fuzz/run $(TARGETS)

clean:
	$(CARGO) clean
	rm -rf dist
