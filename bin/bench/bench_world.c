/* bench_world.c - a driver without sockets, files and clocks; see bench_world.h. */
#include "bin/bench/bench_world.h"

#include "bin/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 16, OPERATION_MS_MAX = 60000 };

/* One thing on its way to an engine. */
struct event {
    size_t to;
    struct gossip_event event;
    uint8_t *bytes; /* of a message; freed once it has been given */
};

/* Numbers are drawn by who dials; the other end has the same without the bit GOSSIP_CONNECTION_DIALED. */
struct link {
    uint32_t number; /* without the bit */
    size_t dialer, acceptor;
};

struct bench_world {
    struct gossip **engines;
    gossip_time_ms *deadlines; /* of each, after its last step */
    size_t engine_count, engines_max;
    struct event *events; /* a ring */
    size_t event_first, event_count, events_size;
    struct link *links; /* those that were dialled, the latest last */
    size_t link_count, links_size;
    gossip_time_ms now_ms;
    uint64_t token; /* of the operation that is waited for */
    bool replied;
    int reply_code;
};

static void give_up(const char *why) {
    fprintf(stderr, "attune-bench: %s\n", why);
    exit(1);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static void events_grow(struct bench_world *world) {
    size_t size = world->events_size == 0 ? 1024 : 2 * world->events_size;
    struct event *events = bench_allocate(size, sizeof *events);
    for (size_t i = 0; i < world->event_count; i++) {
        events[i] = world->events[(world->event_first + i) % world->events_size];
    }
    free(world->events);
    world->events = events;
    world->events_size = size;
    world->event_first = 0;
}

static void push(struct bench_world *world, const struct event *event) {
    if (world->event_count == world->events_size) {
        events_grow(world);
    }
    world->events[(world->event_first + world->event_count++) % world->events_size] = *event;
}

static void push_connection(struct bench_world *world, size_t to, enum gossip_event_type type,
                            uint32_t connection) {
    push(world, &(struct event){.to = to, .event = {.type = type, .connection = connection}});
}

/* --- connections ------------------------------------------------------------------------------------------------- */

/* Who is at the other end of an engine's connection. */
static size_t other_end(const struct bench_world *world, size_t self, uint32_t connection) {
    bool dialled = (connection & GOSSIP_CONNECTION_DIALED) != 0;
    for (size_t i = world->link_count; i-- > 0;) {
        const struct link *link = &world->links[i];
        if (link->number == (connection & ~GOSSIP_CONNECTION_DIALED) &&
            self == (dialled ? link->dialer : link->acceptor)) {
            return dialled ? link->acceptor : link->dialer;
        }
    }
    give_up("a connection that nobody dialled");
    return 0;
}

static size_t index_of_address(const struct bench_world *world, const char *address) {
    unsigned index;
    if (sscanf(address, "n%u:1", &index) != 1 || index >= world->engine_count) {
        give_up("an address that nobody has");
    }
    return index;
}

static void dial(struct bench_world *world, size_t self,
                 const struct gossip_connection_update *update) {
    if (world->link_count == world->links_size) {
        world->links_size = world->links_size == 0 ? 64 : 2 * world->links_size;
        world->links = realloc(world->links, world->links_size * sizeof *world->links);
        if (world->links == NULL) {
            give_up("out of memory");
        }
    }
    struct link link = {
        .number = update->connection & ~GOSSIP_CONNECTION_DIALED,
        .dialer = self,
        .acceptor = index_of_address(world, update->address),
    };
    world->links[world->link_count++] = link;
    push_connection(world, link.acceptor, GOSSIP_CONNECTED, link.number);
    push_connection(world, self, GOSSIP_CONNECTED, update->connection);
}

/* --- steps ------------------------------------------------------------------------------------------------------- */

static void send_frame(struct bench_world *world, size_t self, const struct gossip_send *send) {
    size_t size_bytes = send->size_bytes - 4; /* without the length */
    uint8_t *bytes = bench_allocate(size_bytes, 1);
    memcpy(bytes, send->frame + 4, size_bytes);
    push(world, &(struct event){
                    .to = other_end(world, self, send->connection),
                    .event = {.type = GOSSIP_MESSAGE,
                              .message = {.connection = send->connection ^ GOSSIP_CONNECTION_DIALED,
                                          .bytes = bytes,
                                          .size_bytes = size_bytes}},
                    .bytes = bytes,
                });
}

static void perform(struct bench_world *world, size_t self, const struct gossip_update *update) {
    for (size_t i = 0; i < update->batch_count; i++) {
        push(world, &(struct event){.to = self,
                                    .event = {.type = GOSSIP_STORED,
                                              .stored = {.ticket = update->batches[i].ticket}}});
    }
    for (size_t i = 0; i < update->connection_count; i++) {
        if (update->connections[i].action == GOSSIP_DIAL) {
            dial(world, self, &update->connections[i]);
        }
    }
    for (size_t i = 0; i < update->send_count; i++) {
        send_frame(world, self, &update->sends[i]);
    }
    for (size_t i = 0; i < update->connection_count; i++) {
        uint32_t connection = update->connections[i].connection;
        if (update->connections[i].action == GOSSIP_CLOSE) {
            push_connection(world, other_end(world, self, connection), GOSSIP_DISCONNECTED,
                            connection ^ GOSSIP_CONNECTION_DIALED);
        }
    }
    for (size_t i = 0; i < update->reply_count; i++) {
        if (update->replies[i].token == world->token) {
            world->replied = true;
            world->reply_code = update->replies[i].code;
        }
    }
}

static void step(struct bench_world *world, size_t to, const struct gossip_event *event) {
    const struct gossip_update *update;
    struct gossip_event given = *event;
    given.now_ms = world->now_ms;
    given.wall_ms = UINT64_C(1700000000000) + world->now_ms;
    if (gossip_step(world->engines[to], &given, &update) != 0) {
        give_up("a step failed");
    }
    world->deadlines[to] = gossip_deadline(world->engines[to]);
    perform(world, to, update);
}

static void drain(struct bench_world *world) {
    while (world->event_count > 0) {
        struct event event = world->events[world->event_first];
        world->event_first = (world->event_first + 1) % world->events_size;
        world->event_count--;
        step(world, event.to, &event.event);
        free(event.bytes);
    }
}

/* To when the next timer is due, a millisecond on at least, at most to the end. */
static void advance(struct bench_world *world, gossip_time_ms end_ms) {
    gossip_time_ms next_ms = end_ms;
    for (size_t i = 0; i < world->engine_count; i++) {
        next_ms = world->deadlines[i] < next_ms ? world->deadlines[i] : next_ms;
    }
    world->now_ms = next_ms > world->now_ms ? next_ms : world->now_ms + 1;
    for (size_t i = 0; i < world->engine_count; i++) {
        if (world->deadlines[i] <= world->now_ms) {
            step(world, i, &(struct gossip_event){.type = GOSSIP_TICK});
            drain(world);
        }
    }
}

void bench_world_run_until(struct bench_world *world, gossip_time_ms end_ms) {
    while (world->now_ms < end_ms) {
        advance(world, end_ms);
    }
}

void bench_world_operate(struct bench_world *world, size_t index,
                         struct gossip_operation *operation) {
    const gossip_time_ms end_ms = world->now_ms + OPERATION_MS_MAX;
    operation->token = ++world->token;
    world->replied = false;
    step(world, index, &(struct gossip_event){.type = GOSSIP_OPERATION, .operation = operation});
    drain(world);
    while (!world->replied && world->now_ms < end_ms) {
        advance(world, end_ms);
    }
    if (!world->replied || world->reply_code != 0) {
        give_up(world->replied ? gossip_error_message(world->reply_code)
                               : "an operation was not answered");
    }
}

/* --- the world --------------------------------------------------------------------------------------------------- */

struct bench_world *bench_world_new(size_t engines_max) {
    struct bench_world *world = bench_allocate(1, sizeof *world);
    *world = (struct bench_world){
        .engines = bench_allocate(engines_max, sizeof *world->engines),
        .deadlines = bench_allocate(engines_max, sizeof *world->deadlines),
        .engines_max = engines_max,
    };
    return world;
}

void bench_world_free(struct bench_world *world) {
    for (size_t i = 0; i < world->engine_count; i++) {
        gossip_free(world->engines[i]);
    }
    free(world->engines);
    free(world->deadlines);
    free(world->events);
    free(world->links);
    free(world);
}

void bench_world_add(struct bench_world *world, struct catalog_entry **entries, size_t count,
                     bool pushes_lost) {
    static const char *const seeds[1] = {"n0:1"};
    size_t index = world->engine_count;
    char name[NAME_SIZE], address[NAME_SIZE + 2];
    if (index == world->engines_max) {
        give_up("more engines than there is room for");
    }
    snprintf(name, sizeof name, "n%zu", index);
    snprintf(address, sizeof address, "%s:1", name);
    const struct gossip_config config = {
        .allocator = &merkle_allocator_libc,
        .cluster_name = "bench",
        .node_name = name,
        .address = address,
        .seeds = seeds,
        .seed_count = index > 0,
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .random_seed = index + 1,
        .origin = {{0x10, (uint8_t)index}},
        .fresh_node_id = {{0x20, (uint8_t)index}},
        .fresh_cluster_id = {{0x30}},
        .pushes_lost = pushes_lost,
    };
    const struct catalog_load load = {.fresh = true, .entries = entries, .entry_count = count};
    if (gossip_new(&config, &load, &world->engines[index]) != 0) {
        give_up("out of memory");
    }
    world->engine_count++;
    step(world, index, &(struct gossip_event){.type = GOSSIP_START});
    drain(world);
}

struct gossip *bench_world_engine(struct bench_world *world, size_t index) {
    return world->engines[index];
}

gossip_time_ms bench_world_now(const struct bench_world *world) {
    return world->now_ms;
}

struct bench_traffic bench_world_traffic(const struct bench_world *world) {
    struct bench_traffic traffic = {.phase_bytes = {0}};
    for (size_t i = 0; i < world->engine_count; i++) {
        const struct gossip_counters *counters = gossip_counters(world->engines[i]);
        for (size_t phase = 0; phase < GOSSIP_PHASE_COUNT; phase++) {
            traffic.phase_bytes[phase] += counters->exchange_bytes[1][phase];
        }
    }
    return traffic;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

struct catalog_entry **bench_entries_new(size_t count) {
    struct catalog *catalog;
    struct catalog_entry **entries = bench_allocate(count, sizeof(struct catalog_entry *));
    struct catalog_write *writes = bench_allocate(count, sizeof *writes);
    char(*names)[24] = bench_allocate(count, sizeof *names);
    struct merkle_buffer body;
    struct catalog_problem problem;
    struct catalog_plan *plan;
    const char *json = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";
    merkle_buffer_init(&body, &merkle_allocator_libc);
    if (catalog_new(&merkle_allocator_libc, &catalog) != 0 ||
        catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), false, &body, &problem) != 0) {
        give_up("out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(names[i], sizeof names[i], "e%zu", i);
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
        give_up("the entries could not be planned");
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = catalog_entry_hold(plan->entries[i]);
    }
    catalog_plan_free(plan);
    catalog_free(catalog);
    merkle_buffer_close(&body);
    free(writes);
    free(names);
    return entries;
}

void bench_entries_free(struct catalog_entry **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(entries[i]);
    }
    free(entries);
}
