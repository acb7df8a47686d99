/* real_check_node.c - what is checked of each node by itself: its memory and descriptors (S10), its identity (S13), its
 * metrics (S14), its end (S15). */
#include "bin/chaos/real_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    /* Beside gossip connections a node has the same descriptors at rest, but for dials that are under way: one an interval
     * to a dead member, and three to seeds. */
    DESCRIPTORS_SLACK = 8,
    /* What a process keeps that has once been busy: SQLite's page cache (2 MiB), the heaps of its threads after frames of up
     * to 1 MiB each way, and fragments. Seen: 0.4 MB after six minutes of all faults, of 7.6 MB at the start. */
    MEMORY_SLACK_BYTES = 8 * 1024 * 1024,
    /* An entry is held as bytes, in the tree, in two indexes and on the pending layer while it is stored. */
    MEMORY_PER_EXPORTED_BYTE = 24,
    REST_BEFORE_COUNTING_MS = 500,
    EXIT_MS_MAX =
        20000, /* of SIGTERM: a second for each connection to drain, and the last commit */
    EXIT_STEP_MS = 20,
};

/* --- S10 --------------------------------------------------------------------------------------------------------- */

static double connections_of(struct real_run *run, size_t node) {
    char *text = real_ask(run, node, "/metrics");
    double count = text == NULL ? 0 : real_metric(text, "attune_connections", NULL);
    free(text);
    return count;
}

/* Our own connections must not be among what is counted. */
static void let_go(struct real_run *run) {
    real_client_rest(run->client);
    real_sleep_ms(REST_BEFORE_COUNTING_MS);
}

static void take_larger(struct real_usage *usage, const struct real_usage *other) {
    if (other->resident_bytes > usage->resident_bytes)
        usage->resident_bytes = other->resident_bytes;
    if (other->descriptors > usage->descriptors)
        usage->descriptors = other->descriptors;
}

void real_usage_baseline(struct real_run *run) {
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (real_watch_is_up(run, i))
            run->watches[i].baseline_connections = connections_of(run, i);
    }
    let_go(run);
    for (size_t i = 0; i < run->book.node_count; i++) {
        run->watches[i].baseline = real_node_usage(&run->nodes[i]);
        take_larger(&run->usage_start, &run->watches[i].baseline);
    }
}

/* Nodes that joined later have none of their own: then the largest of the others. */
static struct real_usage baseline_of(const struct real_run *run, size_t node, double *others) {
    struct real_usage baseline = run->watches[node].baseline;
    double connections = run->watches[node].baseline_connections;
    for (size_t i = 0; i < run->book.node_count && baseline.resident_bytes == 0; i++) {
        const struct real_watch *watch = &run->watches[i];
        if (watch->baseline.resident_bytes > baseline.resident_bytes) {
            baseline = watch->baseline;
            connections = watch->baseline_connections;
        }
    }
    *others = (double)baseline.descriptors - connections;
    return baseline;
}

static uint64_t export_size(struct real_run *run, size_t node) {
    char *text = real_ask(run, node, "/v1/export");
    uint64_t size_bytes = text == NULL ? 0 : strlen(text);
    free(text);
    return size_bytes;
}

static void check_usage(struct real_run *run, size_t node, double connections,
                        uint64_t exported_bytes) {
    struct real_tally *tally = &run->tallies[REAL_S10];
    struct real_usage usage = real_node_usage(&run->nodes[node]);
    double others = 0;
    struct real_usage baseline = baseline_of(run, node, &others);
    if (usage.resident_bytes == 0 || baseline.resident_bytes == 0)
        return;
    take_larger(&run->usage_end, &usage);
    uint64_t memory_max =
        baseline.resident_bytes + MEMORY_SLACK_BYTES + MEMORY_PER_EXPORTED_BYTE * exported_bytes;
    real_tally(tally, usage.resident_bytes <= memory_max,
               "n%zu has %" PRIu64 " bytes of memory at rest; at the start it had %" PRIu64
               ", and %" PRIu64 " are allowed",
               node + 1, usage.resident_bytes, baseline.resident_bytes, memory_max);
    real_tally(tally, (double)usage.descriptors - connections <= others + DESCRIPTORS_SLACK,
               "n%zu has %" PRIu64 " descriptors beside %.0f connections at rest; at the start it "
               "had %.0f",
               node + 1, usage.descriptors - (uint64_t)connections, connections, others);
    /* One connection a pair while it is used, and those that replace each other. */
    real_tally(tally, connections <= 2.0 * (double)run->all_count,
               "n%zu has %.0f connections among %zu nodes", node + 1, connections, run->all_count);
}

