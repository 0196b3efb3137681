#!/bin/sh
# A Debian trixie root with Swift 6, and one command in it: Debian 12 packages no Swift. Made once, by debootstrap; needs root and Linux.
# The root is $SEALWIRE_SWIFT_ROOT, default build/swift/root (1.7 GB, 3.5 while it is made). Packages come from $SEALWIRE_DEBIAN_MIRROR.
# Inside, the tree is at its own path; all mounts are in a namespace of their own and end with the command. The network is the machine's.
# usage: scripts/swift-root.sh [COMMAND...]   without a command, only makes the root
set -eu
cd "$(dirname "$0")/.."
tree=$PWD
root=${SEALWIRE_SWIFT_ROOT:-$tree/build/swift/root}
mirror=${SEALWIRE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# OpenSSL is the key store of the tests.
packages=swiftlang,libc6-dev,libstdc++-14-dev,openssl

[ "$(id -u)" = 0 ] || {
    echo "a Debian root can be made and entered by root only" >&2
    exit 1
}

mkdir -p "$(dirname "$root")"
# Suites of several clones may share one root: one of them makes it.
exec 9>"$root.lock"
flock 9
if [ "$(cat "$root/.sealwire-packages" 2>/dev/null)" != "$packages" ]; then
    start=$(date +%s)
    rm -rf "$root"
    # Mirrors fail now and then: three tries.
    for attempt in 1 2 3; do
        if debootstrap --variant=minbase --include="$packages" trixie "$root" "$mirror" >"$root.log" 2>&1; then
            break
        elif [ "$attempt" = 3 ]; then
            tail -n 20 "$root.log" >&2
            exit 1
        fi
        rm -rf "$root"
    done
    # Debuggers, editors' helpers and static libraries are a third of it.
    (
        cd "$root"
        rm -rf var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* usr/share/doc usr/share/man
        cd usr/libexec/swift
        rm -rf bin/lldb* bin/clangd bin/sourcekit-lsp bin/docc lib/liblldb* lib/libsourcekitdInProc.so lib/swift_static
    )
    echo "$packages" >"$root/.sealwire-packages"
    echo "Debian trixie with Swift: $(($(date +%s) - start)) s, $(du -sm "$root" | cut -f1) MB"
fi
flock -u 9
exec 9>&-
[ $# -gt 0 ] || exit 0

mkdir -p "$root$tree"
unshare --mount true 2>/dev/null || {
    echo "this container may not mount anything (CAP_SYS_ADMIN), so no program runs in a root of its own" >&2
    exit 1
}
export SEALWIRE_IN_ROOT="$root" SEALWIRE_TREE="$tree"
# HOME: SwiftPM keeps its caches there, and the machine's home is not in the root.
exec unshare --mount --propagation private sh -c '
    set -eu
    mount --bind "$SEALWIRE_TREE" "$SEALWIRE_IN_ROOT$SEALWIRE_TREE"
    mount -t proc proc "$SEALWIRE_IN_ROOT/proc"
    mount --rbind /dev "$SEALWIRE_IN_ROOT/dev"
    exec env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 chroot "$SEALWIRE_IN_ROOT" \
        sh -c "cd \"\$SEALWIRE_TREE\" && exec \"\$@\"" sh "$@"
' sh "$@"
