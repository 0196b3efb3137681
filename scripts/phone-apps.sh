#!/bin/sh
# Builds the apps of examples/phone against the packages of this tree: the one in Kotlin by Maven, unless nothing has changed, the one in Swift in the
# Debian root of scripts/swift-root.sh. usage: scripts/phone-apps.sh [kotlin | swift]
set -eu
cd "$(dirname "$0")/.."
tree=$PWD

cargo build --locked --quiet -p sealwire-mobile --lib
library=${CARGO_TARGET_DIR:-target}/debug/libsealwire_mobile.so

if [ "${1:-kotlin}" = kotlin ]; then
    app=examples/phone/kotlin
    jar=$app/target/phone-0.1.0.jar
    if [ ! -f "$jar" ] || [ -n "$(find mobile/kotlin/src/main mobile/kotlin/pom.xml examples/phone/pom.xml $app/src $app/pom.xml "$library" -newer "$jar")" ]; then
        MOBILE_NO_TESTS=1 MOBILE_POM=examples/phone/pom.xml LIBRARY=$library sh scripts/mobile-jvm.sh -q -Dmaven.test.skip=true package
    fi
fi
if [ "${1:-swift}" = swift ]; then
    out=build/swift
    sh scripts/swift-root.sh
    mkdir -p "$out/lib"
    cp "$library" "$out/lib/"
    sh scripts/swift-root.sh swift build --package-path examples/phone --scratch-path "$tree/$out/phone" -Xswiftc -warnings-as-errors \
        -Xlinker "-L$tree/$out/lib" -Xlinker -rpath -Xlinker "$tree/$out/lib"
fi
