#!/bin/sh
# What the test suites use, all under build/: one virtual environment and the pinned header generator.
set -eu
cd "$(dirname "$0")/.."

cbindgen_version=0.29.4

if [ ! -x build/venv/bin/python ]; then
    "${PYTHON:-python3}" -m venv build/venv
fi
build/venv/bin/python -m pip install --quiet --requirement scripts/requirements-test.txt

have=$(build/tools/bin/cbindgen --version 2>/dev/null || true)
if [ "$have" != "cbindgen $cbindgen_version" ]; then
    cargo install --locked --quiet --root build/tools "cbindgen@$cbindgen_version"
fi
build/tools/bin/cbindgen --version
echo "ran 2 set-ups"
