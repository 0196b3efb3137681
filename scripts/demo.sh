#!/bin/sh
# `make demo`: build the core, the C library, the wearable and the wheel, then run the demonstration.
# Needs Rust, a C compiler and Python 3.9+ with venv. No root, no apt, no server.
set -eu
cd "$(dirname "$0")/.."

sh scripts/prerequisites.sh demo

# The MQTT device joins when libmosquitto's headers are there.
mqtt_device=
if command -v pkg-config >/dev/null 2>&1 && pkg-config --exists libmosquitto; then
    mqtt_device=build/mqtt_device
fi

steps=$((3 + (${#mqtt_device} > 0)))
log_prefix=demo
. scripts/steps.sh

library() {
    cargo build --locked --release -p sealwire-ffi
}

step "core and C library" library
step "wearable in C99 against include/sealwire.h" sh scripts/c-wearable.sh build/wearable
[ -z "$mqtt_device" ] || step "MQTT device in C with libmosquitto" sh scripts/c-mqtt-device.sh "$mqtt_device"
step "Python wheel and embedded MQTT broker, in build/venv" sh scripts/venv-wheel.sh

exec build/venv/bin/sealwire demo --wearable build/wearable ${mqtt_device:+--mqtt-device "$mqtt_device"} "$@"
