#!/bin/sh
# `make demo-firmware`: the wearable as firmware on emulated microcontrollers, end to end with the hub, and attacked on the way.
# usage: scripts/demo-firmware.sh [TARGET[:FLAVOUR[:IMAGE]] ...]      default: all that are shown
set -eu
cd "$(dirname "$0")/.."

sh scripts/prerequisites.sh demo

steps=1
log_prefix=demo-firmware
. scripts/steps.sh

step "Python wheel, in build/venv" sh scripts/venv-wheel.sh
exec build/venv/bin/python tests/firmware/run.py "$@"
