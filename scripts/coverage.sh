#!/bin/bash
# coverage.sh - prints which lines and branches the unit tests and the simulator reach (make coverage).
#
#   OUT=build/gcc-coverage scripts/coverage.sh
#
# Counts merkle/, catalog/ and gossip/; the programs are driven by the process tests, which run the shipped build. An
# HTML report goes to $OUT/coverage/index.html. Branches of assert() are not counted: no test can take them.
set -euo pipefail
cd "$(dirname "$0")/.."

find "$OUT/obj" -name '*.gcda' -delete
# A child of a test that dies of a signal writes no counts; all others do.
CK_DEFAULT_TIMEOUT=600 "$OUT/unit" >"$OUT/unit.log" 2>&1 || echo "coverage: some unit tests failed, see $OUT/unit.log" >&2
"$OUT/attune-chaos" sim --seeds 20 --quiet >"$OUT/sim.log" 2>&1 ||
    echo "coverage: a seed failed, see $OUT/sim.log" >&2
mkdir -p "$OUT/coverage"
gcovr --root . --object-directory "$OUT/obj" --filter 'merkle/' --filter 'catalog/' --filter 'gossip/' \
    --exclude-unreachable-branches --exclude-lines-by-pattern '\s*assert\(.*' --gcov-ignore-parse-errors \
    --html-details "$OUT/coverage/index.html" --txt "$OUT/coverage/lines.txt" --print-summary "$OUT/obj"
sed -n '/^File/,$p' "$OUT/coverage/lines.txt"
echo "coverage: $OUT/coverage/index.html"
