/* simulate_sweep.c - attune-chaos sim for many seeds: each in a worker (sweep.h), and what they have shown together.
 *
 * Exit code: that of the worst seed; but `unknown` only if more than one seed in ten ended so, or if a probe was hit less
 * often than --probes-least demands: a sweep is more than its weakest run.
 */
#include "bin/chaos/simulate.h"
#include "bin/chaos/sweep.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

/* What a worker sends back of a run, by its place in struct sweep_result. */
enum figure {
    FIGURE_ACKNOWLEDGED = 0,
    FIGURE_EXCUSED,
    FIGURE_CRASHES,
    FIGURE_CRASHES_IN_COMMIT,
    FIGURE_TRANSFERRED,
    FIGURE_CONFLICTS,
    FIGURE_SETTLE,
    FIGURE_SETTLE_BOUND,
    FIGURE_QUIET_BYTES,
    FIGURE_QUIET_NODE_INTERVALS,
    FIGURE_STORE_CRASHES,
    FIGURE_FRAMES,
    FIGURE_FRAMES_LOST,
    FIGURE_CORE,
    FIGURE_REAL_STORE,
    FIGURE_TWICE,
    FIGURE_OPERATIONS,                                      /* SIM_OPERATION_COUNT successes */
    FIGURE_FIRED = FIGURE_OPERATIONS + SIM_OPERATION_COUNT, /* by class */
    FIGURE_COUNT = FIGURE_FIRED + SCENARIO_CLASS_COUNT,
};
static_assert((int)FIGURE_COUNT <=
                  (int)(sizeof((struct sweep_result *)0)->figures / sizeof(uint64_t)),
              "the figures fit");

enum { HISTOGRAM_MAX = 128, FAILURES_PRINTED_MAX = 20 };

struct context {
    const struct sim_arguments *arguments;
    uint64_t figures[FIGURE_COUNT];
    uint64_t settle[HISTOGRAM_MAX]; /* runs by intervals until all were equal */
    uint64_t failures_printed;
    uint64_t unknown_printed;
    struct sweep_result first; /* the failure with the smallest seed; held: none */
    double node_ms, rest_node_ms, cpu_seconds, rest_cpu_seconds, check_seconds, run_seconds;
};

/* --- in a worker ---------------------------------------------------------------------------------------------------- */

static void figures_take(const struct scenario *scenario, const struct sim_result *result,
                         uint64_t *figures) {
    const struct sim_stats *stats = &result->stats;
    figures[FIGURE_ACKNOWLEDGED] = stats->acknowledged;
    figures[FIGURE_EXCUSED] = stats->excused;
    figures[FIGURE_CRASHES] = stats->crashes;
    figures[FIGURE_CRASHES_IN_COMMIT] = stats->crashes_in_commit;
    figures[FIGURE_TRANSFERRED] = stats->entries_transferred;
    figures[FIGURE_CONFLICTS] = stats->conflicts;
    figures[FIGURE_SETTLE] = stats->settle_intervals;
    figures[FIGURE_SETTLE_BOUND] = sim_settle_bound(scenario->node_count);
    figures[FIGURE_QUIET_BYTES] = stats->quiet_bytes;
    figures[FIGURE_QUIET_NODE_INTERVALS] = stats->quiet_intervals * stats->nodes;
    figures[FIGURE_STORE_CRASHES] = stats->store_crashes;
    figures[FIGURE_FRAMES] = stats->frames;
    figures[FIGURE_FRAMES_LOST] = stats->frames_lost;
    figures[FIGURE_CORE] = scenario->core.count > 0;
    figures[FIGURE_REAL_STORE] = scenario->real_store;
    memcpy(&figures[FIGURE_OPERATIONS], stats->succeeded, sizeof stats->succeeded);
    memcpy(&figures[FIGURE_FIRED], stats->fired, sizeof stats->fired);
}

