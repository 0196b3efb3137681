#!/bin/sh
# `make test`: what the runner itself needs on a bare Debian, then the runner. Arguments: names of suites.
set -eu

if [ "$(id -u)" = 0 ] && grep -q '^ID=debian' /etc/os-release 2>/dev/null && [ -z "${SEALWIRE_NO_INSTALL:-}" ]; then
    if ! command -v cc >/dev/null 2>&1 || ! command -v "${PYTHON:-python3}" >/dev/null 2>&1; then
        echo "installing a C compiler and Python with apt-get"
        apt-get update >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev python3 >/dev/null
    fi
fi
sh scripts/prerequisites.sh test
exec "${PYTHON:-python3}" scripts/run_suites.py ${SEALWIRE_NO_INSTALL:+--no-install} "$@"
