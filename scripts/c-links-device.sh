#!/bin/sh
# Builds the C device of tests/links with the host's C compiler. usage: scripts/c-links-device.sh OUTPUT
set -eu
if [ $# -ne 1 ]; then
    echo "usage: $0 OUTPUT" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
. scripts/c-flags.sh
[ -n "${SEALWIRE_BUILT:-}" ] || cargo build --locked --quiet --release -p sealwire-ffi
mkdir -p "$(dirname "$1")"
# shellcheck disable=SC2086
"$c_compiler" $c_flags tests/links/*.c examples/c/device.c examples/c/host.c examples/c/ownership.c "$c_built/libsealwire.a" $c_libraries -o "$1"
