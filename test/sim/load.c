/* load.c - the clients: random writes over a small world of keys, so that they collide.
 *
 * What is acknowledged must be on that node's disk in the same instant (G2), and is remembered: at the end every node must
 * have it, or what superseded it.
 */
#include "test/sim/sim.h"

#include <stdio.h>
#include <string.h>

static const char *const schemas[] = {
    "{\"fields\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\",\"required\":true}}}",
    "{\"fields\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"},\"c\":{\"type\":"
    "\"number\",\"default\":1.5}}}",
    "{\"fields\":{\"a\":{\"type\":\"string\",\"required\":true},\"b\":{\"type\":\"integer\"}}}",
    "{\"fields\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"},\"d\":{\"type\":\"any\"}"
    "}}",
};
#define FOREIGN_KEY                                                                                \
    "{\"type\":\"foreign_key\",\"fields\":[\"b\"],"                                                \
    "\"references\":{\"entity\":\"e0\",\"fields\":[\"b\"]},\"on_delete\":\"restrict\"}"
static const char *const constraints[] = {
    "{\"type\":\"unique\",\"fields\":[\"a\"]}",
    "{\"type\":\"unique\",\"fields\":[\"a\",\"b\"]}",
    "{\"type\":\"not_null\",\"fields\":[\"b\"]}",
    FOREIGN_KEY,
};
static const char *const indexes[] = {"{\"fields\":[\"a\"]}", "{\"fields\":[\"b\",\"a\"]}"};

enum { BODIES_OF_SCHEMAS = 4, BODIES_OF_CONSTRAINTS = 4, BODIES_OF_INDEXES = 2, WRITES_MAX = 4 };

/* One write with the memory that it points to. */
struct made_write {
    char entity[8], name[8];
    struct merkle_buffer body;
};

static const char *body_of(struct sim *sim, uint16_t kind) {
    switch (kind) {
    case CATALOG_SCHEMA:
        return schemas[choice_below(&sim->choice, BODIES_OF_SCHEMAS, "schema")];
    case CATALOG_CONSTRAINT:
        return constraints[choice_below(&sim->choice, BODIES_OF_CONSTRAINTS, "constraint")];
    default:
        return indexes[choice_below(&sim->choice, BODIES_OF_INDEXES, "index")];
    }
}

static void write_make(struct sim *sim, struct made_write *made, struct catalog_write *write) {
    static const uint16_t kinds[] = {CATALOG_SCHEMA, CATALOG_SCHEMA, CATALOG_CONSTRAINT,
                                     CATALOG_INDEX};
    uint16_t kind = kinds[choice_below(&sim->choice, 4, "kind")];
    bool drop = choice_percent(&sim->choice, 20, "drop");
    (void)snprintf(made->entity, sizeof made->entity, "e%u",
                   (unsigned)choice_below(&sim->choice, SIM_ENTITIES, "entity"));
    (void)snprintf(made->name, sizeof made->name, "n%u",
                   (unsigned)choice_below(&sim->choice, 3, "name"));
    merkle_buffer_init(&made->body, &merkle_allocator_libc);
    *write = (struct catalog_write){
        .operation = drop ? CATALOG_DROP : CATALOG_SET,
        .key = {.kind = kind, .entity = {made->entity, strlen(made->entity)}},
        .cascade = drop,
    };
    if (kind != CATALOG_SCHEMA) {
        write->key.name = (struct catalog_text){made->name, strlen(made->name)};
    }
    if (!drop) {
        struct catalog_problem problem;
        const char *json = body_of(sim, kind);
        if (catalog_body_parse(kind, json, strlen(json), false, &made->body, &problem) != 0) {
            sim_fail(sim, "S15", "a body of the load does not parse: %s", problem.message);
        }
        write->body = made->body.data;
        write->body_size_bytes = made->body.size_bytes;
    }
}

void sim_load_write(struct sim *sim) {
    struct made_write made[WRITES_MAX];
    struct catalog_write writes[WRITES_MAX];
    struct sim_node *node = &sim->nodes[choice_below(&sim->choice, sim->node_count, "writer")];
    size_t count = choice_percent(&sim->choice, 10, "batch")
                       ? 1 + choice_below(&sim->choice, WRITES_MAX, "batch of")
                       : 1;
    count = count > WRITES_MAX ? WRITES_MAX : count;
    for (size_t i = 0; i < count; i++) {
        write_make(sim, &made[i], &writes[i]);
    }
    if (node->engine != NULL && node->frozen_until_ms <= sim->now_ms) {
        struct gossip_operation operation = {
            .type = GOSSIP_WRITE, .token = ++sim->order, .writes = writes, .write_count = count};
        sim_trace(sim, node->index, "write %s/%s and %zu more", made[0].entity, made[0].name,
                  count - 1);
        sim_node_step(sim, node,
                      &(struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    }
    for (size_t i = 0; i < count; i++) {
        merkle_buffer_close(&made[i].body);
    }
}

/* G2: it is on the disk of the node that acknowledged it, now. */
static void acknowledged(struct sim *sim, struct sim_node *node, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_entry *stored = sim_disk_find(&node->disk, &key);
    struct catalog_entry *merged = NULL;
    if (stored == NULL ||
        catalog_merge(&merkle_allocator_libc, stored, entry, 0, &merged, NULL) != 0 ||
        !merkle_digest_equal(&merged->digest, &stored->digest)) {
        sim_fail(sim, "G2", "%s acknowledged a write that is not on its disk", node->name);
    }
    catalog_entry_release(merged);
    sim->acknowledged = sim_grow(sim->acknowledged, sim->acknowledged_count,
                                 &sim->acknowledged_capacity, sizeof *sim->acknowledged);
    sim->acknowledged[sim->acknowledged_count++] =
        (struct sim_acknowledged){.entry = catalog_entry_hold(entry), .node = node->index};
}

void sim_load_reply(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply) {
    sim_trace(sim, node->index, "reply %s",
              reply->code == 0 ? "ok" : gossip_error_name(reply->code));
    if (reply->code != 0) {
        sim->stats.writes_refused++;
        return;
    }
    sim->stats.writes++;
    for (size_t i = 0; i < reply->plan->outcome_count; i++) {
        acknowledged(sim, node, reply->plan->outcomes[i].entry);
    }
}