void real_check_usage(struct real_run *run) {
    double connections[REAL_NODES_MAX] = {0};
    uint64_t exported[REAL_NODES_MAX] = {0};
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (!real_watch_is_up(run, i))
            continue;
        exported[i] = export_size(run, i);
        connections[i] = connections_of(run, i);
    }
    let_go(run);
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (real_watch_is_up(run, i) && real_is_required(run, i))
            check_usage(run, i, connections[i], exported[i]);
    }
}

/* --- S13 --------------------------------------------------------------------------------------------------------- */

void real_check_identity(struct real_run *run) {
    bool shown = false;
    if (run->clone_count == 0)
        return;
    for (size_t i = 0; i < REAL_WATCHED_MAX; i++) {
        const struct real_watch *watch = &run->watches[i];
        shown = shown || watch->duplicate_id ||
                watch->counters[REAL_COUNT_DUPLICATE_ID] +
                        watch->counters_before[REAL_COUNT_DUPLICATE_ID] >
                    0;
    }
    real_tally(&run->tallies[REAL_S13], shown,
               "%zu nodes were cloned, and no node showed duplicate_id", run->clone_count);
}

/* --- S14 --------------------------------------------------------------------------------------------------------- */

static bool digest_of(struct real_run *run, size_t node, char text[200]) {
    char *answer = real_ask(run, node, "/v1/digest");
    bool known = answer != NULL && strlen(answer) < 200;
    if (known)
        strcpy(text, answer);
    free(answer);
    return known;
}

static void compare_metrics(struct real_run *run, size_t node, const char *digest,
                            const char *metrics) {
    struct real_tally *tally = &run->tallies[REAL_S14];
    const char *root = strstr(digest, "\"root\":\"");
    const char *entries = strstr(digest, "\"entries\":");
    if (root == NULL || entries == NULL || strlen(root + 8) < 32)
        return;
    char low[13] = {0};
    memcpy(low, root + 8 + 20, 12);
    double shown = real_metric(metrics, "attune_catalog_root", NULL);
    real_tally(tally, shown == (double)strtoull(low, NULL, 16),
               "n%zu shows attune_catalog_root %.0f with root %.32s", node + 1, shown, root + 8);
    double there = real_metric(metrics, "attune_catalog_entries", NULL) -
                   real_metric(metrics, "attune_catalog_entries", "state=\"dropped\"");
    double counted = strtod(entries + 10, NULL);
    real_tally(tally, there == counted,
               "n%zu shows %.0f entries in its metrics and %.0f in its digest", node + 1, there,
               counted);
}

/* Only if nothing changed in between. */
void real_check_metrics(struct real_run *run) {
    for (size_t i = 0; i < run->book.node_count; i++) {
        char before[200], after[200];
        if (!real_watch_is_up(run, i) || !digest_of(run, i, before))
            continue;
        char *metrics = real_ask(run, i, "/metrics");
        if (metrics != NULL && digest_of(run, i, after) && strcmp(before, after) == 0)
            compare_metrics(run, i, before, metrics);
        free(metrics);
    }
}

/* --- S15 --------------------------------------------------------------------------------------------------------- */

static bool any_is_up(const struct real_run *run) {
    for (size_t i = 0; i < run->all_count; i++) {
        if (run->nodes[i].state == REAL_UP)
            return true;
    }
    return false;
}

void real_check_exits(struct real_run *run) {
    bool told[REAL_WATCHED_MAX] = {false};
    struct real_tally *tally = &run->tallies[REAL_S15];
    uint64_t told_ms = real_clock_ms(), deadline_ms = told_ms + EXIT_MS_MAX;
    for (size_t i = 0; i < run->all_count; i++) {
        told[i] = run->nodes[i].state == REAL_UP && kill(run->nodes[i].pid, SIGTERM) == 0;
    }
    while (any_is_up(run) && real_clock_ms() < deadline_ms) {
        real_sleep_ms(EXIT_STEP_MS);
        real_ground_reap(run->ground);
    }
    run->end_took_ms = real_clock_ms() - told_ms;
    for (size_t i = 0; i < run->all_count; i++) {
        int status = run->nodes[i].exit_status;
        if (!told[i])
            continue;
        bool ended = run->nodes[i].state == REAL_DIED || run->nodes[i].state == REAL_DOWN;
        real_tally(tally, ended, "%s was still there %d ms after SIGTERM", run->nodes[i].name,
                   EXIT_MS_MAX);
        if (ended)
            real_tally(tally, WIFEXITED(status) && WEXITSTATUS(status) == 0,
                       "%s answered SIGTERM with wait status 0x%x", run->nodes[i].name, status);
    }
}
