#!/bin/sh
# mobile/swift/SealwireFFI.xcframework for iOS, its simulator and macOS: on a Mac with Xcode 16 and rustup. Not run by this project's tests, which
# have no Mac.
# usage: scripts/swift-xcframework.sh
set -eu
cd "$(dirname "$0")/.."
[ "$(uname -s)" = Darwin ] || { echo "an XCFramework can be made on a Mac only" >&2; exit 1; }

target=${CARGO_TARGET_DIR:-target}
out=build/swift/xcframework
package=mobile/swift
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

rm -rf "$out" "$package/SealwireFFI.xcframework"
mkdir -p "$out/headers/SealwireFFI"
cp "$package/Sources/SealwireFFI/SealwireFFI.h" "$out/headers/SealwireFFI/"
# Without the `link` of the module map for Linux: the archive itself is in the framework.
sed '/^ *link /d' "$package/Sources/SealwireFFI/module.modulemap" >"$out/headers/SealwireFFI/module.modulemap"

# archive NAME TARGET...   one archive of all these processors
archive() {
    name=$1
    shift
    mkdir -p "$out/$name"
    archives=
    for triple in "$@"; do
        rustup target add "$triple"
        cargo build --locked --profile mobile -p sealwire-mobile --lib --target "$triple"
        archives="$archives $target/$triple/mobile/libsealwire_mobile.a"
    done
    # shellcheck disable=SC2086 # paths that cargo chose
    lipo -create $archives -output "$out/$name/libsealwire_mobile.a"
}

archive ios aarch64-apple-ios
archive ios-simulator aarch64-apple-ios-sim x86_64-apple-ios
archive macos aarch64-apple-darwin x86_64-apple-darwin

xcodebuild -create-xcframework \
    -library "$out/ios/libsealwire_mobile.a" -headers "$out/headers" \
    -library "$out/ios-simulator/libsealwire_mobile.a" -headers "$out/headers" \
    -library "$out/macos/libsealwire_mobile.a" -headers "$out/headers" \
    -output "$package/SealwireFFI.xcframework"

# What a package elsewhere names in `.binaryTarget(url:checksum:)`.
(cd "$package" && zip -qry ../../"$out"/SealwireFFI.xcframework.zip SealwireFFI.xcframework)
swift package compute-checksum "$out/SealwireFFI.xcframework.zip"
