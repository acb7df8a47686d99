#!/bin/bash
# check.sh - installs attune into a scratch folder, and builds and runs host.c against what lies there and nothing else.
#
#   BUILD=build test/embed/check.sh
#
# Once with the shared library and once with the static one, as attune.pc says. Then: the shared library exports the public
# functions only, each header compiles alone, and uninstall leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/attune-embed.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
prefix=$root/usr/local
warnings=(-std=gnu17 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror)

fail() {
    echo "embed: $*" >&2
    exit 1
}

# attune.pc names /usr/local; here that lies below the scratch folder.
packages() {
    PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --define-variable=prefix="$prefix" "$@" attune
}

make --no-print-directory BUILD="$build" DESTDIR="$root" PREFIX=/usr/local install
cp test/embed/host.c "$work/" # away from the sources, whose headers it must not find
cd "$work"

gcc "${warnings[@]}" $(packages --cflags) host.c $(packages --libs) -lev -pthread -o host-shared
ldd host-shared >ldd.txt 2>&1 || true
grep -q 'libattune\.so\.0' ldd.txt || fail "host-shared does not use libattune.so.0"
LD_LIBRARY_PATH=$prefix/lib ./host-shared data-shared

gcc "${warnings[@]}" $(packages --cflags) host.c \
    $(packages --static --libs | sed 's/-lattune\b/-l:libattune.a/') -o host-static
if ldd host-static | grep libattune; then
    fail "host-static uses the shared library"
fi
./host-static data-static

nm -D --defined-only "$prefix/lib/libattune.so.0" | awk '{print $3}' >exported.txt
grep -qx gossip_service_check exported.txt || fail "gossip_service_check is not exported"
if grep -vE '^(merkle|catalog|gossip)_[a-z0-9]' exported.txt || grep -E '^(merkle|catalog|gossip)__' exported.txt; then
    fail "libattune.so exports what is not public (above)"
fi

for header in merkle/merkle.h catalog/catalog.h catalog/store.h gossip/gossip.h gossip/service.h; do
    echo "#include <$header>" >header.c
    gcc "${warnings[@]}" $(packages --cflags) -fsyntax-only header.c || fail "$header does not compile alone"
done

cd - >/dev/null
make --no-print-directory BUILD="$build" DESTDIR="$root" PREFIX=/usr/local uninstall
left=$(find "$root" ! -type d)
[ -z "$left" ] || fail "uninstall left: $left"
echo "embed: built against the installed files, shared and static; $(wc -l <"$work/exported.txt") symbols exported"
