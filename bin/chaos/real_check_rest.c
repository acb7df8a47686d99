/* real_check_rest.c - what must hold in time and at rest: L1, L3, L8, L9, and what the scenario expects. */
#include "bin/chaos/real_run.h"

#include <stdlib.h>
#include <string.h>

/* Beside K(n): intervals are up to 20 % longer by their jitter; a digest is asked for every 200 ms and a process that the
 * heal has started needs up to a second until it dials; the rest is for a machine that does other things as well. */
enum { JITTER_PERCENT = 20, SLACK_MS = 3000, BYTES_PER_INTERVAL = 1024 * 1024 };

/* --- L1 ---------------------------------------------------------------------------------------------------------- */

static unsigned log2_ceil(size_t count) {
    unsigned bits = 0;
    while (((size_t)1 << bits) < count)
        bits++;
    return bits;
}

/* K(n), or what the scenario says, and an interval for each MiB of bodies that may be missing (G1). Who must join first
 * needs an admission and two walks, and under the name of a dead member also that this is known to be dead (DESIGN 7.1:
 * 4*log2(n+1) intervals): three times as long. */
unsigned real_intervals_allowed(const struct real_run *run) {
    const struct scenario *scenario = &run->scenario;
    uint64_t body_bytes = 0;
    if (scenario->expect.intervals >= 0)
        return (unsigned)scenario->expect.intervals;
    for (size_t i = 0; i < scenario->action_count; i++) {
        if (scenario->actions[i].body != NULL)
            body_bytes += strlen(scenario->actions[i].body);
    }
    unsigned allowed = 2 * log2_ceil(scenario->node_count) + 8;
    return (run->newcomers ? 3 * allowed : allowed) + (unsigned)(body_bytes / BYTES_PER_INTERVAL);
}

void real_check_converged(struct real_run *run) {
    const struct scenario *scenario = &run->scenario;
    if (scenario->expect.stale_roots_allowed)
        return;
    unsigned allowed = real_intervals_allowed(run);
    uint64_t limit_ms =
        run->healed_ms + allowed * scenario->interval_ms * (100 + JITTER_PERCENT) / 100 + SLACK_MS;
    double interval_ms = (double)scenario->interval_ms;
    if (run->equal_ms == 0)
        real_tally(&run->tallies[REAL_L1], false,
                   "%.1f intervals after the last heal the roots were not equal; %u are allowed",
                   (double)(real_now(run) - run->healed_ms) / interval_ms, allowed);
    else
        real_tally(&run->tallies[REAL_L1], run->equal_ms <= limit_ms,
                   "the roots were equal %.1f intervals after the last heal; %u are allowed",
                   (double)(run->equal_ms - run->healed_ms) / interval_ms, allowed);
}

/* --- L3 ---------------------------------------------------------------------------------------------------------- */

struct waiting {
    double batches, pushes, exchanges;
};

static bool waiting_of(struct real_run *run, size_t node, struct waiting *waiting) {
    char *text = real_ask(run, node, "/metrics");
    if (text != NULL)
        *waiting = (struct waiting){
            .batches = real_metric(text, "attune_store_batches_in_flight", NULL),
            .pushes = real_metric(text, "attune_member_push_queue", NULL),
            .exchanges = real_metric(text, "attune_exchanges_started_total", NULL) -
                         real_metric(text, "attune_exchanges_total", NULL),
        };
    free(text);
    return text != NULL;
}

/* Exchanges go on at rest, each for a moment. One over a connection that a fault has left half open takes until its silence
 * is noticed (30 s, gossip/bounds.h); what has leaked is never back. */
void real_check_queues(struct real_run *run) {
    enum { LOOKS_MS_MAX = 35000, LOOK_MS = 150 };
    uint64_t begin_ms = real_now(run);
    struct real_tally *tally = &run->tallies[REAL_L3];
    if (run->equal_ms == 0 || run->scenario.core.count > 0)
        return;
    for (size_t i = 0; i < run->book.node_count; i++) {
        struct waiting waiting = {.batches = 1};
        while (real_is_required(run, i) && real_now(run) < begin_ms + LOOKS_MS_MAX) {
            if (!waiting_of(run, i, &waiting) ||
                waiting.batches + waiting.pushes + waiting.exchanges == 0 ||
                !real_pass(run, real_now(run) + LOOK_MS))
                break;
        }
        if (real_is_required(run, i))
            real_tally(
                tally, waiting.batches + waiting.pushes + waiting.exchanges == 0,
                "n%zu has %.0f batches in flight, %.0f keys to push and %.0f exchanges under "
                "way at rest",
                i + 1, waiting.batches, waiting.pushes, waiting.exchanges);
    }
    run->emptied_ms = real_now(run) - begin_ms;
}

/* --- L8 ---------------------------------------------------------------------------------------------------------- */

