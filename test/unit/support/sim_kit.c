/* sim_kit.c - see sim_kit.h. */
#include "test/unit/support/sim_kit.h"

#include "test/sim/checker.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void sim_kit_run(const char *text, const struct sim_options *options, struct sim_result *result) {
    struct scenario scenario;
    struct sim_options with = {.scenario = NULL};
    scenario_kit_parse(text, &scenario);
    scenario_expand(&scenario);
    if (options != NULL) {
        with = *options;
    }
    with.scenario = &scenario;
    sim_run(&with, result);
    scenario_close(&scenario);
}

const char *sim_kit_trace(const char *text, struct sim_result *result) {
    static char *trace;
    size_t size_bytes = 0;
    free(trace);
    FILE *file = open_memstream(&trace, &size_bytes);
    ck_assert_ptr_nonnull(file);
    sim_kit_run(text, &(struct sim_options){.trace = file}, result);
    ck_assert_int_eq(fclose(file), 0);
    return trace;
}

void sim_kit_open(struct sim_kit *kit, size_t nodes) {
    struct sim *sim = &kit->sim;
    *kit = (struct sim_kit){.result = {.failed_node = SIZE_MAX}};
    scenario_init(&kit->scenario);
    kit->scenario.node_count = nodes;
    kit->scenario.load_ms = 10000;
    kit->options.scenario = &kit->scenario;
    *sim = (struct sim){
        .scenario = &kit->scenario,
        .options = &kit->options,
        .result = &kit->result,
        .choice = &sim->own_choice,
        .now_ms = 1000,
        .interval_at_ms = 2000,
        .loading = true,
        .node_count = nodes,
        .node_capacity = nodes,
    };
    choice_seed(&sim->own_choice, 1);
    sim->nodes = sim_allocate(nodes, sizeof *sim->nodes);
    for (size_t i = 0; i < nodes; i++) {
        sim_node_init(sim, &sim->nodes[i], i);
        sim->nodes[i].joined = true;
    }
    sim_checkers_open(sim);
}

void sim_kit_close(struct sim_kit *kit) {
    struct sim *sim = &kit->sim;
    for (size_t i = 0; i < sim->node_capacity; i++) {
        sim_node_close(&sim->nodes[i]);
    }
    while (sim->heap_count > 0) {
        free(sim->heap[--sim->heap_count].frame);
    }
    sim_checkers_close(sim);
    sim_god_close(sim);
    sim_operation_close(sim);
    sim_link_close(sim);
    sim_causal_close(&sim->causal);
    sim_entries_close(sim);
    free(sim->heap);
    free(sim->connections);
    free(sim->connections_free);
    free(sim->nodes);
    scenario_close(&kit->scenario);
}

struct catalog_entry *sim_kit_entry(const char *entity, catalog_clock clock) {
    const struct made_line line = {1, clock, CATALOG_ACTIVE, 'a'};
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, entity, "c");
    return entry_maker_lines(&key, &line, 1);
}

void sim_kit_put(struct sim_disk *disk, struct catalog_entry *entry) {
    struct sim_batch batch = {.entries = &entry, .entry_count = 1};
    sim_disk_take(disk, &batch);
}

struct scenario_action sim_kit_link(enum scenario_action_type type, size_t from, size_t to) {
    uint16_t indexes[] = {(uint16_t)from, (uint16_t)to};
    return (struct scenario_action){.type = type,
                                    .nodes = scenario_nodes_of(1, &indexes[0]),
                                    .to = scenario_nodes_of(1, &indexes[1])};
}

void sim_kit_start(struct sim_kit *kit, size_t index) {
    struct sim_node *node = &kit->sim.nodes[index];
    sim_node_start(&kit->sim, node);
    while (node->batches != NULL) {
        sim_node_stored(&kit->sim, node);
    }
}

void sim_kit_verdict(struct sim_kit *kit, const char *id, const char *what) {
    if (id == NULL) {
        ck_assert_msg(!kit->sim.failed, "%s", kit->result.reason);
        return;
    }
    ck_assert_msg(kit->sim.failed, "%s is silent: %s", id, what);
    ck_assert_str_eq(kit->result.invariant, id);
    ck_assert_msg(strstr(kit->result.reason, what) != NULL, "%s", kit->result.reason);
    kit->sim.failed = false;
    kit->result.invariant[0] = '\0';
}
