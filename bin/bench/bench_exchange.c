/* bench_exchange.c - finding what differs between two catalogs, in the frames of two real engines.
 *
 * Two engines are wired in memory, n entries each, of which d are missing on one side; one exchange is run and its frames
 * are counted by phase. What bench_walk measures on bare trees is here the whole protocol: lengths, headers, member
 * fingerprints. Pulls and the entries themselves are not counted, as values are not for the systems compared with.
 */
#include "bin/bench/bench.h"
#include "gossip/gossip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 3, DIFFERENCES = 5, EVENTS_MAX = 4096, SAMPLES = 7 };

static const uint32_t sizes[SIZES] = {1000, 10000, 100000};
static const uint32_t differences[DIFFERENCES] = {0, 1, 10, 100, 1000};
static const double negentropy[SIZES][DIFFERENCES] = {
    {341, 934, 4827, 25837, 0},
    {338, 1119, 7483, 44585, 200938},
    {338, 1854, 14599, 114750, 815357},
};

/* One thing on its way to an engine. */
struct event {
    unsigned to;
    enum gossip_event_type type;
    uint32_t connection;
    uint64_t ticket;
    uint8_t *bytes;
    size_t size_bytes;
};

struct world {
    struct gossip *engines[2];
    struct event events[EVENTS_MAX];
    size_t first, count;
    uint64_t now_ms;
    bool replied;
};

static void push(struct world *world, const struct event *event) {
    if (world->count == EVENTS_MAX) {
        fputs("bench_exchange: too many events\n", stderr);
        exit(1);
    }
    world->events[(world->first + world->count++) % EVENTS_MAX] = *event;
}

static void perform(struct world *world, unsigned self, const struct gossip_update *update) {
    unsigned other = 1 - self;
    for (size_t i = 0; i < update->batch_count; i++) {
        push(world, &(struct event){
                        .to = self, .type = GOSSIP_STORED, .ticket = update->batches[i].ticket});
    }
    for (size_t i = 0; i < update->connection_count; i++) {
        const struct gossip_connection_update *action = &update->connections[i];
        if (action->action ==
            GOSSIP_DIAL) { /* the accepted end has the number without the dialled bit */
            uint32_t accepted = action->connection & ~GOSSIP_CONNECTION_DIALED;
            push(world,
                 &(struct event){.to = other, .type = GOSSIP_CONNECTED, .connection = accepted});
            push(world, &(struct event){.to = self,
                                        .type = GOSSIP_CONNECTED,
                                        .connection = action->connection});
        }
    }
    for (size_t i = 0; i < update->send_count; i++) {
        const struct gossip_send *send = &update->sends[i];
        uint8_t *bytes = malloc(send->size_bytes);
        if (bytes == NULL) {
            exit(1);
        }
        memcpy(bytes, send->frame + 4, send->size_bytes - 4);
        push(world, &(struct event){.to = other,
                                    .type = GOSSIP_MESSAGE,
                                    .connection = send->connection ^ GOSSIP_CONNECTION_DIALED,
                                    .bytes = bytes,
                                    .size_bytes = send->size_bytes - 4});
    }
    world->replied = world->replied || update->reply_count > 0;
}

static void step(struct world *world, unsigned to, struct gossip_event *event) {
    const struct gossip_update *update;
    event->now_ms = world->now_ms;
    event->wall_ms = UINT64_C(1700000000000) + world->now_ms;
    if (gossip_step(world->engines[to], event, &update) != 0) {
        fputs("bench_exchange: a step failed\n", stderr);
        exit(1);
    }
    perform(world, to, update);
}

static void drain(struct world *world) {
    while (world->count > 0) {
        struct event event = world->events[world->first];
        world->first = (world->first + 1) % EVENTS_MAX;
        world->count--;
        struct gossip_event given = {.type = event.type};
        if (event.type == GOSSIP_STORED) {
            given.stored.ticket = event.ticket;
        } else if (event.type == GOSSIP_CONNECTED) {
            given.connection = event.connection;
        } else {
            given.message.connection = event.connection;
            given.message.bytes = event.bytes;
            given.message.size_bytes = event.size_bytes;
        }
        step(world, event.to, &given);
        free(event.bytes);
    }
}

static void run_until(struct world *world, uint64_t end_ms) {
    while (world->now_ms < end_ms) {
        world->now_ms += 10;
        for (unsigned i = 0; i < 2; i++) {
            if (gossip_deadline(world->engines[i]) <= world->now_ms) {
                step(world, i, &(struct gossip_event){.type = GOSSIP_TICK});
                drain(world);
            }
        }
    }
}

