"""The test suites that `make test` runs, in order."""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "logs")
PYTHON = os.environ.get("PYTHON", sys.executable)
VENV = "build/venv/bin"

# What `make test` installs on Debian 12 as root, if missing.
APT_PACKAGES = [
    "avr-libc", "ca-certificates", "clang", "cmake", "dbus", "debootstrap", "gcc", "gcc-aarch64-linux-gnu", "gcc-arm-linux-gnueabihf", "gcc-arm-none-eabi", "gcc-avr",
    "gcc-riscv64-unknown-elf", "g++", "git", "libc6-dev", "libc6-dev-arm64-cross", "libc6-dev-armhf-cross", "libclang-rt-14-dev", "libmosquitto-dev",
    "make", "maven", "mosquitto", "openjdk-17-jdk-headless", "openssl", "pkg-config", "python3", "python3-venv", "qemu-system-arm", "qemu-system-misc",
    "qemu-user-static", "rust-web-src", "rustc-web", "simavr", "unzip", "valgrind",
]


class Suite:
    """Commands for `sh -c`, run from the root; `needs` are programs or functions that return why it cannot run; what a suite that
    `shows` prints is repeated when it succeeds."""

    def __init__(self, name, title, *commands, needs=(), after=(), limit_s=1200, environment=None, shows=False):
        self.name = name
        self.title = title
        self.commands = commands
        self.needs = needs
        self.after = after
        self.limit_s = limit_s
        self.environment = environment or {}
        self.shows = shows

    def cannot_run(self):
        for need in self.needs:
            why = need() if callable(need) else (None if shutil.which(need) else f"{need} is not installed")
            if why:
                return why
        return None


def has(path):
    return os.path.exists(os.path.join(ROOT, path))


def need_file(path):
    return lambda: None if has(path) else f"{path} is not there"


