#!/bin/sh
# Installs the C library into a fresh directory, moves it, and builds and runs consumers against it: CMake (shared, static) and pkg-config.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/c-install-test}
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
sh scripts/c-install.sh "$out/first"
# Every file must be usable from wherever the tree ends up.
mv "$out/first" "$out/moved"
if grep -r "$out/first" "$out/moved/lib/pkgconfig" "$out/moved/lib/cmake"; then
    echo "an installed file names the place it was installed to" >&2
    exit 1
fi

PKG_CONFIG_PATH=$out/moved/lib/pkgconfig
export PKG_CONFIG_PATH
cmake -S tests/c/cmake -B "$out/cmake" -DCMAKE_PREFIX_PATH="$out/moved" -DCMAKE_BUILD_TYPE=Release >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
cmake --build "$out/cmake" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
(cd "$out/cmake" && ctest --output-on-failure)

# By hand, as a makefile would.
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 $(pkg-config --cflags sealwire) examples/c/quickstart.c $(pkg-config --libs sealwire) -Wl,-rpath,"$out/moved/lib" -o "$out/shared"
"$out/shared"
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 $(pkg-config --cflags sealwire) examples/c/quickstart.c "$out/moved/lib/libsealwire.a" \
    $(pkg-config --libs --static sealwire | sed 's/-lsealwire//') -o "$out/static"
"$out/static"
version=$(pkg-config --modversion sealwire)
[ "$version" = "$(sed -n -E 's/^version = "([0-9.]+)"$/\1/p' Cargo.toml | head -n 1)" ]
echo "ran 4 checks"
