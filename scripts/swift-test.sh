#!/bin/sh
# The Swift package in a Debian root with Swift 6 (scripts/swift-root.sh): the library in Rust, then `swift build` and `swift test`, where a warning
# is an error. Beside the tests run Mosquitto, the Python hub (build/venv) and the wearable in C. Arguments go to `swift test`.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD
out=build/swift

sh scripts/swift-root.sh
cargo build --locked --quiet -p sealwire-mobile --lib
mkdir -p "$out/lib"
cp "${CARGO_TARGET_DIR:-target}/debug/libsealwire_mobile.so" "$out/lib/"
[ -n "${SEALWIRE_C_DEVICE:-}" ] || [ -x build/c-mqtt/mqtt_device ] || sh scripts/c-mqtt-device.sh build/c-mqtt/mqtt_device

# swift ACTION ARGUMENTS...   SwiftPM in the root, where the tree is at the same place
swift() {
    action=$1
    shift
    # shellcheck disable=SC2086 # a command in front, or nothing
    ${beside:-} sh scripts/swift-root.sh swift "$action" --package-path mobile/swift --scratch-path "$tree/$out/package" -Xswiftc -warnings-as-errors \
        -Xlinker "-L$tree/$out/lib" -Xlinker -rpath -Xlinker "$tree/$out/lib" "$@"
}

start=$(date +%s)
swift build --build-tests
echo "built in $(($(date +%s) - start)) s"
beside="${PYTHON:-python3} scripts/swift-live.py $out/live"
swift test --skip-build "$@" >"$out/test.log" 2>&1 || { cat "$out/test.log"; exit 1; }
cat "$out/test.log"
# Swift Testing's own closing line, for the table of `make test`; none of the tests may have been left out.
ran=$(sed -n 's/.*Test run with \([0-9]*\) tests\{0,1\} passed.*/\1/p' "$out/test.log")
echo "ran ${ran:-0} Swift tests"
sed -n 's/.*Test \(.*\) skipped.*/skipped: \1/p' "$out/test.log"
[ "${ran:-0}" -gt 0 ]
