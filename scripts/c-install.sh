#!/bin/sh
# Installs the C library under PREFIX: headers, static and shared library with version links, pkg-config file and CMake package, all of them
# relocatable. Builds the library first unless SEALWIRE_BUILT names a directory that holds libsealwire.a and libsealwire.so.
# usage: scripts/c-install.sh PREFIX
set -eu

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: $0 PREFIX" >&2
    exit 2
fi
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

version=$(sed -n -E 's/^version = "([0-9.]+)"$/\1/p' Cargo.toml | head -n 1)
abi=$(sed -n -E 's/^#define SEALWIRE_ABI_VERSION ([0-9]+)$/\1/p' include/sealwire.h)
if [ -z "$version" ] || [ -z "$abi" ]; then
    echo "cannot read the version from Cargo.toml or include/sealwire.h" >&2
    exit 1
fi

built=${SEALWIRE_BUILT:-}
if [ -z "$built" ]; then
    cargo build --locked --release -p sealwire-ffi
    built=${CARGO_TARGET_DIR:-target}/release
fi

# What a program that links the static library needs besides; `rustc --print native-static-libs` says it for the host.
case "$(uname -s)" in
    Linux)
        private='-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc'
        cmake_private='gcc_s;util;rt;pthread;m;dl;c'
        ;;
    Darwin)
        private='-lSystem -lc -lm'
        cmake_private='System;c;m'
        ;;
    *)
        echo "installing on $(uname -s) is not known here; copy include/ and $built/libsealwire.* by hand" >&2
        exit 1
        ;;
esac

mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/sealwire"
cp include/sealwire.h include/sealwire_device.h include/sealwire_primitives.h "$prefix/include/"
chmod 644 "$prefix/include/sealwire.h" "$prefix/include/sealwire_device.h" "$prefix/include/sealwire_primitives.h"

if [ "$(uname -s)" = Linux ]; then
    sh scripts/c-lib.sh "$built/libsealwire.a" "$prefix/lib/libsealwire.a"
    shared=libsealwire.so.$abi.$version
    cp "$built/libsealwire.so" "$prefix/lib/$shared"
    ln -sf "$shared" "$prefix/lib/libsealwire.so.$abi"
    ln -sf "libsealwire.so.$abi" "$prefix/lib/libsealwire.so"
    plain=libsealwire.so
else
    cp "$built/libsealwire.a" "$prefix/lib/libsealwire.a"
    shared=libsealwire.$abi.$version.dylib
    cp "$built/libsealwire.dylib" "$prefix/lib/$shared"
    ln -sf "$shared" "$prefix/lib/libsealwire.$abi.dylib"
    ln -sf "libsealwire.$abi.dylib" "$prefix/lib/libsealwire.dylib"
    plain=libsealwire.dylib
fi
chmod 644 "$prefix/lib/libsealwire.a"
chmod 755 "$prefix/lib/$shared"

cat >"$prefix/lib/pkgconfig/sealwire.pc" <<END
prefix=\${pcfiledir}/../..
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: sealwire
Description: End-to-end security for connected devices over MQTT brokers and plain links
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lsealwire
Libs.private: $private
END

cat >"$prefix/lib/cmake/sealwire/sealwireConfig.cmake" <<END
# Targets: sealwire::sealwire (shared), sealwire::static.
get_filename_component(_sealwire_prefix "\${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET sealwire::sealwire)
  add_library(sealwire::sealwire SHARED IMPORTED)
  set_target_properties(sealwire::sealwire PROPERTIES
    IMPORTED_LOCATION "\${_sealwire_prefix}/lib/$plain"
    INTERFACE_INCLUDE_DIRECTORIES "\${_sealwire_prefix}/include")
endif()
if(NOT TARGET sealwire::static)
  add_library(sealwire::static STATIC IMPORTED)
  set_target_properties(sealwire::static PROPERTIES
    IMPORTED_LOCATION "\${_sealwire_prefix}/lib/libsealwire.a"
    INTERFACE_INCLUDE_DIRECTORIES "\${_sealwire_prefix}/include"
    INTERFACE_LINK_LIBRARIES "$cmake_private")
endif()
unset(_sealwire_prefix)
END

sed "s/@VERSION@/$version/" ffi-c/packaging/sealwireConfigVersion.cmake >"$prefix/lib/cmake/sealwire/sealwireConfigVersion.cmake"

echo "sealwire $version (ABI $abi) installed under $prefix"