/* Entries of random keys, made by planning an import into an empty catalog. */
static struct catalog_entry **entries_new(uint32_t count) {
    struct catalog *catalog;
    struct catalog_entry **entries = calloc(count, sizeof(struct catalog_entry *));
    struct catalog_write *writes = calloc(count, sizeof *writes);
    char(*names)[24] = calloc(count, sizeof *names);
    struct merkle_buffer body;
    struct catalog_problem problem;
    struct catalog_plan *plan;
    const char *json = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";
    merkle_buffer_init(&body, &merkle_allocator_libc);
    if (entries == NULL || writes == NULL || names == NULL ||
        catalog_new(&merkle_allocator_libc, &catalog) != 0 ||
        catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), false, &body, &problem) != 0) {
        exit(1);
    }
    for (uint32_t i = 0; i < count; i++) {
        int size = snprintf(names[i], sizeof names[i], "e%u", i);
        writes[i] = (struct catalog_write){
            .operation = CATALOG_SET,
            .key = {.kind = CATALOG_SCHEMA, .entity = {names[i], (size_t)size}},
            .body = body.data,
            .body_size_bytes = body.size_bytes};
    }
    const struct catalog_writer writer = {
        .origin = {{7}}, .node = {"bench", 5}, .wall_ms = UINT64_C(1700000000000)};
    if (catalog_plan_new(catalog, writes, count, &writer, &plan) != 0 ||
        plan->entry_count != count) {
        exit(1);
    }
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = catalog_entry_hold(plan->entries[i]);
    }
    catalog_plan_free(plan);
    catalog_free(catalog);
    merkle_buffer_close(&body);
    free(writes);
    free(names);
    return entries;
}

static void engine_new(struct world *world, unsigned index, struct catalog_entry **entries,
                       size_t count) {
    static const char *const seeds[1] = {"a:1"};
    const char *name = index == 0 ? "a" : "b";
    struct gossip_config config = {
        .allocator = &merkle_allocator_libc,
        .cluster_name = "bench",
        .node_name = name,
        .address = index == 0 ? "a:1" : "b:1",
        .seeds = seeds,
        .seed_count = index,
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .random_seed = index + 1,
        .origin = {{(uint8_t)(0x10 + index)}},
        .fresh_node_id = {{(uint8_t)(0x20 + index)}},
        .fresh_cluster_id = {{0x30}},
        .pushes_lost = true,
    };
    const struct catalog_load load = {.fresh = true, .entries = entries, .entry_count = count};
    if (gossip_new(&config, &load, &world->engines[index]) != 0) {
        exit(1);
    }
    step(world, index, &(struct gossip_event){.type = GOSSIP_START});
    drain(world);
}

static uint64_t finding_bytes(const struct world *world) {
    const struct gossip_counters *counters = gossip_counters(world->engines[1]);
    uint64_t bytes = 0;
    for (unsigned direction = 0; direction < 2; direction++) {
        bytes += counters->exchange_bytes[direction][GOSSIP_PHASE_DIGEST] +
                 counters->exchange_bytes[direction][GOSSIP_PHASE_WALK];
    }
    return bytes;
}

/* Removes d entries of b, as if it had missed them. */
static void miss(struct world *world, struct catalog_entry **entries, uint32_t count, uint32_t d,
                 uint64_t *random) {
    for (uint32_t i = 0; i < d;) {
        struct catalog_key key = catalog_entry_key(entries[bench_random(random) % count]);
        i += catalog_unload(gossip_catalog(world->engines[1]), &key) == 0;
    }
}

/* Bytes of one exchange, without the digests that verify it afterwards (one exchange at rest). */
static uint64_t sample(struct world *world, struct catalog_entry **entries, uint32_t n, uint32_t d,
                       uint64_t at_rest, uint64_t *random) {
    miss(world, entries, n, d, random);
    uint64_t before = finding_bytes(world);
    struct gossip_operation operation = {.type = GOSSIP_SYNC, .token = 1, .member = {"a", 1}};
    world->replied = false;
    step(world, 1, &(struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    drain(world);
    if (!world->replied) {
        fputs("bench_exchange: the exchange did not end\n", stderr);
        exit(1);
    }
    return finding_bytes(world) - before - (d == 0 ? 0 : at_rest);
}

int bench_exchange(void) {
    static struct world world;
    int over = 0;
    printf("%9s %6s %10s %12s %6s\n", "n", "d", "bytes", "negentropy", "ratio");
    for (unsigned i = 0; i < SIZES; i++) {
        uint64_t random = 42 + i;
        world = (struct world){.now_ms = 0};
        struct catalog_entry **entries = entries_new(sizes[i]);
        engine_new(&world, 0, entries, sizes[i]);
        engine_new(&world, 1, entries, sizes[i]);
        run_until(&world, 60000);
        uint64_t at_rest = sample(&world, entries, sizes[i], 0, 0, &random);
        for (unsigned j = 0; j < DIFFERENCES; j++) {
            uint64_t sum = 0;
            for (unsigned k = 0; k < SAMPLES; k++) {
                sum += sample(&world, entries, sizes[i], differences[j], at_rest, &random);
            }
            double mean = (double)sum / SAMPLES;
            double ratio = negentropy[i][j] > 0 ? mean / negentropy[i][j] : 0;
            over += differences[j] > 0 && ratio > 0.4;
            printf("%9u %6u %10.0f %12.0f %6.3f%s\n", sizes[i], differences[j], mean,
                   negentropy[i][j], ratio, differences[j] > 0 && ratio > 0.4 ? " over 0.4" : "");
        }
        for (uint32_t k = 0; k < sizes[i]; k++) {
            catalog_entry_release(entries[k]);
        }
        free(entries);
        gossip_free(world.engines[0]);
        gossip_free(world.engines[1]);
    }
    return over > 0;
}
