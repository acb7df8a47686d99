#!/bin/bash
# install.sh - puts the programs, the libraries, the public headers and attune.pc in place, or takes them away.
#
#   OUT=build PREFIX=/usr/local LIBDIR=/usr/local/lib DESTDIR= VERSION=0.1.0 scripts/install.sh install|uninstall HEADER...
#
# A header keeps its folder (gossip/service.h becomes PREFIX/include/attune/gossip/service.h), as headers include each
# other by it: `pkg-config --cflags attune` names the folder above, and a host writes #include <gossip/service.h>.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=(attuned attunectl attune-chaos attune-bench)
action=${1:?install or uninstall}
shift
headers=("$@")
root=${DESTDIR:-}
bin=$root$PREFIX/bin
lib=$root$LIBDIR
include=$root$PREFIX/include/attune

case $PREFIX$LIBDIR in
    /*) ;;
    *) echo "install: PREFIX and LIBDIR must begin with /" >&2 && exit 2 ;;
esac

install_all() {
    local program header
    install -d "$bin" "$lib/pkgconfig" "$include"
    for program in "${programs[@]}"; do
        [ ! -e "$OUT/$program" ] || install -m 755 "$OUT/$program" "$bin/"
    done
    for header in "${headers[@]}"; do
        install -D -m 644 "$header" "$include/$header"
    done
    install -m 644 "$OUT/libattune.a" "$lib/"
    install -m 755 "$OUT/libattune.so.0" "$lib/"
    ln -sf libattune.so.0 "$lib/libattune.so"
    # Relative to the prefix where it can be, so that the whole can be moved: pkg-config --define-prefix.
    sed -e "s|@PREFIX@|$PREFIX|; s|@VERSION@|$VERSION|" -e "s|@LIBDIR@|${LIBDIR/#"$PREFIX/"/'${prefix}/'}|" \
        attune.pc.in >"$lib/pkgconfig/attune.pc"
    chmod 644 "$lib/pkgconfig/attune.pc"
}

uninstall_all() {
    rm -f "${programs[@]/#/$bin/}" "${headers[@]/#/$include/}"
    rm -f "$lib/libattune.a" "$lib/libattune.so" "$lib/libattune.so.0" "$lib/pkgconfig/attune.pc"
    # Folders that hold nothing else any more.
    find "$include" -depth -type d -empty -delete 2>/dev/null || true
}

case $action in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) echo "install: $action?" >&2 && exit 2 ;;
esac
