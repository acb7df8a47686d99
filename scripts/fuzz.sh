#!/bin/bash
# fuzz.sh - runs libFuzzer on each target for a while (make fuzz).
#
#   OUT=build/clang-fuzz TIME=60 scripts/fuzz.sh TARGET...
#
# What is new goes to $OUT/corpus/<target>, not into the repository: test/fuzz/corpus holds few and small inputs, chosen by
# hand. An input that crashes is kept as $OUT/crash/<target>-*; replay it with $OUT/fuzz/<target> FILE.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
for target in "$@"; do
    mkdir -p "$OUT/corpus/$target" "$OUT/crash"
    echo "fuzz: $target for $TIME s"
    # A hostile input may not cost much more memory or time than its size: that is a fault as well.
    "$OUT/fuzz/$target" -max_total_time="$TIME" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$OUT/crash/$target-" "$OUT/corpus/$target" "test/fuzz/corpus/$target" \
        >"$OUT/corpus/$target.log" 2>&1 || failed+=("$target")
    grep -E '^stat::(number_of_executed_units|peak_rss_mb)|^SUMMARY|cov: .*DONE|Test unit written' "$OUT/corpus/$target.log"
done
if [ "${#failed[@]}" -ne 0 ]; then
    echo "fuzz: failed: ${failed[*]} (logs in $OUT/corpus)"
    exit 1
fi
echo "fuzz: $# targets, nothing found"
