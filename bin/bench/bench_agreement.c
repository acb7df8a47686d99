/* bench_agreement.c - what it costs to know that every member has a change, and to change in stages.
 *
 * Clusters of engines wired in memory, with the same 1,000 entries, between the timers' exchanges. Bytes are those of pushes
 * and of questions and confirmations, of all members together; the digests that the timers send meanwhile are not among them.
 * Time is what the engines wait for, a network and a disk of no delay below: 0 if no timer had to come due.
 */
#include "bin/bench/bench.h"
#include "bin/bench/bench_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZES = 3,
    ENTRIES = 1000,
    SAMPLES = 40,
    APART_MS = 3300, /* between joins, and between samples: of no fixed phase of the timers */
    AT_REST_MS = 60000,
    WAIT_MS = 30000,
};

static const size_t sizes[SIZES] = {3, 16, 50};

struct cost {
    uint64_t push_bytes, agreement_bytes, time_ms, time_most_ms; /* of all samples */
};

static struct catalog_write write_of(const struct merkle_buffer *body, const char *entity) {
    return (struct catalog_write){
        .operation = CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}},
        .body = body->data,
        .body_size_bytes = body->size_bytes};
}

/* A body that no entry has yet. */
static void body_make(struct merkle_buffer *body, unsigned number) {
    char json[96];
    struct catalog_problem problem;
    int size = snprintf(json, sizeof json, "{\"fields\":{\"f%u\":{\"type\":\"string\"}}}", number);
    merkle_buffer_init(body, &merkle_allocator_libc);
    if (catalog_body_parse(CATALOG_SCHEMA, json, (size_t)size, false, body, &problem) != 0) {
        fputs("attune-bench: out of memory\n", stderr);
        exit(1);
    }
}

static void operate(struct bench_world *world, struct gossip_operation *operation,
                    struct cost *sum) {
    const struct bench_traffic before = bench_world_traffic(world);
    const gossip_time_ms begin_ms = bench_world_now(world);
    bench_world_operate(world, 1, operation);
    const struct bench_traffic after = bench_world_traffic(world);
    const gossip_time_ms took_ms = bench_world_now(world) - begin_ms;
    sum->push_bytes += after.phase_bytes[GOSSIP_PHASE_PUSH] - before.phase_bytes[GOSSIP_PHASE_PUSH];
    sum->agreement_bytes +=
        after.phase_bytes[GOSSIP_PHASE_AGREEMENT] - before.phase_bytes[GOSSIP_PHASE_AGREEMENT];
    sum->time_ms += took_ms;
    sum->time_most_ms = took_ms > sum->time_most_ms ? took_ms : sum->time_most_ms;
}

static void rest(struct bench_world *world, gossip_time_ms time_ms) {
    bench_world_run_until(world, bench_world_now(world) + time_ms);
}

static void print(size_t members, const char *what, const struct cost *cost) {
    const double agreement_bytes = (double)cost->agreement_bytes / SAMPLES;
    printf("%7zu  %-26s %10.0f %10.0f %10.1f %10.1f %10.0f\n", members, what,
           (double)cost->push_bytes / SAMPLES, agreement_bytes,
           agreement_bytes / (double)(members - 1), (double)cost->time_ms / SAMPLES,
           (double)cost->time_most_ms);
}

static void measure(struct bench_world *world, size_t members) {
    struct cost written = {0}, again = {0}, whole = {0}, staged = {0};
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct merkle_buffer body;
        body_make(&body, 2 * i);
        const struct catalog_write write = write_of(&body, "e1");
        struct gossip_operation write_it = {
            .type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
        struct gossip_operation wait_for_it = {
            .type = GOSSIP_AGREEMENT, .key = write.key, .timeout_ms = WAIT_MS};
        struct gossip_operation wait_for_all = {.type = GOSSIP_AGREEMENT, .timeout_ms = WAIT_MS};
        operate(world, &write_it, &written);
        operate(world, &wait_for_it, &written);
        rest(world, APART_MS);
        operate(world, &wait_for_it, &again);
        operate(world, &wait_for_all, &whole);
        merkle_buffer_close(&body);

        body_make(&body, 2 * i + 1);
        const struct catalog_write change = write_of(&body, "e2");
        operate(world,
                &(struct gossip_operation){.type = GOSSIP_STAGED,
                                           .staged = GOSSIP_STAGED_SET,
                                           .writes = &change,
                                           .write_count = 1,
                                           .timeout_ms = WAIT_MS},
                &staged);
        merkle_buffer_close(&body);
        rest(world, APART_MS);
    }
    print(members, "write, and wait for it", &written);
    print(members, "wait once all have it", &again);
    print(members, "wait for the whole catalog", &whole);
    print(members, "staged change", &staged);
}

int bench_agreement(void) {
    struct catalog_entry **entries = bench_entries_new(ENTRIES);
    printf("%7s  %-26s %10s %10s %10s %10s %10s\n", "", "", "pushes", "agreement", "of it per", "",
           "longest");
    printf("%7s  %-26s %10s %10s %10s %10s %10s\n", "members", "", "bytes", "bytes", "other", "ms",
           "ms");
    for (size_t i = 0; i < SIZES; i++) {
        struct bench_world *world = bench_world_new(sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++) {
            bench_world_add(world, entries, ENTRIES, false);
            rest(world, APART_MS);
        }
        rest(world, AT_REST_MS);
        measure(world, sizes[i]);
        bench_world_free(world);
    }
    bench_entries_free(entries, ENTRIES);
    return 0;
}
