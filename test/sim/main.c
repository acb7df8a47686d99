/* main.c - attune-sim: runs seeds, and says which promise one breaks.
 *
 *   attune-sim --seed 7 --trace     one seed, with what happened
 *   attune-sim --seeds 1-500        a sweep; exit code 1 if a seed fails, 5 if the sweep proved nothing
 */
#include "test/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SWEEP_RUNS = 10 }; /* so many runs must have checked everything once */

struct sweep {
    uint64_t from, to;
    bool trace, twice;
    size_t nodes;
};

struct totals {
    uint64_t runs, failed, writes, crashes, partitions, disk_failures, node_ms, settle_sum,
        settle_max, conflicts;
    uint64_t quiet_node_seconds, quiet_bytes;
    uint64_t seen_rises, agreed_claims;
};

static void faults_print(const struct sim *sim) {
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if (sim->faults[i]) {
            printf(" %s", sim_fault_names[i]);
        }
    }
}

static void totals_add(struct totals *totals, const struct sim *sim) {
    const struct sim_stats *stats = &sim->stats;
    totals->runs++;
    totals->failed += sim->failed;
    totals->writes += stats->writes;
    totals->crashes += stats->crashes;
    totals->partitions += stats->partitions;
    totals->disk_failures += stats->disk_failures;
    totals->node_ms += stats->node_ms;
    totals->conflicts += stats->conflicts;
    totals->settle_sum += stats->settle_intervals;
    totals->settle_max =
        stats->settle_intervals > totals->settle_max ? stats->settle_intervals : totals->settle_max;
    totals->quiet_node_seconds += 20 * stats->nodes;
    totals->quiet_bytes += stats->quiet_bytes;
    totals->seen_rises += stats->seen_rises;
    totals->agreed_claims += stats->agreed_claims;
}

static bool seed_run(const struct sweep *sweep, uint64_t seed, struct totals *totals) {
    static struct sim sim;
    struct sim_options options = {
        .seed = seed, .nodes = sweep->nodes, .trace = sweep->trace ? stdout : NULL};
    bool held = sim_run(&sim, &options);
    uint64_t hash = sim.hash;
    totals_add(totals, &sim);
    if (!held || sweep->from == sweep->to) {
        printf("seed %" PRIu64 ": %zu nodes, %" PRIu64 " events, %" PRIu64 " writes (%" PRIu64
               " refused), equal after %" PRIu64 " intervals, trace %016" PRIx64 ", faults:",
               seed, sim.node_count, sim.stats.events, sim.stats.writes, sim.stats.writes_refused,
               sim.stats.settle_intervals, hash);
        faults_print(&sim);
        printf("\n");
    }
    if (!held) {
        printf("seed %" PRIu64 " FAILED: %s\n  again: make sim SEED=%" PRIu64 "\n", seed,
               sim.failure, seed);
    }
    sim_close(&sim);
    if (held && sweep->twice) {
        options.trace = NULL;
        held = sim_run(&sim, &options);
        if (sim.hash != hash) {
            printf("seed %" PRIu64 " FAILED: two runs differ: trace %016" PRIx64 " and %016" PRIx64
                   "\n",
                   seed, hash, sim.hash);
            totals->failed++;
            held = false;
        }
        sim_close(&sim);
    }
    return held;
}

static void usage(void) {
    fputs("usage: attune-sim [--seed N | --seeds A-B] [--nodes N] [--trace] [--twice]\n", stderr);
    exit(2);
}

static uint64_t number(const char *text, char stop) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || (*end != '\0' && *end != stop)) {
        usage();
    }
    return value;
}

static struct sweep arguments(int count, char **values) {
    struct sweep sweep = {.from = 1, .to = 100};
    for (int i = 1; i < count; i++) {
        bool more = i + 1 < count;
        if (strcmp(values[i], "--seed") == 0 && more) {
            sweep.from = sweep.to = number(values[++i], '\0');
        } else if (strcmp(values[i], "--seeds") == 0 && more) {
            const char *range = values[++i];
            const char *dash = strchr(range, '-');
            sweep.from = number(range, '-');
            sweep.to = dash == NULL ? sweep.from : number(dash + 1, '\0');
        } else if (strcmp(values[i], "--nodes") == 0 && more) {
            sweep.nodes = (size_t)number(values[++i], '\0');
        } else if (strcmp(values[i], "--trace") == 0) {
            sweep.trace = true;
        } else if (strcmp(values[i], "--twice") == 0) {
            sweep.twice = true;
        } else {
            usage();
        }
    }
    if (sweep.to < sweep.from || sweep.nodes > SIM_NODES_MAX || sweep.nodes == 1) {
        usage();
    }
    return sweep;
}

int main(int count, char **values) {
    struct sweep sweep = arguments(count, values);
    struct totals totals = {.runs = 0};
    clock_t before = clock();
    for (uint64_t seed = sweep.from; seed <= sweep.to; seed++) {
        (void)seed_run(&sweep, seed, &totals);
    }
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " writes acknowledged, %" PRIu64
           " crashes, %" PRIu64 " partitions, %" PRIu64 " disk failures, %" PRIu64
           " conflicts at the end\n",
           totals.runs, totals.failed, totals.writes, totals.crashes, totals.partitions,
           totals.disk_failures, totals.conflicts);
    printf("checked: `seen` rose %" PRIu64 " times, agreement was claimed %" PRIu64 " times\n",
           totals.seen_rises, totals.agreed_claims);
    printf("equal after %.1f intervals on average, %" PRIu64
           " at most; at rest %.0f bytes per node and interval\n",
           totals.runs == 0 ? 0.0 : (double)totals.settle_sum / (double)totals.runs,
           totals.settle_max,
           totals.quiet_node_seconds == 0
               ? 0.0
               : (double)totals.quiet_bytes / (double)totals.quiet_node_seconds);
    /* The only thing that differs from run to run goes elsewhere, so that traces can be compared. */
    fprintf(stderr, "%.0f node-seconds per core-second\n",
            seconds <= 0 ? 0.0 : (double)totals.node_ms / 1000.0 / seconds);
    if (totals.failed > 0) {
        return 1;
    }
    bool checked = totals.seen_rises > 0 && totals.agreed_claims > 0;
    bool proved = totals.writes > 0 && (checked || totals.runs < SWEEP_RUNS);
    return proved ? 0 : 5;
}
