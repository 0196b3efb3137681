# `make help` lists the targets. Everything is built under target/ and build/; nothing is installed system-wide
# except by `make test` on Debian as root (apt-get) and by `make install` (under PREFIX).

PYTHON ?= python3
PREFIX ?= /usr/local
BUILD := build
export PYTHON PREFIX

# Seconds for each fuzz target, and which: names with commas between, default all.
ASSURE_SECONDS ?= 60
TARGETS ?=
ONLY ?=

.PHONY: help demo demo-firmware demo-phone test bench bench-sessions budget budget-rivals packages assure assure-report docs fmt lint deny install clean

help:
	@echo "make demo      build everything and run the demonstration (needs Rust, a C compiler, Python 3.9+; no root)"
	@echo "make demo-firmware  the same with firmware on emulated microcontrollers; BOARDS='cortex-m4' only these (needs cross compilers, QEMU, Mosquitto)"
	@echo "make demo-phone  two phones' apps, Kotlin and Swift: pairing, a live ECG, a sale (needs Maven, Mosquitto; root on Debian for Swift)"
	@echo "make test      run every test suite once; SUITES='core c' runs only these; on Debian 12 as root it installs what it needs"
	@echo "make bench     measure beside lakers, snow, pyca and the bare AEADs; ARGS='--write-docs' renews docs/PERFORMANCE.md"
	@echo "make bench-sessions   one Python endpoint with 100,000 sessions: memory, lookup, restore (needs \`make test SUITES=wheel\`; minutes)"
	@echo "make budget    code, RAM, stack and instructions on emulated Cortex-M; ARGS='--write' takes them over into tests/budget.toml"
	@echo "make budget-rivals  builds lakers and clatter for the same boards and runs them there (minutes)"
	@echo "make packages  zips for vendor SDKs under $(BUILD)/packages; ONLY='cortex-m4 zephyr' only these"
	@echo "make assure    fuzz every target for ASSURE_SECONDS (60); TARGETS=a,b only these; goes on where it was; docs/assurance.json"
	@echo "make assure-report  executions by target, over all campaigns recorded"
	@echo "make docs      API reference of each language and the pages, as HTML in $(BUILD)/docs"
	@echo "make fmt       format the Rust sources"
	@echo "make lint      formatting, clippy with warnings denied, words, leftovers"
	@echo "make deny      licences, sources and duplicates of the dependencies (installs cargo-deny, about 10 minutes)"
	@echo "make install   header, libraries, pkg-config and CMake files under PREFIX (default /usr/local), DESTDIR honoured"
	@echo "make clean     remove $(BUILD)/ and target/"

demo:
	@sh scripts/demo.sh

demo-firmware:
	@sh scripts/demo-firmware.sh $(BOARDS)

demo-phone:
	@sh scripts/demo-phone.sh $(ARGS)

test:
	@sh scripts/test.sh $(SUITES)

bench:
	@sh scripts/prerequisites.sh bench
	@$(PYTHON) scripts/bench.py $(ARGS)

bench-sessions:
	@$(BUILD)/venv/bin/python tests/bench/sessions.py

budget:
	@$(PYTHON) scripts/budget.py run $(ARGS)
	@$(PYTHON) scripts/budget.py docs

budget-rivals:
	@$(PYTHON) scripts/budget_rivals.py $(ARGS)

packages:
	@$(PYTHON) scripts/package.py build $(ONLY)

assure:
	@sh scripts/prerequisites.sh assure
	@$(PYTHON) scripts/assure.py run --seconds $(ASSURE_SECONDS) --targets "$(TARGETS)"

assure-report:
	@$(PYTHON) scripts/assure.py report

docs:
	@sh scripts/docs.sh

fmt:
	@cargo fmt --all
	@cargo fmt --manifest-path tests/fuzz/Cargo.toml

lint:
	@$(PYTHON) scripts/run_suites.py --no-install format lint words leftovers

deny:
	@sh scripts/deny.sh

install:
	@sh scripts/c-install.sh "$(DESTDIR)$(PREFIX)"

clean:
	@rm -rf $(BUILD) target
