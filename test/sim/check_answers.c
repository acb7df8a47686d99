/* check_answers.c - L8: whoever asks a node is answered, whatever happens to its disk, its links and its peers.
 *
 * In the simulator an answer is a function call, so what is checked is that it comes and is right. At each interval one
 * node is asked for its status and to check a record, also while it joins, heals, or has no store. The number that the
 * check answers is that of the schema in force on its disk.
 */
#include "test/sim/checker.h"

#include <stdio.h>
#include <string.h>

/* What catalog_check must say of the schema: its number, 0 if there is none; -1: this checker does not know. */
static int64_t number_expected(const struct sim_node *node, struct catalog_text entity) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = entity, .name = {.data = ""}};
    const struct catalog_entry *entry = sim_disk_find(&node->disk, &key);
    if (node->disk_broken || node->catching_up) {
        return -1; /* the disk is ahead of what may be read */
    }
    if (entry == NULL || entry->state == CATALOG_DROPPED) {
        return 0;
    }
    return entry->state == CATALOG_ACTIVE ? (int64_t)entry->number : -1;
}

static void check_ask(struct sim *sim, struct sim_node *node, unsigned entity_number) {
    static const char record[] = "{\"a\":\"x\",\"b\":1}";
    char name[16];
    int length = snprintf(name, sizeof name, "e%u", entity_number);
    struct catalog_text entity = {.data = name, .size_bytes = (size_t)length};
    struct catalog_check *check = NULL;
    int result =
        catalog_check(gossip_catalog(node->engine), entity, record, strlen(record), &check, NULL);
    sim_checker_looked(sim, &sim_check_l8);
    if (result != 0) {
        sim_violated(sim, &sim_check_l8, node, "cannot check a record: %s",
                     gossip_error_name(result));
        return;
    }
    int64_t expected = number_expected(node, entity);
    if (expected >= 0 && check->number != (uint64_t)expected) {
        sim_violated(sim, &sim_check_l8, node,
                     "checks a record by number %llu of a schema, its disk has %lld",
                     (unsigned long long)check->number, (long long)expected);
    } else if (expected == 0 && !check->valid) {
        sim_violated(sim, &sim_check_l8, node, "refuses a record of an entity without a schema");
    }
    catalog_check_free(check);
}

static void status_ask(struct sim *sim, struct sim_node *node) {
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, sim_wall_ms(sim, node));
    sim_checker_looked(sim, &sim_check_l8);
    if (status.ready && (catalog_id_is_none(&status.cluster_id) || status.removed)) {
        sim_violated(sim, &sim_check_l8, node, "says that it is ready, and is in no cluster");
    } else if (node->disk_broken && status.store_error == 0 && node->batches == NULL) {
        sim_violated(sim, &sim_check_l8, node, "says that its store works, and it has failed");
    }
}

static void l8_interval(struct sim *sim) {
    uint64_t number = sim->now_ms / sim->scenario->interval_ms;
    struct sim_node *node = &sim->nodes[number % sim->node_count];
    /* An allocation that is to fail must fail in the engine, as it would have without this look. */
    if (sim_node_runs(sim, node) && node->memory.fail_count == 0) {
        status_ask(sim, node);
        check_ask(sim, node, (unsigned)(number / sim->node_count % 4));
    }
}

const struct sim_checker sim_check_l8 = {
    .id = "L8",
    .statement = "status and checks of records are answered, and rightly, while faults last",
    .liveness = true,
    .interval = l8_interval,
};
