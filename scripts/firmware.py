#!/usr/bin/env python3
"""Sealwire for microcontrollers: the C library, example images and their emulators.

    scripts/firmware.py list
    scripts/firmware.py lib TARGET FLAVOUR [--small]          builds the C library and prints where it is
    scripts/firmware.py image NAME TARGET FLAVOUR [--small]   links examples/firmware's NAME against it
    scripts/firmware.py run NAME TARGET FLAVOUR [--serial S]  runs the image in its emulator; S as QEMU's -serial (stdio)

Needs cargo, the target's C compiler, and Rust's `core` for the target: installed with `rustup target add`, or built from
sources (Debian: rustc-web and rust-web-src; rustup: the component rust-src). Python's standard library only; 3.9 or newer.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLES = os.path.join("examples", "firmware")
OUT = os.path.join("build", "firmware")


class FirmwareError(Exception):
    """Something needed is missing, or a build failed; the text says what to do."""


class MissingTool(FirmwareError):
    """A compiler, an emulator or Rust's sources are not installed."""


@dataclass(frozen=True)
class Target:
    """A processor, how code for it is built, and what runs it here."""

    name: str
    rust: str  # Rust's name of it
    title: str
    prefix: str  # of the C tools: PREFIXgcc, PREFIXld, PREFIXobjcopy, PREFIXar, PREFIXnm, PREFIXsize
    package: str  # Debian's package of the C compiler
    cflags: Tuple[str, ...]
    board: Tuple[str, ...]  # start-up and drivers, in examples/firmware/boards
    script: Optional[str]  # linker script, there too
    emulator: Tuple[str, ...]  # {image} and {serial} are filled in
    emulator_package: str
    # fiat: curve25519 over formally verified field arithmetic, which takes fewer instructions and less stack here than the default.
    rustflags: Tuple[str, ...] = ("--cfg", "aes_compact", "--cfg", "curve25519_dalek_backend=\"fiat\"")  # one set, so that nothing is built twice
    libraries: Tuple[str, ...] = ("-lgcc",)
    std: bool = False  # an operating system: with Rust's standard library

    def tool(self, name: str) -> str:
        """The program, such as `arm-none-eabi-nm`. Raises MissingTool."""
        program = self.prefix + name
        if shutil.which(program) is None:
            raise MissingTool(f"{program} is not installed (Debian: apt-get install {self.package})")
        return program


def _arm(name: str, rust: str, cpu: str, title: str, machine: str, board: Tuple[str, ...], script: str) -> Target:
    return Target(
        name, rust, title, "arm-none-eabi-", "gcc-arm-none-eabi", ("-mthumb", f"-mcpu={cpu}"), ("cortexm.c", *board), script,
        ("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", "-semihosting-config", "enable=on,target=native",
         "-serial", "{serial}", "-kernel", "{image}"), "qemu-system-arm")


def _linux(name: str, rust: str, title: str, triple: str, package: str, emulator: str) -> Target:
    return Target(
        name, rust, title, triple + "-", package, ("-Dmain=board_main",), ("linux.c",), None,
        (emulator, "-L", f"/usr/{triple}", "{image}", "--serial", "{serial}"), "qemu-user-static",
        libraries=("-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"), std=True)


MPS2 = ("mps2.c", "uart_cmsdk.c", "pages.c", "button_uart.c")

