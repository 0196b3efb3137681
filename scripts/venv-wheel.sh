#!/bin/sh
# Build this machine's wheel and install it, with the demo's broker, into build/venv. Fast when nothing changed.
set -eu
cd "$(dirname "$0")/.."

pip() { build/venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }

[ -x build/venv/bin/python ] || "${PYTHON:-python3}" -m venv build/venv
[ -x build/venv/bin/maturin ] || pip install 'maturin>=1.9,<2'
rm -rf build/wheel
PATH="$PWD/build/venv/bin:$PATH" build/venv/bin/maturin build --locked --release \
    --manifest-path python/Cargo.toml --interpreter build/venv/bin/python --out build/wheel
for wheel in build/wheel/*.whl; do
    pip install "$wheel[demo,factory]"
    # The version stays the same while developing, so the file itself must be put in again.
    pip install --force-reinstall --no-deps "$wheel"
done
