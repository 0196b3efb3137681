#!/bin/sh
# The mobile crate's own tests, the Kotlin package on the JVM, and the app of examples/phone against it. For a machine without Maven's registry the JVM part is skipped.
set -eu
cd "$(dirname "$0")/.."
cargo test --locked --quiet -p sealwire-mobile
mkdir -p build
if ! MOBILE_POM=examples/phone/pom.xml sh scripts/mobile-jvm.sh package >build/mobile-maven.log 2>&1; then
    tail -n 60 build/mobile-maven.log
    exit 1
fi
# Maven's own closing line, for the table of `make test`; none of the tests may have been left out.
ran=$(sed -n 's/.*Tests run: \([0-9]*\), Failures: 0, Errors: 0, Skipped: 0$/\1/p' build/mobile-maven.log | tail -n 1)
[ "${ran:-0}" -gt 0 ] || { tail -n 30 build/mobile-maven.log; exit 1; }
echo "ran $ran Kotlin tests"
# What an app's build takes out of the jar.
jar=mobile/kotlin/target/sealwire-0.1.0.jar
for entry in META-INF/proguard/sealwire.pro org/sealwire/SealwireLink.class libsealwire_mobile.so; do
    unzip -l "$jar" | grep -q "$entry" || { echo "$jar lacks $entry"; exit 1; }
done