TARGETS: Dict[str, Target] = {
    target.name: target
    for target in (
        _arm("cortex-m0", "thumbv6m-none-eabi", "cortex-m0", "Cortex-M0, QEMU microbit (nRF51)", "microbit", ("microbit.c", "uart_nrf51.c", "flash_nrf51.c", "button_nrf51.c"), "microbit.ld"),
        _arm("cortex-m3", "thumbv7m-none-eabi", "cortex-m3", "Cortex-M3, QEMU mps2-an385", "mps2-an385", MPS2, "mps2.ld"),
        _arm("cortex-m4", "thumbv7em-none-eabi", "cortex-m4", "Cortex-M4, QEMU mps2-an386", "mps2-an386", MPS2, "mps2.ld"),
        Target("rv32imc", "riscv32imc-unknown-none-elf", "RISC-V RV32IMC, QEMU virt", "riscv64-unknown-elf-", "gcc-riscv64-unknown-elf",
               ("-march=rv32imc_zicsr", "-mabi=ilp32", "-mcmodel=medany"), ("riscv.c", "pages.c", "uart_16550.c"), "riscv.ld",
               ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-monitor", "none", "-semihosting-config",
                "enable=on,target=native", "-serial", "{serial}", "-kernel", "{image}"), "qemu-system-misc"),
        Target("avr", "avr-none", "AVR ATmega1284P, simavr", "avr-", "gcc-avr avr-libc", ("-mmcu=atmega1284p", "-DF_CPU=16000000"), ("avr.c",), None,
               ("simavr", "-m", "atmega1284p", "-f", "16000000", "{image}"), "simavr",
               rustflags=("-Ctarget-cpu=atmega1284p", "--cfg", "aes_compact")),
        _linux("aarch64-linux", "aarch64-unknown-linux-gnu", "64-bit ARM, Linux", "aarch64-linux-gnu", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
               "qemu-aarch64-static"),
        _linux("armv7-linux", "armv7-unknown-linux-gnueabihf", "32-bit ARM, Linux", "arm-linux-gnueabihf", "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
               "qemu-arm-static"),
    )
}

# Cargo features of a library for one purpose. `compact` prefers small code to fast.
FLAVOURS: Dict[str, Tuple[str, ...]] = {
    # Begins handshakes with provisioned peers, method 3, and takes no commands: sealwire_device.h, and the endpoint of sealwire.h.
    "sensor": ("suite-x25519-chacha", "device", "compact"),
    # Takes commands too.
    "device": ("suite-x25519-chacha", "device", "commands", "compact"),
    # Also accepts peers that an issuer vouches for.
    "device-issuers": ("suite-x25519-chacha", "device", "commands", "issuers", "compact"),
    # Gets an owner by the label on it, answers handshakes of phones.
    "device-setup": ("suite-x25519-chacha", "setup", "commands", "compact"),
    # The suite of secure elements.
    "device-p256": ("suite-p256-ccm", "commands", "compact"),
    "full": ("suite-x25519-chacha", "suite-p256-ccm", "suite-p256-ccm16", "suite-x25519-ccm", "signatures", "x509", "issuers", "responder", "commands", "device", "compact"),
}

WEARABLE = ("wearable.c", "line.c", "port.c", "settings.c", "report.c")
# Sources of an image, relative to examples/firmware; any other NAME is a folder there, with all its C files.
IMAGES: Dict[str, Tuple[str, ...]] = {
    # Streams an ECG to the hub, its private key in flash: over sealwire.h.
    "wearable": (*WEARABLE, "session_endpoint.c", "peer_hub.c", "keys_flash.c"),
    # Streams it to its owner instead, who has read its label, on boards with a button: flavour `device-setup`.
    "wearable-setup": (*WEARABLE, "session_endpoint.c", "peer_owner.c", "keys_flash.c"),
    # To the hub, over sealwire_device.h.
    "wearable-device": (*WEARABLE, "session_device.c"),
    # Over sealwire.h, its key in a secure element that answers later: P-256, suite 2.
    "wearable-element": (*WEARABLE, "session_endpoint.c", "peer_hub.c", "keys_element.c", "secure_element.c"),
    # Random numbers, X25519 and framing alone, for processors on which the endpoint does not fit.
    "selftest": ("selftest.c", "report.c"),
}

# The excerpt of the recording that goes into an image, in samples: 30 s at 360 Hz, which fits beside the library into 256 kB.
RECORDING = os.path.join("examples", "data", "ecg_mitdb_208.i16le")
SAMPLES = 10_800

