#!/bin/sh
# The Kotlin package with the native library of this machine in it: builds, tests and packs mobile/kotlin by Maven. Arguments go to Maven
# (default: package). The tests need mosquitto and openssl; SEALWIRE names the command of the Python package (default build/venv/bin/sealwire),
# LIBRARY a native library that is built already, MOBILE_POM another project to build.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
library=${LIBRARY:-}
if [ -z "$library" ]; then
    cargo build --locked --quiet -p sealwire-mobile --lib
    library=${CARGO_TARGET_DIR:-target}/debug/libsealwire_mobile.so
fi
${PYTHON:-python3} scripts/elf-pages.py "$library"
# JNA's name of the system and processor.
case "$(uname -m)" in
    x86_64) place=linux-x86-64 ;;
    aarch64) place=linux-aarch64 ;;
    *) echo "no JNA name is known for $(uname -m)" >&2; exit 1 ;;
esac
mkdir -p "mobile/kotlin/target/native/$place" build/c-mqtt
cp "$library" "mobile/kotlin/target/native/$place/"
# Debug information is four fifths of it.
strip --strip-debug "mobile/kotlin/target/native/$place/libsealwire_mobile.so"
device=$root/build/c-mqtt/mqtt_device
[ -n "${MOBILE_NO_TESTS:-}" ] || [ -x "$device" ] || sh scripts/c-mqtt-device.sh "$device"
PATH=$PATH:/usr/sbin SEALWIRE="${SEALWIRE:-$root/build/venv/bin/sealwire}" SEALWIRE_C_DEVICE=$device SEALWIRE_DATA=$root/examples/data/ecg_mitdb_208.i16le \
    mvn --batch-mode --no-transfer-progress --file "${MOBILE_POM:-mobile/kotlin/pom.xml}" ${MOBILE_NO_TESTS:+-DskipTests} "${@:-package}"
