#!/bin/bash
# deps.sh - installs the Debian packages that attune needs and that are missing here (make deps).
#
#   scripts/deps.sh          what building, the demo and the checks need
#   scripts/deps.sh build    only what building and the demo need
#
# Says what it installs, and asks nothing. When all is present it does not touch apt at all, so it can stand in front of
# every build. Works as root or through sudo, and waits when another apt holds the lock. Debian 12 is what it is tried on.
set -euo pipefail

build_packages=(
    gcc libc6-dev make pkg-config git
    libev-dev libxxhash-dev libmsgpack-dev libsqlite3-dev libssl-dev
    libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev libcyaml-dev libyaml-dev
)
check_packages=(
    clang clang-format clang-tidy libclang-rt-14-dev # second compiler, sanitizers, libFuzzer, style
    check gcovr                                      # unit tests, coverage
    python3 curl sqlite3 strace iproute2 procps      # process tests
    nftables libfaketime                             # real runs of the chaos program
    zlib1g-dev                                       # what a static SQLite asks for (the embedding check)
)
lock_wait_seconds=300

usage() {
    echo "usage: scripts/deps.sh [build]" >&2
    exit 2
}

# Prints those of the given packages that are not installed.
missing_of() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The lock of the package lists is not covered by apt's own option to wait, and mirrors have bad moments.
update_lists() {
    local attempt
    for attempt in 1 2 3 4 5; do
        as_root "${apt[@]}" update && return 0
        echo "deps: apt-get update failed (attempt $attempt of 5)" >&2
        sleep $((attempt * 3))
    done
    return 1
}

case "$#:${1:-}" in
    0:) wanted=("${build_packages[@]}" "${check_packages[@]}") ;;
    1:build) wanted=("${build_packages[@]}") ;;
    *) usage ;;
esac

command -v dpkg-query >/dev/null || {
    echo "deps: this is not a Debian system; needed are: ${wanted[*]}" >&2
    exit 1
}
mapfile -t missing < <(missing_of "${wanted[@]}")
if [ "${#missing[@]}" -eq 0 ]; then
    echo "deps: all ${#wanted[@]} packages are present"
    exit 0
fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "deps: missing: ${missing[*]}; run this as root, or install sudo" >&2
    exit 1
fi

echo "deps: installing ${missing[*]}"
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o "DPkg::Lock::Timeout=$lock_wait_seconds" -o Acquire::Retries=3)
update_lists
as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
mapfile -t missing < <(missing_of "${wanted[@]}")
if [ "${#missing[@]}" -ne 0 ]; then
    echo "deps: still missing after installation: ${missing[*]}" >&2
    exit 1
fi
echo "deps: all ${#wanted[@]} packages are present"
