# The one place to remember. `make` lists what there is.
#
# CARGO_TARGET_DIR is honoured. Each target sees to what it needs (packaging/require).

DESTDIR ?=
PREFIX ?= /usr/local
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),$(CARGO_BUILD_TARGET_DIR),target)
RELEASE := $(TARGET)/release

# No program holds the place it was built in: the same sources give the same octets in any directory, from any home.
CRATES := $(or $(CARGO_HOME),$(HOME)/.cargo)
SAME_EVERYWHERE := build.rustflags = ["--remap-path-prefix=$(CRATES)=/cargo", "--remap-path-prefix=$(CURDIR)=/mailx-t"]

export DESTDIR PREFIX

.PHONY: help demo unit test e2e bench packages check deny advisories build install uninstall deb rpm

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

# In one profile, the tests' own: whoever comes here first waits once, and `make test` goes on from it.
demo: require ## send cron mails through a smarthost that runs for it alone and is down for a while; show what arrives
	@$(CARGO) build --locked --bins --example demo
	@"$(TARGET)/debug/examples/demo"

unit: require-test ## try the functions: the unit tests alone
	$(CARGO) test --locked --lib

test: require-test ## try everything: cargo test, then what make install lays down
	$(CARGO) test --locked
	@$(MAKE) --no-print-directory build
	@tests/check/install "$(RELEASE)"

e2e: build ## real programs hand in mail, real servers take it (root; in a Debian root and namespaces of their own)
	@tests/e2e/run "$(RELEASE)" $(ONLY)
	@$(if $(ONLY),,$(MAKE) --no-print-directory packages)

bench: build ## measure mailx-t beside other mailers, as ratios to a floor (rivals: root on Debian)
	@benches/run "$(RELEASE)" "$(abspath $(TARGET))/rivals"

packages: deb rpm ## install both packages on bare machines and use them (root; part of e2e)
	$(CARGO) build --locked --example smarthost
	@tests/packages/run "$(TARGET)/debian/mailx-t.deb" "$(TARGET)/generate-rpm/mailx-t.rpm" \
		"$(TARGET)/debug/examples/smarthost" "$(abspath $(TARGET))/e2e/bare"

check: require ## judge form: fmt, clippy, rustdoc, links, manual pages, scripts
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps --document-private-items
	@tests/check/docs
	@tests/check/scripts

deny: require ## judge the tree of crates: licences, bans, sources (deny.toml)
	@packaging/tool cargo-deny 0.20.2 "$(abspath $(TARGET))"
	@"$(TARGET)/tools/bin/cargo-deny" --locked check bans licenses sources

# The database comes from the network. `make advisories` fetches it; CI passes FETCH=no, and takes the one that is there.
advisories: require ## judge the tree of crates by the RustSec advisories (before each release)
	@packaging/tool cargo-deny 0.20.2 "$(abspath $(TARGET))"
	@packaging/advisories "$(TARGET)/tools/bin/cargo-deny" $(FETCH)

build: require ## build the release programs
	$(CARGO) --config '$(SAME_EVERYWHERE)' build --locked --release

# Root often has no cargo: `make install` then installs the programs that were built before.
install: ## install below PREFIX (make install DESTDIR= PREFIX=/usr; default /usr/local)
	@if command -v $(CARGO) >/dev/null 2>&1 || [ ! -x "$(RELEASE)/mailx-t-relay" ]; then $(MAKE) --no-print-directory build; fi
	@packaging/install put "$(RELEASE)"

uninstall: ## undo that, with the same DESTDIR and PREFIX; configuration and mail stay
	@packaging/install remove

deb: require-package build ## build target/debian/mailx-t.deb, and have lintian judge it
	@packaging/package deb "$(abspath $(TARGET))"

rpm: require-package build ## build target/generate-rpm/mailx-t.rpm
	@packaging/package rpm "$(abspath $(TARGET))"

.PHONY: require require-test require-package
require:
	@packaging/require

require-test:
	@packaging/require test

require-package:
	@packaging/require package