static void seed_run(uint64_t seed, struct sweep_result *result, void *opaque) {
    const struct context *context = opaque;
    struct scenario scenario;
    struct sim_result run;
    if (!simulate_scenario(context->arguments, seed, &scenario)) {
        result->verdict = CHAOS_USAGE;
        return;
    }
    clock_t before = clock();
    bool twice = context->arguments->twice || seed % SIMULATE_TWICE_EVERY == 0;
    if (twice) {
        simulate_run_twice(context->arguments, &scenario, &run);
    } else {
        simulate_run(context->arguments, &scenario, NULL, &run);
    }
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC / (twice ? 2 : 1);
    double share = run.run_ns == 0 ? 0 : seconds / (double)run.run_ns;
    result->verdict = run.verdict;
    memcpy(result->invariant, run.invariant, sizeof result->invariant);
    memcpy(result->reason, run.reason, sizeof result->reason);
    result->trace_hash = run.trace_hash;
    result->node_ms = run.stats.load_node_ms;
    result->rest_node_ms = run.stats.rest_node_ms;
    result->cpu_seconds = (double)run.load_ns * share;
    result->rest_cpu_seconds = (double)run.rest_ns * share;
    result->check_seconds = (double)run.check_ns * share;
    figures_take(&scenario, &run, result->figures);
    result->figures[FIGURE_TWICE] = twice;
    scenario_close(&scenario);
}

/* --- in the parent -------------------------------------------------------------------------------------------------- */

static void failure_print(struct context *context, const struct sweep_result *result) {
    bool unknown = result->verdict == CHAOS_UNKNOWN;
    uint64_t *printed = unknown ? &context->unknown_printed : &context->failures_printed;
    if ((*printed)++ >= FAILURES_PRINTED_MAX || (unknown && context->arguments->quiet)) {
        return;
    }
    printf("seed %" PRIu64 " %s: %s\n", result->seed, chaos_verdict_name(result->verdict),
           result->reason);
    if (!unknown) {
        char again[SIMULATE_AGAIN_SIZE_MAX];
        simulate_again(context->arguments, result->seed, again, sizeof again);
        printf("  trace %016" PRIx64 "; again: %s; smaller: --shrink\n", result->trace_hash, again);
    }
    (void)fflush(stdout);
}

static bool is_failure(enum chaos_verdict verdict) {
    return verdict != CHAOS_HELD && verdict != CHAOS_UNKNOWN;
}

static void seed_done(const struct sweep_result *result, void *opaque) {
    struct context *context = opaque;
    if (result->verdict != CHAOS_HELD) {
        failure_print(context, result);
    }
    if (is_failure(result->verdict) &&
        (!is_failure(context->first.verdict) || result->seed < context->first.seed)) {
        context->first = *result;
    }
    for (unsigned i = 0; i < FIGURE_COUNT; i++) {
        context->figures[i] += result->figures[i];
    }
    uint64_t settle = result->figures[FIGURE_SETTLE];
    if (settle > 0) {
        context->settle[settle < HISTOGRAM_MAX ? settle : HISTOGRAM_MAX - 1]++;
    }
    context->node_ms += (double)result->node_ms;
    context->rest_node_ms += (double)result->rest_node_ms;
    context->cpu_seconds += result->cpu_seconds;
    context->rest_cpu_seconds += result->rest_cpu_seconds;
    context->check_seconds += result->check_seconds;
}

static unsigned settle_percentile(const struct context *context, unsigned percent) {
    uint64_t count = 0;
    uint64_t passed = 0;
    for (unsigned i = 0; i < HISTOGRAM_MAX; i++) {
        count += context->settle[i];
    }
    for (unsigned i = 0; i < HISTOGRAM_MAX; i++) {
        passed += context->settle[i];
        if (passed * 100 >= count * percent) {
            return i;
        }
    }
    return HISTOGRAM_MAX;
}

static double ratio(double a, double b) {
    return b <= 0 ? 0 : a / b;
}

static void classes_print(const struct context *context) {
    printf("faults fired:");
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        printf(" %s %" PRIu64, scenario_class_name((enum scenario_class)i),
               context->figures[FIGURE_FIRED + i]);
    }
    printf("\noperations that succeeded:");
    for (unsigned i = 0; i < SIM_OPERATION_COUNT; i++) {
        printf(" %s %" PRIu64, sim_operation_name((enum sim_operation)i),
               context->figures[FIGURE_OPERATIONS + i]);
    }
    printf("\n");
}

