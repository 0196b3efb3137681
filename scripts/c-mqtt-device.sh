#!/bin/sh
# Builds the MQTT device of examples/c with libmosquitto. usage: scripts/c-mqtt-device.sh OUTPUT
set -eu
if [ $# -ne 1 ]; then
    echo "usage: $0 OUTPUT" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
if ! pkg-config --exists libmosquitto; then
    echo "libmosquitto is missing (Debian: apt-get install libmosquitto-dev)" >&2
    exit 1
fi
. scripts/c-flags.sh
[ -n "${SEALWIRE_BUILT:-}" ] || cargo build --locked --quiet --release -p sealwire-ffi
mkdir -p "$(dirname "$1")"
# shellcheck disable=SC2046,SC2086
"$c_compiler" $c_flags $(pkg-config --cflags libmosquitto) examples/c/mqtt_device.c examples/c/device.c examples/c/host.c examples/c/ownership.c \
    "$c_built/libsealwire.a" $(pkg-config --libs libmosquitto) $c_libraries -o "$1"
