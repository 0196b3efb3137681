#!/bin/sh
# Check what `make demo`, `make test`, `make bench` or `make assure` needs, and print the exact fix for whatever is missing.
# usage: scripts/prerequisites.sh demo|test|bench|assure
set -u

what=${1:-demo}
python=${PYTHON:-python3}
missing=0

# One problem: what is wrong, then the command that repairs it.
problem() {
    missing=$((missing + 1))
    printf 'missing: %s\n    fix: %s\n' "$1" "$2" >&2
}

# The command that installs a system package: Debian's, Fedora's, Arch's, Alpine's, macOS's name.
package() {
    if command -v apt-get >/dev/null 2>&1; then echo "apt-get install $1"
    elif command -v dnf >/dev/null 2>&1; then echo "dnf install $2"
    elif command -v pacman >/dev/null 2>&1; then echo "pacman -S $3"
    elif command -v apk >/dev/null 2>&1; then echo "apk add $4"
    elif [ "$(uname -s)" = Darwin ]; then echo "$5"
    else echo "install $1 with your system's package manager"
    fi
}

# Is version $1 (like 1.95.0) at least major.minor $2?
at_least() {
    have_major=${1%%.*}
    have_rest=${1#*.}
    have_minor=${have_rest%%.*}
    want_major=${2%%.*}
    want_minor=${2#*.}
    case "$have_major$have_minor" in *[!0-9]* | '') return 1 ;; esac
    [ "$have_major" -gt "$want_major" ] || { [ "$have_major" -eq "$want_major" ] && [ "$have_minor" -ge "$want_minor" ]; }
}

rust_wanted=1.88
if command -v cargo >/dev/null 2>&1 && command -v "${RUSTC:-rustc}" >/dev/null 2>&1; then
    rust=$("${RUSTC:-rustc}" --version 2>/dev/null | cut -d' ' -f2)
    if ! at_least "${rust:-none}" "$rust_wanted"; then
        if command -v rustup >/dev/null 2>&1; then
            problem "Rust $rust_wanted or newer (found ${rust:-one that does not run})" "rustup update stable && rustup default stable"
        else
            problem "Rust $rust_wanted or newer (found ${rust:-one that does not run})" \
                "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
        fi
    fi
else
    problem "Rust $rust_wanted or newer (cargo and rustc)" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
fi

# Rust links with cc, so the C compiler is needed for everything. Compiling catches missing C headers too.
trial=$(mktemp -d 2>/dev/null || mktemp -d -t sealwire) || exit 1
trap 'rm -rf "$trial"' EXIT
printf '#include <stdint.h>\n#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' >"$trial/t.c"
if ! "${CC:-cc}" -std=c99 -o "$trial/t" "$trial/t.c" >/dev/null 2>&1; then
    problem "a C compiler with the C library's headers (${CC:-cc})" \
        "$(package 'gcc libc6-dev' 'gcc glibc-devel' 'gcc' 'gcc musl-dev' 'xcode-select --install')"
fi

if ! command -v "$python" >/dev/null 2>&1; then
    problem "Python 3.9 or newer ($python)" "$(package 'python3 python3-venv' python3 python python3 'brew install python3')"
else
    version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
    if ! at_least "${version:-none}" 3.9; then
        problem "Python 3.9 or newer ($python is ${version:-one that does not run})" \
            "install a newer Python and name it: make $what PYTHON=python3.11"
    # `make test` on Debian as root installs python3-venv by itself.
    elif [ "$what" != test ] && ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        problem "the Python modules venv and ensurepip (pip for virtual environments)" \
            "$(package python3-venv python3-pip python-pip py3-pip 'brew install python3')"
    fi
fi

if [ "$missing" -ne 0 ]; then
    printf '%s of the things needed by "make %s" missing; see above.\n' "$missing" "$what" >&2
    exit 1
fi