CFLAGS = ("-Os", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffunction-sections", "-fdata-sections")
BARE_CFLAGS = ("-ffreestanding", "-nostdlib", "-nostartfiles")
LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,-z,noexecstack")


def known_features() -> List[str]:
    """The features that ffi-c/Cargo.toml has."""
    with open(os.path.join(ROOT, "ffi-c", "Cargo.toml"), encoding="utf-8") as file:
        section = re.search(r"^\[features\]\n(.*?)(?=^\[)", file.read(), re.M | re.S)
    return re.findall(r"^([a-z0-9-]+) = \[", section.group(1), re.M) if section else []


def features(flavour: str) -> List[str]:
    """Cargo features of a flavour, those that this version of the library has."""
    known = known_features()
    return [name for name in FLAVOURS[flavour] if name in known]


def _sysroot(rustc: str) -> Optional[str]:
    if shutil.which(rustc) is None:
        return None
    done = subprocess.run([rustc, "--print", "sysroot"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def toolchain(target: Target, small: bool = False) -> Tuple[str, bool]:
    """The Rust compiler for a target, and whether its library has to be built from sources. Raises MissingTool."""
    if shutil.which("cargo") is None:
        raise MissingTool("cargo is not installed (https://rustup.rs)")
    candidates = [os.environ["RUSTC"]] if "RUSTC" in os.environ else ["rustc", "/usr/bin/rustc"]
    roots = [(rustc, root) for rustc in candidates for root in [_sysroot(rustc)] if root is not None]
    if not small:
        for rustc, root in roots:
            if os.path.isdir(os.path.join(root, "lib", "rustlib", target.rust, "lib")):
                return rustc, False
    for rustc, root in roots:
        if os.path.exists(os.path.join(root, "lib", "rustlib", "src", "rust", "library", "core", "Cargo.toml")):
            return rustc, True
    hint = "rustup component add rust-src" if target.rust == "avr-none" or small else f"rustup target add {target.rust}"
    raise MissingTool(f"no Rust library for {target.rust}: {hint}, or on Debian apt-get install rustc-web rust-web-src")


def cargo_target_dir() -> str:
    """Where cargo builds: shared by all targets."""
    return os.path.abspath(os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR", "target")))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Flavours of a target have the same file name in cargo's folder: build and copy are one step."""
    os.makedirs(os.path.join(ROOT, OUT), exist_ok=True)
    with open(os.path.join(ROOT, OUT, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], environment: Optional[Dict[str, str]] = None) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    if done.returncode != 0:
        raise FirmwareError(f"{done.stdout}\nfailed: {' '.join(command)}")
    # A shared library does not exist on bare metal, and cargo says so each time.
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning") and not re.search(r"dropping unsupported|generated \d+ warning", line)]
    if warnings:
        print("\n".join(warnings), file=sys.stderr)


def folder(target: str, flavour: str, small: bool = False) -> str:
    """Where the products of a target and flavour are, relative to the root."""
    return os.path.join(OUT, target, flavour + ("-small" if small else ""))


def lib(target_name: str, flavour: str, small: bool = False) -> str:
    """Builds the C library; its path, relative to the root. Raises FirmwareError."""
    target = TARGETS[target_name]
    rustc, from_source = toolchain(target, small)
    rustflags = list(target.rustflags)
    where = cargo_target_dir()
    wanted = features(flavour) + (["std"] if target.std else [])
    # Only the static library: beside a Rust library of the same name cargo leaves out link-time optimisation, and the image is 30 % larger.
    command = ["cargo", "rustc", "--locked", "-p", "sealwire-ffi", "--lib", "--crate-type", "staticlib", "--no-default-features", "--features", ",".join(wanted),
               "--profile", "firmware", "--target", target.rust]
    if from_source:
        # A panic of std's is caught and becomes INTERNAL; on bare metal there is nothing to unwind.
        command.append("-Zbuild-std=" + ("std,panic_unwind" if target.std else "core"))
    if target.std:
        command += ["--config", "profile.firmware.panic='unwind'"]
    if small:
        command.append("-Zbuild-std-features=optimize_for_size")
        rustflags += ["-Zunstable-options", "-Cpanic=immediate-abort"]
        where = os.path.join(where, "small")
    environment = dict(os.environ, RUSTC=rustc, RUSTFLAGS=" ".join(rustflags), CARGO_TARGET_DIR=where)
    if from_source:
        environment["RUSTC_BOOTSTRAP"] = "1"
    if target.std:
        environment[f"CARGO_TARGET_{target.rust.upper().replace('-', '_')}_LINKER"] = target.tool("gcc")
    path = os.path.join(folder(target_name, flavour, small), "libsealwire.a")
    with _alone():
        _run(command, environment)
        os.makedirs(os.path.dirname(os.path.join(ROOT, path)), exist_ok=True)
        shutil.copyfile(os.path.join(where, target.rust, "firmware", "libsealwire.a"), os.path.join(ROOT, path))
    return path


def sources(name: str) -> List[str]:
    """The C files of an image, relative to the root. Raises FirmwareError."""
    if name in IMAGES:
        return [os.path.join(EXAMPLES, one) for one in IMAGES[name]]
    inside = os.path.join(EXAMPLES, name)
    if not os.path.isdir(os.path.join(ROOT, inside)):
        raise FirmwareError(f"no image '{name}' in {EXAMPLES}; there are: {' '.join(IMAGES)}")
    return [os.path.join(inside, one) for one in sorted(os.listdir(os.path.join(ROOT, inside))) if one.endswith(".c")]


def recording() -> str:
    """The excerpt as C, since no two toolchains agree on how to take in a file; its path."""
    with open(os.path.join(ROOT, RECORDING), "rb") as file:
        data = file.read(2 * SAMPLES)
    rows = "".join("  " + ",".join(str(byte) for byte in data[at : at + 32]) + ",\n" for at in range(0, len(data), 32))
    text = f"#include <stdint.h>\nconst uint8_t ecg[] = {{\n{rows}}};\nconst uint32_t ecg_samples = {len(data) // 2};\n"
    path = os.path.join(OUT, "ecg.c")
    os.makedirs(os.path.join(ROOT, OUT), exist_ok=True)
    with contextlib.suppress(OSError), open(os.path.join(ROOT, path), encoding="utf-8") as file:
        if file.read() == text:
            return path
    with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def image(name: str, target_name: str, flavour: str, small: bool = False, extra: Sequence[str] = (), suffix: str = "") -> str:
    """Links an image with the board's start-up and drivers; its path, relative to the root. `extra`: more flags for the C compiler,
    and `suffix` then tells the product from others. Raises FirmwareError."""
    target = TARGETS[target_name]
    compiler = target.tool("gcc")
    library = lib(target_name, flavour, small)
    path = os.path.join(folder(target_name, flavour, small), f"{name}{suffix}.elf")
    boards = os.path.join(EXAMPLES, "boards")
    command = [compiler, *target.cflags, *CFLAGS, *([] if target.std or target_name == "avr" else BARE_CFLAGS), "-Iinclude", f"-I{EXAMPLES}", *extra,
               *sources(name), *(os.path.join(boards, one) for one in target.board), recording(), library, *target.libraries, *LINK_FLAGS]
    if target.script is not None:
        command += ["-T", os.path.join(boards, target.script)]
    _run([*command, "-o", path])
    return path


def emulator(target_name: str, path: str, serial: str = "stdio", extra: Sequence[str] = ()) -> List[str]:
    """The command that runs an image here. Raises MissingTool."""
    target = TARGETS[target_name]
    if shutil.which(target.emulator[0]) is None:
        raise MissingTool(f"{target.emulator[0]} is not installed (Debian: apt-get install {target.emulator_package})")
    return [part.format(image=path, serial=serial) for part in target.emulator] + list(extra)


def show_list() -> None:
    """What there is."""
    for target in TARGETS.values():
        print(f"{target.name:<14} {target.rust:<30} {target.title}")
    print()
    for flavour in FLAVOURS:
        print(f"{flavour:<14} {','.join(features(flavour))}")
    print()
    print("images:", " ".join(IMAGES))


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Sealwire for microcontrollers: library, images, emulators.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="targets, flavours and images")
    for command, what in (("lib", "the C library"), ("image", "an image of examples/firmware, with its library"), ("run", "an image in its emulator")):
        one = commands.add_parser(command, help=what)
        if command != "lib":
            one.add_argument("name", help="image, of examples/firmware")
        one.add_argument("target", choices=sorted(TARGETS))
        one.add_argument("flavour", choices=sorted(FLAVOURS))
        one.add_argument("--small", action="store_true", help="core built for size, panics without any trace")
        if command == "run":
            one.add_argument("--serial", default="stdio", help="where the UART goes, as QEMU's -serial (stdio)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            show_list()
        elif options.command == "lib":
            print(lib(options.target, options.flavour, options.small))
        else:
            path = image(options.name, options.target, options.flavour, options.small)
            if options.command == "image":
                print(path)
            else:
                return subprocess.run(emulator(options.target, path, options.serial), cwd=ROOT, check=False).returncode
    except FirmwareError as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
