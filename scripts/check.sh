#!/bin/bash
# check.sh - every check of the project, stage by stage (make check).
#
#   BUILD=build scripts/check.sh
#   ATTUNE_CHECK_STAGES="unit process" scripts/check.sh     only these
#
# A stage that fails does not stop the others. What each says is kept in $BUILD/check/<stage>.log; of one that fails the
# end is shown. The last line is `N passed, N failed`: unit tests and process tests count one by one, other stages as one.
set -uo pipefail
cd "$(dirname "$0")/.."

# make was told its goal and variables for itself, not for the builds below.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC MODE CFLAGS LDFLAGS CPPFLAGS
build=${BUILD:-build}
mkdir -p "$build/check"
BUILD=$(cd "$build" && pwd) # tests run elsewhere
export BUILD
jobs=$(nproc)
process_test_seconds_max=300
log_lines_shown=20

all_stages=(format layering tidy style-tests gcc clang unit unit-asan sim explore plant fuzz process embed clang-tidy readme)
read -r -a stages <<<"${ATTUNE_CHECK_STAGES:-${all_stages[*]}}"

build() {
    make --no-print-directory -j"$jobs" BUILD="$build" "$@"
}

# The end of a log, and before it what looks like the cause, which may stand far above.
show() {
    if [ "$(wc -l <"$1")" -gt "$log_lines_shown" ]; then
        grep -E '(error|warning): |ERROR: |runtime error|FAILED|^[^ ]+:[0-9]+:[FE]:' "$1" | head -n "$log_lines_shown"
        echo '...'
    fi
    tail -n "$log_lines_shown" "$1"
}

# Says why a stage or a test did not run; that is neither passed nor failed.
skip() {
    echo "$1" >>"$build/check/skipped"
    echo "skipped: $1"
    skipped_stage=1
}

# --- the stages -------------------------------------------------------------------------------------------------------

stage_format() { build format-check; }
stage_layering() { build layering; }
stage_tidy() { build tidy; }
stage_style-tests() { scripts/test_style.py; }
# Every file that has a warning, not the first only.
stage_gcc() { build -k CC=gcc MODE=release test-programs; }
stage_clang() { build -k CC=clang MODE=release test-programs; }
stage_clang-tidy() { build clang-tidy; }
stage_embed() { build all && test/embed/check.sh; }
stage_readme() { build all && scripts/demo.sh && scripts/run_documented.py README.md docs/*.md; }

# $1: folder of the build. A suite is a process of its own, so that all processors are used. Hands on the sum of Check's
# summaries, as passed and failed.
unit_run() {
    local logs=$1/unit-logs result
    rm -rf "$logs" && mkdir -p "$logs"
    sed -n 's/^SUITE(\(.*\))$/\1/p' "$1/generated/suites.h" | xargs -P "$jobs" -I{} bash -c '
        "$1/unit" "$2" >"$3/$2.log" 2>&1
        result=$?
        echo "suite $2: $SECONDS s, exit code $result" >>"$3/$2.log"
        exit $((result != 0))' unit "$1" {} "$logs"
    result=$?
    cat "$logs"/*.log
    counts=$(cat "$logs"/*.log | sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)$/\1 \2 \3/p' |
        awk '{checks += $1; failures += $2; errors += $3} END {print checks - failures - errors, failures + errors}')
    echo "unit tests: ${counts% *} passed, ${counts#* } failed"
    return "$result"
}

stage_unit() { build CC=gcc MODE=release unit-program && unit_run "$build"; }

# A test stops at its first report; leaks count, for each test in its own process. What takes seconds takes minutes here.
stage_unit-asan() {
    build CC=clang MODE=asan unit-program &&
        CK_DEFAULT_TIMEOUT=300 ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
            unit_run "$build/clang-asan"
}

# Seeds hold their promises, and so do the named scenarios and the seeds that once failed; and the same seed gives the same
# run from either compiler. One seed of 20 is run twice by the sweep itself.
sim_seeds=400
sim_seeds_traced="1 12 17 42" # 12 runs on SQLite
stage_sim() {
    build CC=gcc MODE=release simulator && build CC=clang MODE=release simulator || return 1
    local result=0 seed file
    "$build/attune-chaos" sim --seeds "$sim_seeds" --quiet || result=1
    for file in test/scenarios/*.yaml test/regress/*.yaml; do
        [ -e "$file" ] || continue
        grep -q '^modes: \[run\]' "$file" && continue
        "$build/attune-chaos" sim "$file" >"$build/check/scenario.log" 2>&1 ||
            { echo "FAILED $file" && cat "$build/check/scenario.log" && result=1; }
    done
    for seed in $sim_seeds_traced; do
        "$build/attune-chaos" sim --seed "$seed" --trace | sed 's/, build [^,]*//' >"$build/check/trace.gcc"
        "$build/clang-release/attune-chaos" sim --seed "$seed" --trace | sed 's/, build [^,]*//' >"$build/check/trace.clang"
        if cmp "$build/check/trace.gcc" "$build/check/trace.clang"; then
            echo "seed $seed: $(wc -l <"$build/check/trace.gcc") lines of trace, the same from both compilers"
        else
            echo "FAILED seed $seed runs differently" && result=1
        fi
    done
    return "$result"
}

