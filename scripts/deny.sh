#!/bin/sh
# Check licences, sources and duplicates of all dependencies with cargo-deny, installed under build/ if it is not there.
set -eu
cd "$(dirname "$0")/.."

deny=build/tools/bin/cargo-deny
if [ ! -x "$deny" ]; then
    if command -v cargo-deny >/dev/null 2>&1; then
        deny=cargo-deny
    else
        echo "building cargo-deny (about 10 minutes)"
        cargo install --locked --quiet --root build/tools cargo-deny@0.20.2
    fi
fi
"$deny" check bans licenses sources
if ! "$deny" check advisories; then
    echo "advisories: could not be checked, or found something; see above. The database needs the network." >&2
    exit 1
fi
