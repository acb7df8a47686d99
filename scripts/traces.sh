#!/bin/bash
# traces.sh - the same seed is the same run, whatever compiled it (make traces).
#
#   BUILD=build SEEDS=1-200 scripts/traces.sh
#
# Builds attune-chaos with gcc -O0, gcc -O2 and clang -O2, runs each seed with each, and compares the hashes of their traces.
# A line for each seed that differs, and one in the end; exit code 1 if any does. JOBS says how many run at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

# make was told its goal and variables for itself, not for the builds below.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC MODE CFLAGS LDFLAGS CPPFLAGS
build=${BUILD:-build}
seeds=${SEEDS:-1-200}
jobs=${JOBS:-$(nproc)}
from=${seeds%-*}
to=${seeds#*-}

make --no-print-directory -j"$jobs" BUILD="$build/traces" CC=gcc MODE=plain CFLAGS=-O0 simulator >/dev/null
make --no-print-directory -j"$jobs" BUILD="$build" CC=gcc MODE=plain simulator >/dev/null
make --no-print-directory -j"$jobs" BUILD="$build" CC=clang MODE=plain simulator >/dev/null
names=("gcc -O0" "gcc -O2" "clang -O2")
programs=("$build/traces/gcc-plain/attune-chaos" "$build/gcc-plain/attune-chaos" "$build/clang-plain/attune-chaos")

# "SEED HASH" of each seed. A run that fails has a hash as well.
hashes() {
    seq "$from" "$to" | xargs -P "$jobs" -I{} bash -c '
        hash=$("$1" sim --seed "$2" | grep -oE "trace [0-9a-f]{16}" | tail -n 1)
        echo "$2 ${hash:-none}"' hashes "$1" {} | sort -n
}

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for i in 0 1 2; do
    hashes "${programs[i]}" >"$folder/$i"
done
different=0
for i in 1 2; do
    join -j 1 "$folder/0" "$folder/$i" | awk -v a="${names[0]}" -v b="${names[i]}" \
        '$3 != $5 || $3 == "" {print "seed " $1 ": " a " " $3 ", " b " " $5}' >"$folder/different.$i"
    cat "$folder/different.$i"
    different=$((different + $(wc -l <"$folder/different.$i")))
done
none=$(cat "$folder"/[012] | grep -c ' none$' || true)
echo "traces: seeds $seeds, ${names[0]}, ${names[1]}, ${names[2]}: $different differences, $none runs without a hash"
[ "$different" -eq 0 ] && [ "$none" -eq 0 ]
