#!/bin/sh
# `make docs`: the API reference of each language and the pages of docs/, as HTML under build/docs.
set -eu
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
steps=4
log_prefix=docs
. scripts/steps.sh

rm -rf build/docs
mkdir -p build/docs

rust() {
    RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --locked --no-deps -p sealwire-core
    cp -R "$target/doc" build/docs/rust
}

c() {
    mkdir -p build/docs/c
    "${PYTHON:-python3}" scripts/header_to_html.py build/docs/c/index.html include/sealwire.h include/sealwire_device.h include/sealwire_primitives.h
}

# pdoc imports the package, so the wheel must be in the virtual environment.
python() {
    sh scripts/venv-wheel.sh
    build/venv/bin/python -m pip install --quiet --disable-pip-version-check 'pdoc>=15,<17'
    build/venv/bin/python -m pdoc --output-directory build/docs/python sealwire
}

pages() {
    "${PYTHON:-python3}" scripts/pages_to_html.py build/docs
}

step "Rust: cargo doc" rust
step "C: the headers" c
step "Python: pdoc" python
step "pages" pages
echo "build/docs/index.html"
