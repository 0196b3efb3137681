#!/bin/sh
# Runs the scenarios over the Kotlin package, whose tests must be compiled (mvn test-compile), and shows the outcomes.
# usage: tests/conformance/kotlin.sh SCENARIOS.txt [NAME]
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/conformance
SEALWIRE_SCENARIOS=$1 SEALWIRE_ONLY=${2:-} SEALWIRE_OUTCOMES=$out/kotlin.txt
export SEALWIRE_SCENARIOS SEALWIRE_ONLY SEALWIRE_OUTCOMES
mvn -B -q -f mobile/kotlin/pom.xml surefire:test -Dtest=Run >"$out/kotlin.log" 2>&1 || {
    tail -n 40 "$out/kotlin.log" >&2
    exit 2
}
cat "$SEALWIRE_OUTCOMES"
! grep -q "	fail	" "$SEALWIRE_OUTCOMES"