# Every state of small worlds holds the promise, and breaks it with each clause that is left out. The large ones take an hour:
# make explore.
stage_explore() {
    build CC=gcc MODE=release simulator && "$build/attune-chaos" explore --suite small
}

# The checks are checked: bugs that are planted on purpose must be caught. All of them take minutes: make plant.
stage_plant() {
    build CC=gcc MODE=release simulator && build CC=gcc MODE=plant simulator &&
        scripts/plant.py --quick --jobs "$jobs" --out "$build/gcc-plant" --release "$build/attune-chaos"
}

stage_fuzz() {
    local target result=0
    build CC=clang MODE=asan replays || return 1
    for target in test/fuzz/fuzz_*.c; do
        [ -e "$target" ] || { skip "fuzz: there are no fuzz targets"; return 0; }
        target=${target#test/fuzz/fuzz_}
        target=${target%.c}
        echo "$target:"
        "$build/clang-asan/fuzz/$target-replay" "test/fuzz/corpus/$target" || result=1
    done
    return "$result"
}

# A test that cannot run here says why in its last line and ends with 77. One that hangs is stopped with its children.
stage_process() {
    local test name result last passed=0 failed=0
    build all || return 1
    mkdir -p "$build/check/process"
    for test in test/process/test_*.sh test/process/test_*.py; do
        [ -x "$test" ] || continue
        name=$(basename "$test")
        local begin=$SECONDS
        timeout --kill-after=10 "$process_test_seconds_max" "$test" >"$build/check/process/$name.log" 2>&1 </dev/null
        result=$?
        last=$(tail -n 1 "$build/check/process/$name.log")
        case $result in
            0) passed=$((passed + 1)) && echo "ok      $name ($((SECONDS - begin)) s): $last" ;;
            77) skip "$name: $last" ;;
            *)
                failed=$((failed + 1))
                show "$build/check/process/$name.log" | sed "s/^/$name| /"
                echo "FAILED  $name: exit code $result after $((SECONDS - begin)) s; all of it in $build/check/process/$name.log"
                ;;
        esac
    done
    counts="$passed $failed"
    [ $((passed + failed)) -gt 0 ] || skip "process: no process test ran"
    [ "$failed" -eq 0 ]
}

# --- running them -----------------------------------------------------------------------------------------------------

passed_all=0
failed_all=0
rm -f "$build/check/skipped"
for stage in "${stages[@]}"; do
    log=$build/check/$stage.log
    if ! declare -F "stage_$stage" >/dev/null; then
        echo "check: there is no stage '$stage'; there are: ${all_stages[*]}" >&2
        exit 2
    fi
    counts=
    skipped_stage=
    begin=$SECONDS
    "stage_$stage" >"$log" 2>&1 </dev/null
    result=$?
    read -r passed failed <<<"${counts:-0 0}"
    if [ "$result" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
    elif [ -z "$counts" ] && [ -z "$skipped_stage" ]; then
        passed=1
    fi
    passed_all=$((passed_all + passed))
    failed_all=$((failed_all + failed))
    if [ "$result" -ne 0 ]; then
        show "$log" | sed 's/^/    /'
        printf 'FAILED   %-12s %4d s   %s\n' "$stage" $((SECONDS - begin)) "all of it in $log"
    else
        printf '%-8s %-12s %4d s   %s\n' "$([ "$passed" -eq 0 ] && echo skipped || echo ok)" "$stage" \
            $((SECONDS - begin)) "$(tail -n 1 "$log")"
    fi
done

echo "$SECONDS s"
[ ! -e "$build/check/skipped" ] || sed 's/^/skipped: /' "$build/check/skipped"
echo "$passed_all passed, $failed_all failed"
[ "$failed_all" -eq 0 ]