def need_cargo(subcommand):
    def check():
        done = subprocess.run(["cargo", subcommand, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return None if done.returncode == 0 else f"cargo {subcommand} is not installed (rustup component add {subcommand})"
    return check


def need_venv():
    done = subprocess.run([PYTHON, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL, check=False)
    return None if done.returncode == 0 else f"{PYTHON} lacks venv (apt-get install python3-venv)"


def need_root():
    return None if hasattr(os, "geteuid") and os.geteuid() == 0 else "a Debian root of its own needs root"


def need_build_std():
    """A Rust with its own sources, for building `core` for microcontrollers: Debian's rustc-web and rust-web-src."""
    rustc = bare_metal_rustc()
    done = subprocess.run([rustc, "--print", "sysroot"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          universal_newlines=True, check=False) if shutil.which(rustc) else None
    source = "lib/rustlib/src/rust/library/core/Cargo.toml"
    if done is None or done.returncode != 0 or not os.path.exists(os.path.join(done.stdout.strip(), source)):
        return "no Rust standard library sources (Debian: rustc-web rust-web-src; rustup: component add rust-src)"
    return None


def bare_metal_rustc():
    return "/usr/bin/rustc" if os.path.exists("/usr/bin/rustc") else "rustc"


def bare_metal(target):
    return (f"RUSTC={bare_metal_rustc()} RUSTC_BOOTSTRAP=1 cargo build --locked -p sealwire-core --profile firmware"
            f" -Zbuild-std=core --target {target}")


CORE = "cargo test --locked -q -p sealwire-core"
# A workspace of its own, built beside everything else.
FUZZ = "--locked --manifest-path tests/fuzz/Cargo.toml" + ("" if os.environ.get("CARGO_TARGET_DIR") else " --target-dir target")
# Not quieter: two levels of -q leave out the numbers that the table needs.
PYTEST = f"{VENV}/python -m pytest -rs -p no:cacheprovider"

SUITES = [
    Suite("format", "rustfmt over the workspace", "cargo fmt --all --check -- --color never", needs=[need_cargo("fmt")]),
    Suite("words", "no never-say words in public names", f"{PYTHON} scripts/check_words.py"),
    Suite("leftovers", "no leftovers, machine paths or oversized files", f"{PYTHON} scripts/check_leftovers.py"),
    Suite("setup", "virtual environment and cbindgen under build/", "sh scripts/setup-test.sh", needs=[need_venv], limit_s=1800),
    Suite("lint", "clippy over the workspace, warnings are errors",
          "cargo clippy --locked --workspace --all-targets -- -D warnings",
          "cargo clippy --locked -p sealwire-core --no-default-features --features suite-x25519-chacha -- -D warnings",
          "cargo clippy --locked -p sealwire-mobile --no-default-features -- -D warnings",
          "cargo clippy --locked -p sealwire-core --no-default-features --features suite-p256-ccm -- -D warnings",
          "cargo clippy --locked -p sealwire-core --no-default-features --features device -- -D warnings",
          needs=[need_cargo("clippy")]),
    Suite("core", "core: unit, property and vector tests, small-network simulator", CORE, limit_s=1800),
    Suite("core-features", "core: each suite alone, without a Responder, a device alone, smallest code, and with alloc",
          f"{CORE} --no-default-features --features suite-x25519-chacha",
          f"{CORE} --no-default-features --features device device::",
          f"{CORE} --no-default-features --features suite-x25519-chacha,commands,responder",
          f"{CORE} --no-default-features --features suite-p256-ccm,commands,responder,signatures",
          f"{CORE} --no-default-features --features suite-p256-ccm16,commands,responder",
          f"{CORE} --no-default-features --features suite-x25519-ccm,commands,responder,issuers",
          f"{CORE} --features compact crypto",
          f"{CORE} --features alloc", limit_s=2400),
    Suite("fuzz-corpus", "the bodies of the fuzz targets over every kept input",
          "cargo fmt --manifest-path tests/fuzz/Cargo.toml --check -- --color never",
          f"cargo clippy {FUZZ} --lib --tests --examples -- -D warnings", f"cargo test {FUZZ} -q", needs=[need_cargo("fmt"), need_cargo("clippy")]),
    Suite("no-std", "core builds without std for Cortex-M4 and Cortex-M0",
          bare_metal("thumbv7em-none-eabi"), bare_metal("thumbv6m-none-eabi"), needs=[need_build_std]),
    Suite("peer", "second implementation: RFC 9529, RFC 8613, its vectors",
          f"{PYTEST} tests/peer", f"cd tests/peer && ../../{VENV}/mypy --strict sealwire_peer *.py", after=["setup"]),
    Suite("interop", "core against lakers and the second implementation, both roles",
          "cargo test --locked -q -p sealwire-interop -- --show-output", after=["setup"],
          environment={"SEALWIRE_PEER_PYTHON": os.path.join(ROOT, VENV, "python")}),
    Suite("strict", "CBOR and COSE against ciborium, coset, cbor2 and pycose",
          "cargo test --locked -q -p sealwire-strict", after=["setup"],
          environment={"SEALWIRE_PEER_PYTHON": os.path.join(ROOT, VENV, "python")}),
    Suite("generated", "generated and copied files are fresh",
          "sh scripts/c-header.sh --verify",
          f"{PYTHON} scripts/py-errors.py --check",
          f"{PYTHON} scripts/error_names.py",
          f"{PYTHON} scripts/mobile-bindings.py --check",
          f"{PYTHON} tests/c/vectors.py --verify",
          f"cd tests/peer && ../../{VENV}/python -m sealwire_peer.vectors --check",
          f"cd tests/peer && ../../{VENV}/python -m sealwire_peer.vectors --worked-example --check",
          f"cp tests/vectors/uart.json build/uart.json && {VENV}/python tests/generators/uart.py && cmp build/uart.json tests/vectors/uart.json",
          f"cp tests/vectors/link_can.json build/ && {VENV}/python tests/generators/link_can.py && cmp build/link_can.json tests/vectors/link_can.json",
          "rm -rf build/links && mkdir -p build/links && cp tests/vectors/link_*.json build/links &&"
          f" {VENV}/python tests/generators/links.py && for file in build/links/*; do cmp $file tests/vectors/${{file##*/}} || exit 1; done",
          f"{VENV}/python tests/generators/x509.py --check",
          f"{VENV}/python tests/conformance/fixtures.py --check",
          "cmp examples/data/ecg_mitdb_208.i16le python/sealwire/data/ecg_mitdb_208.i16le", after=["setup"]),
    Suite("c", "C library: compilers, language versions, valgrind, ASan", "sh scripts/c-test.sh",
          needs=["gcc", "clang", "valgrind"], after=["setup"], limit_s=2400),
    Suite("c-install", "make install, CMake and pkg-config", "sh scripts/c-install-test.sh", needs=["cmake", "pkg-config"]),
    Suite("wheel", "this machine's wheel in the virtual environment", "sh scripts/venv-wheel.sh", after=["setup"]),
    Suite("python", "Python package: pytest, real brokers", f"{PYTEST} python/tests", needs=["mosquitto"], after=["wheel"]),
    Suite("python-types", "mypy --strict and stubtest", f"cd python && ../{VENV}/mypy",
          f"{VENV}/python -m mypy.stubtest --mypy-config-file python/pyproject.toml sealwire", after=["wheel"]),
    Suite("wheels", "manylinux wheel, auditwheel, CPython 3.9 to 3.13", "sh scripts/py-wheels.sh", after=["setup"]),
    Suite("c-mqtt", "the MQTT device in C against a real broker", "sh scripts/c-mqtt-test.sh", needs=["mosquitto", "pkg-config"], after=["wheel"]),
    Suite("links", "the whole path over every link, with lost frames", "sh scripts/c-links-device.sh build/links/device",
          f"{VENV}/python tests/links/matrix.py --device build/links/device", needs=["mosquitto"], after=["wheel"], limit_s=900, shows=True),
    Suite("mobile", "the mobile crate, and the Kotlin package on the JVM with real brokers", "sh scripts/mobile-test.sh",
          needs=["mvn", "mosquitto", "openssl", "pkg-config"], after=["wheel"], limit_s=1800),
    Suite("swift", "the Swift package, Swift 6 in a Debian trixie root, with real brokers", "sh scripts/swift-test.sh",
          needs=["debootstrap", need_root, "mosquitto", "pkg-config"], after=["wheel"], limit_s=1800),
    Suite("conformance", "one suite of scenarios on every surface; Kotlin and Swift live", f"{VENV}/python tests/conformance/run.py --mutants",
          f"{PYTHON} scripts/live-pairs.py", after=["wheel", "mobile", "swift"], limit_s=1800, shows=True),
    Suite("demo", "the demonstration, with its attacks", "sh scripts/demo.sh", after=["setup"], limit_s=900),
    Suite("demo-phone", "apps in Kotlin and Swift pair with the wearable in C, command it and hand it over", "sh scripts/c-mqtt-device.sh build/c-mqtt/mqtt_device",
          "sh scripts/phone-apps.sh", f"{VENV}/python tests/phone/show.py", needs=["mvn", "mosquitto", "pkg-config", "debootstrap", need_root],
          after=["wheel", "mobile", "swift"], limit_s=1200),
    Suite("firmware", "firmware on emulated microcontrollers, end to end, attacked", f"{VENV}/python tests/firmware/run.py --together 3",
          f"{VENV}/python tests/firmware/leaks.py",
          needs=["arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc", "avr-gcc", "simavr", "qemu-system-arm",
                 "qemu-system-riscv32", "qemu-aarch64-static", "qemu-arm-static", "mosquitto", need_build_std],
          after=["wheel"], limit_s=1800, shows=True),
    Suite("bench", "the benchmark and its rivals run", f"{PYTHON} scripts/bench.py --quick", after=["wheel"]),
    Suite("sessions", "one endpoint of the wheel with many sessions", f"{VENV}/python tests/bench/sessions.py --most 300", after=["wheel"]),
    Suite("budget", "code, RAM, stack and instructions on Cortex-M4 and M0+, against tests/budget.toml",
          f"{PYTHON} scripts/budget.py run", f"{PYTHON} scripts/budget.py docs --check",
          needs=[need_build_std, "gcc", "arm-none-eabi-gcc", "qemu-system-arm"], limit_s=1800, shows=True),
    Suite("packages", "the package for Cortex-M4: CMake, symbols, beside another Rust library", f"{PYTHON} scripts/package.py test",
          needs=[need_build_std, "gcc", "cmake", "arm-none-eabi-gcc", "qemu-system-arm"], limit_s=1800),
    Suite("docs", "API references and pages", "sh scripts/docs.sh", after=["wheel"]),
    Suite("doc-check", "every command, example and link in the pages", f"{PYTHON} tests/docs/check.py",
          needs=["pkg-config"], after=["wheel"], limit_s=1800),
]
