#!/bin/sh
# Makes one object of a static library in which only the sealwire_ symbols can be seen from outside, so that it can be linked beside
# another library written in Rust: both bring the standard library or core, and a panic handler.
# usage: scripts/c-lib.sh IN.a OUT.a      LD, OBJCOPY and AR name the target's tools.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 IN.a OUT.a" >&2
    exit 2
fi
ld=${LD:-ld}
objcopy=${OBJCOPY:-objcopy}
ar=${AR:-ar}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(cd "$(dirname "$0")/.." && pwd)

# Every function of the headers is a root; what none of them needs stays out.
roots=$(sed -n -E 's/^.*[ *](sealwire_[a-z0-9_]+)\(.*$/-u \1/p' "$root"/include/*.h | grep -v panic_hook | sort -u | tr '\n' ' ')
# shellcheck disable=SC2086
"$ld" -r --gc-sections $roots "$1" -o "$work/sealwire.o"
# The compiler's bitcode, which some archivers stumble over, goes too.
"$objcopy" --wildcard --keep-global-symbol='sealwire_*' --remove-section=.llvmbc --remove-section=.llvmcmd --strip-unneeded "$work/sealwire.o" "$work/sealwire-local.o"
rm -f "$2"
"$ar" rcs "$2" "$work/sealwire-local.o"