static int compare_latencies(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void real_check_latency(struct real_run *run) {
    struct real_tally *tally = &run->tallies[REAL_L8];
    if (run->latency_count == 0)
        return;
    qsort(run->latencies_us, run->latency_count, sizeof *run->latencies_us, compare_latencies);
    uint32_t p99_us = run->latencies_us[run->latency_count * 99 / 100];
    real_tally(tally, p99_us <= REAL_LATENCY_MS_MAX * 1000,
               "of %zu answers to GET /v1/digest one in a hundred took longer than %.0f ms",
               run->latency_count, (double)p99_us / 1000);
    tally->evaluations = run->latency_count;
}

/* --- L9 ---------------------------------------------------------------------------------------------------------- */

static struct real_rest rest_of(struct real_run *run, size_t node) {
    char *text = real_ask(run, node, "/metrics");
    struct real_rest rest = {.known = text != NULL};
    const char *bytes = "attune_exchange_bytes_total";
    if (text != NULL) {
        rest.repaired = real_metric(text, "attune_entries_repaired_total", NULL);
        rest.transferred = real_metric(text, "attune_entries_transferred_total", NULL);
        rest.entry_bytes = real_metric(text, bytes, "phase=\"entries\"") +
                           real_metric(text, bytes, "phase=\"push\"");
        rest.all_bytes = real_metric(text, bytes, "direction=\"sent\"");
    }
    free(text);
    return rest;
}

void real_rest_begin(struct real_run *run) {
    run->rest_ms = real_now(run);
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (real_is_required(run, i))
            run->rests[i] = rest_of(run, i);
    }
}

bool real_rest_held(struct real_run *run) {
    for (size_t i = 0; i < run->book.node_count; i++) {
        const struct real_rest *before = &run->rests[i];
        if (!real_is_required(run, i) || !before->known)
            continue;
        struct real_rest now = rest_of(run, i);
        if (now.known &&
            (now.repaired != before->repaired || now.transferred != before->transferred ||
             now.entry_bytes != before->entry_bytes))
            return false;
    }
    return true;
}

/* With a core the rest stays broken, and what is broken may go on trying. */
void real_check_quiet(struct real_run *run) {
    struct real_tally *tally = &run->tallies[REAL_L9];
    double bytes = 0;
    size_t nodes = 0;
    if (run->scenario.core.count > 0 || run->scenario.expect.stale_roots_allowed)
        return;
    for (size_t i = 0; i < run->book.node_count; i++) {
        const struct real_rest *before = &run->rests[i];
        if (!real_is_required(run, i) || !before->known)
            continue;
        struct real_rest after = rest_of(run, i);
        if (!after.known)
            continue;
        real_tally(tally, after.repaired == before->repaired, "n%zu repaired %.0f entries at rest",
                   i + 1, after.repaired - before->repaired);
        real_tally(tally, after.transferred == before->transferred,
                   "n%zu moved %.0f entries at rest", i + 1,
                   after.transferred - before->transferred);
        real_tally(tally, after.entry_bytes == before->entry_bytes,
                   "n%zu moved %.0f bytes of entries at rest", i + 1,
                   after.entry_bytes - before->entry_bytes);
        bytes += after.all_bytes - before->all_bytes;
        nodes++;
    }
    if (nodes > 0 && run->scenario.quiet_intervals > 0)
        run->interval_bytes = bytes / (double)nodes / (double)run->scenario.quiet_intervals;
}

/* --- expect ------------------------------------------------------------------------------------------------------ */

static double seen_count(const struct real_run *run) {
    double sum = 0;
    for (size_t i = 0; i < REAL_WATCHED_MAX; i++)
        sum += run->watches[i].counters[REAL_COUNT_SEEN] +
               run->watches[i].counters_before[REAL_COUNT_SEEN];
    return sum;
}

static void expect_of_node(struct real_run *run, size_t node) {
    struct real_tally *tally = &run->tallies[REAL_EXPECT];
    const struct scenario_expectations *expect = &run->scenario.expect;
    char *digest = real_ask(run, node, "/v1/digest");
    char *metrics = real_ask(run, node, "/metrics");
    const char *entries = digest == NULL ? NULL : strstr(digest, "\"entries\":");
    if (entries != NULL && metrics != NULL) {
        run->entries = strtoll(entries + 10, NULL, 10);
        run->conflicts = (int64_t)real_metric(metrics, "attune_conflicts", NULL);
        if (expect->entries >= 0)
            real_tally(tally, run->entries == expect->entries,
                       "n%zu has %lld entries at the end, not %lld", node + 1,
                       (long long)run->entries, (long long)expect->entries);
        if (expect->conflicts >= 0)
            real_tally(tally, run->conflicts == expect->conflicts,
                       "n%zu has %lld conflicts at the end, not %lld", node + 1,
                       (long long)run->conflicts, (long long)expect->conflicts);
    }
    free(digest);
    free(metrics);
}

void real_check_expectations(struct real_run *run) {
    const char *seen = run->scenario.expect.seen;
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (real_is_required(run, i) && real_watch_is_up(run, i))
            expect_of_node(run, i);
    }
    if (seen[0] != '\0')
        real_tally(&run->tallies[REAL_EXPECT], seen_count(run) > 0,
                   "no metric of any node has counted '%s'", seen);
}
