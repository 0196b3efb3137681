#!/bin/sh
# `make demo-phone`: an app in Kotlin pairs with the wearable in C, shows its ECG beside the hub, and hands it over to an app in Swift.
# usage: scripts/demo-phone.sh [--json]
set -eu
cd "$(dirname "$0")/.."

sh scripts/prerequisites.sh demo
PATH=$PATH:/usr/sbin
missing=
for tool in java mvn mosquitto pkg-config debootstrap; do
    command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
pkg-config --exists libmosquitto 2>/dev/null || missing="$missing libmosquitto"
if [ -n "$missing" ]; then
    echo "missing:$missing" >&2
    echo "    fix: apt-get install openjdk-17-jdk-headless maven mosquitto pkg-config libmosquitto-dev debootstrap" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Swift runs in a Debian root of its own, which only root can make and enter" >&2
    exit 1
fi

steps=4
log_prefix=demo-phone
. scripts/steps.sh

# For those who read the outcome, standard output is JSON alone.
case " $* " in *" --json "*) exec 3>&1 >&2 ;; *) exec 3>&1 ;; esac
step "wearable in C with libmosquitto" sh scripts/c-mqtt-device.sh build/c-mqtt/mqtt_device
step "Python wheel with the hub, in build/venv" sh scripts/venv-wheel.sh
step "Kotlin package and app" sh scripts/phone-apps.sh kotlin
step "Swift package and app (its root first: minutes)" sh scripts/phone-apps.sh swift
exec build/venv/bin/python tests/phone/show.py "$@" >&3
