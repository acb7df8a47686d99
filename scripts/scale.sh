#!/bin/bash
# scale.sh - how clusters of 3 to 1000 nodes behave under faults and at rest, simulated (make scale).
#
#   CHAOS=build/attune-chaos scripts/scale.sh
#   SCALE="3:100 1000:1" JOBS=1 scripts/scale.sh          so many nodes : so many seeds
#
# For each size: how many intervals after the last heal all roots were equal (of single runs: half, 99 % and all within so
# many), against K(n) = 2*log2(n) + 8; what a node sends an interval at rest; node-seconds simulated in a second of one
# processor, under faults and at rest. Who must join anew has 3*K(n). A run that fails is named, and the exit code is 1.
set -uo pipefail
cd "$(dirname "$0")/.."

chaos=${CHAOS:-build/attune-chaos}
scale=${SCALE:-3:100 10:60 30:30 100:10 300:4 1000:1}
jobs=${JOBS:-$(nproc)}
log=$(mktemp)
trap 'rm "$log"' EXIT
failed=0

echo "nodes  seeds  held  unknown   K(n)  p50  p99  max   bytes/node/interval   node-s/core-s: faults      rest    seconds"
for size in $scale; do
    nodes=${size%:*}
    begun=$SECONDS
    "$chaos" sim --nodes "$nodes" --seeds "${size#*:}" --jobs "$jobs" --seconds-max 7200 --quiet >"$log" 2>&1
    result=$?
    awk -v nodes="$nodes" -v seconds=$((SECONDS - begun)) '
        function after(word, i) { for (i = 1; i < NF; i++) if ($i == word) return $(i + 1) + 0; return "-" }
        function before(word, i) { for (i = 2; i <= NF; i++) if ($i == word) return $(i - 1) + 0; return "-" }
        / seeds: / { gsub(/[,;]/, ""); seeds = $1; held = before("held"); unknown = before("unknown") }
        /^equal after intervals/ { gsub(/[,;]/, ""); p50 = after("p50"); p99 = after("p99"); most = after("most"); bytes = before("bytes") }
        /node-seconds a core-second/ { gsub(/[,;]/, ""); load = before("under"); rest = before("at") }
        END {
            for (bits = 0; 2 ^ bits < nodes; bits++);
            printf "%5d %6d %5d %8d %6d %4d %4d %4d %21d %24d %9d %10d\n",
                nodes, seeds, held, unknown, 2 * bits + 8, p50, p99, most, bytes, load, rest, seconds
        }' "$log"
    if [ "$result" -ne 0 ] && [ "$result" -ne 5 ]; then
        grep -E '^seed [0-9]+ (violated|diverged|crashed)' "$log"
        failed=1
    fi
done
exit "$failed"