static void summary_print(const struct context *context, const struct sweep_totals *totals) {
    const uint64_t *figures = context->figures;
    printf("%" PRIu64 " of %" PRIu64 " seeds: %" PRIu64 " held, %" PRIu64 " violated, %" PRIu64
           " diverged, %" PRIu64 " crashed, %" PRIu64 " unknown; %" PRIu64 " run twice, %" PRIu64
           " with a core, %" PRIu64 " on SQLite (%" PRIu64 " crash images)\n",
           totals->done, totals->count, totals->verdicts[CHAOS_HELD],
           totals->verdicts[CHAOS_VIOLATED], totals->verdicts[CHAOS_DIVERGED],
           totals->verdicts[CHAOS_CRASHED], totals->verdicts[CHAOS_UNKNOWN], figures[FIGURE_TWICE],
           figures[FIGURE_CORE], figures[FIGURE_REAL_STORE], figures[FIGURE_STORE_CRASHES]);
    printf("%" PRIu64 " writes acknowledged (%" PRIu64 " excused), %" PRIu64 " crashes (%" PRIu64
           " in a commit), %" PRIu64 " frames (%" PRIu64 " lost), %" PRIu64
           " entries moved, %" PRIu64 " conflicts at the end\n",
           figures[FIGURE_ACKNOWLEDGED], figures[FIGURE_EXCUSED], figures[FIGURE_CRASHES],
           figures[FIGURE_CRASHES_IN_COMMIT], figures[FIGURE_FRAMES], figures[FIGURE_FRAMES_LOST],
           figures[FIGURE_TRANSFERRED], figures[FIGURE_CONFLICTS]);
    classes_print(context);
    printf(
        "equal after intervals: p50 %u, p99 %u, most %u; at rest %.0f bytes a node and interval\n",
        settle_percentile(context, 50), settle_percentile(context, 99),
        settle_percentile(context, 100),
        ratio((double)figures[FIGURE_QUIET_BYTES], (double)figures[FIGURE_QUIET_NODE_INTERVALS]));
    printf("%.1f node-hours; node-seconds a core-second: %.0f under faults, %.0f at rest; checks "
           "took %.0f %% of the time\n",
           (context->node_ms + context->rest_node_ms) / 3600000.0,
           ratio(context->node_ms / 1000, context->cpu_seconds),
           ratio(context->rest_node_ms / 1000, context->rest_cpu_seconds),
           100 * ratio(context->check_seconds, context->cpu_seconds + context->rest_cpu_seconds));
}

/* For programs. Seeds are handed out in order, so that all below the first failure have been run, however many processes
 * there are. */
static void first_print(const struct context *context, const struct sweep_totals *totals) {
    const struct sweep_result *first = &context->first;
    if (!is_failure(first->verdict)) {
        printf("first: none in %" PRIu64 " seeds, %" PRIu64 " unknown\n", totals->done,
               totals->verdicts[CHAOS_UNKNOWN]);
        return;
    }
    printf("first: seed %" PRIu64 " %s %s in %" PRIu64 " seeds\n", first->seed,
           chaos_verdict_name(first->verdict), first->invariant[0] == '\0' ? "-" : first->invariant,
           first->seed - context->arguments->from + 1);
}

int simulate_sweep(const struct sim_arguments *arguments) {
    struct context context = {.arguments = arguments};
    struct sweep_totals totals;
    if (!simulate_prepare(arguments)) {
        return CHAOS_USAGE;
    }
    struct sweep_options options = {
        .from = arguments->from,
        .count = arguments->count,
        .jobs = arguments->jobs,
        .seconds_max = arguments->seconds_max,
        .quiet = arguments->quiet,
        .stop_at_first = arguments->stop_at_first,
        .run = seed_run,
        .done = seed_done,
        .context = &context,
    };
    enum chaos_verdict verdict = sweep_run(&options, &totals);
    bool few_unknown = totals.verdicts[CHAOS_UNKNOWN] * 10 <= totals.done;
    if (verdict == CHAOS_UNKNOWN && few_unknown && totals.done == totals.count) {
        verdict = CHAOS_HELD;
    }
    if (arguments->stop_at_first) {
        first_print(&context, &totals);
        return (int)verdict;
    }
    summary_print(&context, &totals);
    size_t missing =
        probes_print_missing(stdout, arguments->probes_least > 0 ? arguments->probes_least : 1);
    printf("probes: %zu, of them %zu missing\n", probes_count(), missing);
    if (verdict == CHAOS_HELD && arguments->probes_least > 0 && missing > 0) {
        verdict = CHAOS_UNKNOWN;
    }
    return (int)verdict;
}
