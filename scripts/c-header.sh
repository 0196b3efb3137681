#!/bin/sh
# Generates the headers in include/; with --verify only compares, and fails when one is stale.
set -eu
cd "$(dirname "$0")/.."

version=0.29.4
cbindgen=${CBINDGEN:-}
for candidate in "$cbindgen" build/tools/bin/cbindgen cbindgen; do
    [ -n "$candidate" ] || continue
    if [ "$("$candidate" --version 2>/dev/null || true)" = "cbindgen $version" ]; then
        cbindgen=$candidate
        break
    fi
    cbindgen=
done
if [ -z "$cbindgen" ]; then
    echo "cbindgen $version is needed: cargo install --locked --root build/tools cbindgen@$version" >&2
    exit 1
fi

case "${1:-}" in
    '') mode=write ;;
    --verify) mode=verify ;;
    *) echo "usage: $0 [--verify]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Public names declared in files, as a TOML list.
names() {
    cat "$@" | sed -n -E \
        -e 's/^pub (unsafe )?extern "C" fn ([a-z0-9_]+).*/\2/p' \
        -e 's/^pub (struct|enum|union|const|type) ([A-Za-z0-9_]+).*/\2/p' |
        sort -u | sed 's/.*/"&",/' | tr '\n' ' '
}

device=$(names ffi-c/src/device.rs)
primitives=$(names ffi-c/src/primitives/*.rs)
endpoint=$(find ffi-c/src -maxdepth 1 -name '*.rs' ! -name device.rs | sort | while read -r file; do names "$file"; done)

# usage: generate CONFIG EXCLUDED OUTPUT
generate() {
    sed "s/^\[export\]\$/[export]\nexclude = [$2]/" "$1" >"$work/config.toml"
    "$cbindgen" --quiet --config "$work/config.toml" --crate sealwire-ffi --output "$3" ffi-c
}

status=0
for header in sealwire sealwire_primitives sealwire_device; do
    case $header in
        sealwire) generate ffi-c/cbindgen.toml "$primitives $device" "$work/$header.h" ;;
        sealwire_primitives) generate ffi-c/primitives.cbindgen.toml "$endpoint $device" "$work/$header.h" ;;
        sealwire_device) generate ffi-c/device.cbindgen.toml "$endpoint $primitives" "$work/$header.h" ;;
    esac
    if [ $mode = write ]; then
        mkdir -p include
        cmp -s "$work/$header.h" "include/$header.h" || cp "$work/$header.h" "include/$header.h"
    elif ! diff -u "include/$header.h" "$work/$header.h"; then
        echo "include/$header.h is stale; run scripts/c-header.sh" >&2
        status=1
    fi
done
exit $status
