/* operation_wait.c - clients that wait for agreement, by itself or after a write, and those that ask how fresh a node is.
 *
 * A write with `wait` is two operations, as the daemon makes them: the write, and, once that is acknowledged, an agreement on
 * what it stored: on the entry, or on the whole catalog if it stored several. The second comes as an event of its own, at the
 * same instant: an engine is not asked anything while its update is being performed.
 */
#include "test/sim/operation.h"

#include <stdlib.h>
#include <string.h>

void sim__agree(struct sim *sim, struct sim_node *node, const struct catalog_key *key,
                uint64_t wait_ms, bool skip_dead) {
    struct gossip_operation operation = {.type = GOSSIP_AGREEMENT,
                                         .token = sim__token_make(sim, SIM_OPERATION_AGREE),
                                         .skip_dead = skip_dead,
                                         .timeout_ms = wait_ms};
    if (key != NULL) {
        operation.key = *key;
    }
    sim__submit(sim, node, &operation);
}

/* --- after a write ---------------------------------------------------------------------------------------------------- */

static struct sim_wait *wait_find(struct sim *sim, uint64_t token) {
    for (size_t i = 0; i < sim->wait_count; i++) {
        if (sim->waits[i].token == token) {
            return &sim->waits[i];
        }
    }
    return NULL;
}

void sim__wait_note(struct sim *sim, const struct sim_node *node,
                    const struct scenario_action *action, uint64_t token) {
    struct sim_wait *place = wait_find(sim, 0);
    if (place == NULL) {
        sim->waits = sim_grow(sim->waits, sim->wait_count, &sim->wait_capacity, sizeof *sim->waits);
        place = &sim->waits[sim->wait_count++];
    }
    *place = (struct sim_wait){.token = token,
                               .node = node->index,
                               .wait_ms = action->wait_ms,
                               .skip_dead = action->skip_dead};
}

void sim__wait_forget(struct sim *sim, uint64_t token) {
    struct sim_wait *wait = wait_find(sim, token);
    if (wait != NULL) {
        catalog_entry_release(wait->entry);
        *wait = (struct sim_wait){.token = 0};
    }
}

void sim__wait_begin(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply) {
    struct sim_wait *wait = wait_find(sim, reply->token);
    if (wait == NULL) {
        return;
    }
    bool one = reply->plan->entry_count <= 1 && reply->plan->outcome_count == 1;
    wait->entry = one ? sim_entry_keep(sim, reply->plan->outcomes[0].entry) : NULL;
    sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms,
                                            .type = SIM_EVENT_WAIT,
                                            .node = (size_t)(wait - sim->waits),
                                            .start = node->starts});
}

void sim_operation_wait(struct sim *sim, size_t place, unsigned start) {
    struct sim_wait wait = sim->waits[place];
    struct sim_node *node = &sim->nodes[wait.node];
    sim->stats.tried[SIM_OPERATION_AGREE]++;
    if (node->starts == start && sim_node_runs(sim, node)) {
        struct catalog_key key = {.kind = 0};
        if (wait.entry != NULL) {
            PROBE("sim.write_waits");
            key = catalog_entry_key(wait.entry);
        }
        sim__agree(sim, node, wait.entry == NULL ? NULL : &key, wait.wait_ms, wait.skip_dead);
    }
    sim__wait_forget(sim, wait.token);
}

void sim_operation_close(struct sim *sim) {
    for (size_t i = 0; i < sim->wait_count; i++) {
        catalog_entry_release(sim->waits[i].entry);
    }
    free(sim->waits);
}

/* --- freshness -------------------------------------------------------------------------------------------------------- */

/* What the daemon does with max_staleness: it answers by what is stored here, or `stale`. */
void sim__check(struct sim *sim, struct sim_node *node, const char *entity, uint64_t staleness_ms) {
    static const char record[] = "{\"a\":\"x\",\"b\":1}";
    struct catalog_check *check = NULL;
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, sim_wall_ms(sim, node));
    bool fresh = status.agreement_age_ms >= 0 && (uint64_t)status.agreement_age_ms <= staleness_ms;
    sim_trace(sim, node, "check: agreement age %lld ms: %s", (long long)status.agreement_age_ms,
              fresh ? "fresh" : "stale");
    if (!fresh) {
        PROBE("sim.check_stale");
        return;
    }
    if (catalog_check(gossip_catalog(node->engine), sim__text_of(entity), record, strlen(record),
                      &check, NULL) == 0) {
        PROBE("sim.check_fresh");
        sim->stats.succeeded[SIM_OPERATION_CHECK]++;
        catalog_check_free(check);
    }
    SIM_CHECK(sim, fresh, sim, node, (uint64_t)status.agreement_age_ms);
}

void sim_operation_check(struct sim *sim) {
    for (size_t i = 0; i < sim->scenario->node_count && !sim->core_only; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (sim_required(sim, node) && sim_node_runs(sim, node)) {
            sim->stats.tried[SIM_OPERATION_CHECK]++;
            sim__check(sim, node, "e0", 5 * sim->scenario->interval_ms);
        }
    }
}
