#!/bin/sh
# Tests the C library: compilers by language versions, shared and static, beside another Rust library, without the standard library, under
# valgrind and AddressSanitizer. One line for each cell; ends non-zero if one failed. usage: scripts/c-test.sh [OUTPUT-DIRECTORY]
set -u
cd "$(dirname "$0")/.." || exit 1
target=${CARGO_TARGET_DIR:-target}
out=${1:-build/c-test}
mkdir -p "$out"
cells=0
failed=0
skipped=0
libraries="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"
warnings="-Wall -Wextra -Wpedantic -Werror"

# cell NAME COMMAND...   runs a command with its output in a log.
cell() {
    cell_name=$1
    shift
    cells=$((cells + 1))
    if "$@" >"$out/log" 2>&1; then
        printf '%-64s ok\n' "$cell_name"
    else
        printf '%-64s FAILED\n' "$cell_name"
        tail -n 25 "$out/log" | sed 's/^/    /'
        failed=$((failed + 1))
        return 1
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

have() {
    command -v "$1" >/dev/null 2>&1 || {
        skip "$1 is not installed"
        return 1
    }
}

# build_and_run NAME COMPILER STANDARD LIBRARIES...
build_and_run() {
    bar_name=$1 bar_compiler=$2 bar_standard=$3
    shift 3
    case $bar_standard in c++*) bar_language="-x c++" ;; *) bar_language="-x c" ;; esac
    # shellcheck disable=SC2086
    cell "$bar_name: compiles" $bar_compiler $bar_language -std=$bar_standard -g $warnings -Iinclude tests/c/*.c -x none "$@" -o "$out/test" &&
        cell "$bar_name: passes" "$out/test"
}

cell "vectors.h is what tests/vectors give" "${PYTHON:-python3}" tests/c/vectors.py --verify
cell "library, release" cargo build --locked --quiet --release -p sealwire-ffi || exit 1
library=$target/release/libsealwire.a

# ---- compilers and language versions
for pair in gcc:g++ clang:clang++; do
    c=${pair%%:*}
    cpp=${pair##*:}
    have "$c" || continue
    for standard in c99 c11 c17; do
        # shellcheck disable=SC2086
        build_and_run "$c -std=$standard" "$c" $standard "$library" $libraries
    done
    have "$cpp" || continue
    # shellcheck disable=SC2086
    build_and_run "$cpp -std=c++17" "$cpp" c++17 "$library" $libraries
    printf '#include "sealwire_device.h"\n#include "sealwire_primitives.h"\n#include "sealwire.h"\n#include "sealwire_primitives.h"\n#include "sealwire_device.h"\nint main(void) { return 0; }\n' >"$out/twice.c"
    for standard in c99 c11 c17 c2x; do
        # shellcheck disable=SC2086
        cell "$c -std=$standard: headers twice, strictest warnings" "$c" -std=$standard $warnings -Wconversion -Wstrict-prototypes -Wundef \
            -Wshadow -Iinclude "$out/twice.c" -o "$out/twice"
    done
    for example in examples/c/quickstart.c; do
        # shellcheck disable=SC2086
        cell "$c -std=c99 $example" "$c" -std=c99 $warnings -Iinclude $example "$library" $libraries -o "$out/quickstart" &&
            cell "$c: the quick start runs" "$out/quickstart"
    done
    cell "$c: the wearable compiles" env CC="$c" SEALWIRE_BUILT="$target/release" sh scripts/c-wearable.sh "$out/wearable"
    if pkg-config --exists libmosquitto 2>/dev/null; then
        cell "$c: the MQTT device compiles" env CC="$c" SEALWIRE_BUILT="$target/release" sh scripts/c-mqtt-device.sh "$out/mqtt_device"
    else
        skip "the MQTT device with $c: libmosquitto is not installed"
    fi
done

# ---- shared library, symbols
only_ours() {
    # The names that a library shows; $1: nm's way to ask.
    others=$(nm "$@" 2>/dev/null | awk 'NF >= 3 { print $3 }' | grep -v '^sealwire_' | head -n 5)
    [ -z "$others" ] || { echo "visible besides sealwire_*: $others"; return 1; }
}
soname() {
    abi=$(sed -n -E 's/^#define SEALWIRE_ABI_VERSION ([0-9]+)$/\1/p' include/sealwire.h)
    found=$(objdump -p "$target/release/libsealwire.so" | awk '$1 == "SONAME" { print $2 }')
    echo "SONAME $found, ABI $abi"
    [ "$found" = "libsealwire.so.$abi" ]
}
# Every function of the headers is in the library, and the other way round.
same_functions() {
    sed -n -E 's/^.*[ *](sealwire_[a-z0-9_]+)\(.*$/\1/p' include/*.h | grep -v panic_hook | sort -u >"$out/declared"
    nm -D --defined-only "$target/release/libsealwire.so" | awk '{ print $3 }' | sort -u >"$out/defined"
    diff "$out/declared" "$out/defined"
}
if [ "$(uname -s)" = Linux ]; then
    cell "shared library: shows only sealwire_*" only_ours -D --defined-only "$target/release/libsealwire.so"
    cell "shared library: SONAME is the ABI version" soname
    cell "headers declare what the library defines" same_functions
    mkdir -p "$out/shared"
    cp "$target/release/libsealwire.so" "$out/shared/"
    ln -sf libsealwire.so "$out/shared/$(objdump -p "$target/release/libsealwire.so" | awk '$1 == "SONAME" { print $2 }')"
    LD_LIBRARY_PATH=$out/shared
    export LD_LIBRARY_PATH
    build_and_run "gcc -std=c99, shared library" gcc c99 "-L$out/shared" -lsealwire
    unset LD_LIBRARY_PATH

    # ---- beside another Rust library: both define what the standard library defines
    cell "static library made of one object" sh scripts/c-lib.sh "$library" "$out/libsealwire.a"
    cell "static library: shows only sealwire_*" only_ours -g --defined-only "$out/libsealwire.a"
    # shellcheck disable=SC2086
    build_and_run "gcc -std=c99, one-object library" gcc c99 "$out/libsealwire.a" $libraries
    cat >"$out/other.rs" <<'END'
#[unsafe(no_mangle)]
pub extern "C" fn other_library(text: *const u8, length: usize) -> usize {
    let bytes = unsafe { std::slice::from_raw_parts(text, length) };
    std::panic::catch_unwind(|| String::from_utf8_lossy(bytes).chars().rev().collect::<String>().len()).unwrap_or(0)
}
END
    cat >"$out/both.c" <<'END'
#include <string.h>
#include "sealwire.h"
size_t other_library(const uint8_t *text, size_t length);
int main(void) { return other_library((const uint8_t *)"abc", 3) == 3 && strcmp(sealwire_status_name(SEALWIRE_STALE), "stale") == 0 ? 0 : 1; }
END
    # shellcheck disable=SC2086
    cell "another Rust library" rustc --edition 2024 --crate-type staticlib -O -o "$out/libother.a" "$out/other.rs" &&
        cell "linked with another Rust library" gcc -std=c99 -Iinclude "$out/both.c" -Wl,--whole-archive "$out/libother.a" "$out/libsealwire.a" \
            -Wl,--no-whole-archive $libraries -o "$out/both" &&
        cell "another Rust library: both answer" "$out/both"
else
    skip "symbols, SONAME and one-object library: only on Linux"
fi

# ---- without the standard library, as firmware has it
features=suite-x25519-chacha,suite-p256-ccm,suite-p256-ccm16,suite-x25519-ccm,responder,commands,signatures,x509,setup,device
cell "library without std" cargo rustc --locked --quiet -p sealwire-ffi --profile firmware --no-default-features --features $features \
    --crate-type staticlib && {
    cp "$target/firmware/libsealwire.a" "$out/libsealwire-nostd.a"
    # The host's `core` was compiled for unwinding, which firmware's is not.
    printf 'void rust_eh_personality(void);\nvoid rust_eh_personality(void) {}\n' >"$out/personality.c"
    gcc -c "$out/personality.c" -o "$out/personality.o"
    build_and_run "gcc -std=c99, library without std" gcc c99 "$out/libsealwire-nostd.a" "$out/personality.o"
}
cell "panic hook compiles" cargo check --locked --quiet -p sealwire-ffi --lib --profile firmware --no-default-features \
    --features $features,panic-hook
cell "suite 4 alone compiles" cargo check --locked --quiet -p sealwire-ffi --lib --no-default-features --features std,suite-x25519-chacha
cell "suite 2 with signatures and certificates compiles" cargo check --locked --quiet -p sealwire-ffi --lib --no-default-features \
    --features std,suite-p256-ccm,signatures,x509
cell "suite 2 alone compiles" cargo check --locked --quiet -p sealwire-ffi --lib --no-default-features --features std,suite-p256-ccm

# ---- memory checkers
if have valgrind; then
    # shellcheck disable=SC2086
    cell "gcc for valgrind" gcc -std=c99 -g -O1 $warnings -Iinclude tests/c/*.c "$library" $libraries -o "$out/valgrind" &&
        cell "valgrind: no error, nothing lost" valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
            "$out/valgrind"
fi
host=$(rustc -vV | sed -n 's/^host: //p')
asan() {
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address --cap-lints allow" cargo build --locked --quiet -p sealwire-ffi --target "$host" --target-dir "$target/asan"
}
# A caller who states a longer frame than there is must be caught inside the library; else the checker sees nothing.
cat >"$out/overrun.c" <<'END'
#include <stdlib.h>
#include "sealwire_primitives.h"
int main(void) {
  uint8_t identifier[4];
  uint8_t *frame = malloc(2);
  if (frame == NULL) return 0;
  frame[0] = 0x44;
  frame[1] = 0;
  int32_t status = sealwire_record_recipient(frame, 64, 4, identifier);
  free(frame);
  return status == SEALWIRE_OK ? 0 : 1;
}
END
caught() {
    if ASAN_OPTIONS=detect_leaks=0 "$1" 2>&1 | grep -q 'AddressSanitizer: heap-buffer-overflow'; then return 0; fi
    echo "the overrun was not caught"
    return 1
}
if cell "library with AddressSanitizer" asan; then
    instrumented=$target/asan/$host/debug/libsealwire.a
    for compiler in gcc clang; do
        have $compiler || continue
        # shellcheck disable=SC2086
        cell "$compiler with AddressSanitizer: compiles" $compiler -std=c99 -g $warnings -fsanitize=address,undefined \
            -fno-sanitize-recover=undefined -Iinclude tests/c/*.c "$instrumented" $libraries -o "$out/asan-test" &&
            cell "$compiler with AddressSanitizer: passes" "$out/asan-test"
        # shellcheck disable=SC2086
        cell "$compiler with AddressSanitizer: overrun compiles" $compiler -std=c99 -g -fsanitize=address -Iinclude "$out/overrun.c" \
            "$instrumented" $libraries -o "$out/overrun" &&
            cell "$compiler with AddressSanitizer: an overrun is caught" caught "$out/overrun"
    done
fi

echo "ran $cells checks, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
