/* check_fresh.c - FRESH: a node that says when it was last in touch with a majority has what that majority had then (DESIGN 7.7).
 *
 * The agreement age A of a node, at an instant t, claims: there are members, with the node itself a majority of those that it
 * knows, of each of which it has all that stood on their disks at t - A. All that is checked, of each running node at each
 * interval, and wherever a client asks with max_staleness, is this. What each disk took, and when, is remembered; of each pair
 * of nodes it is known how much of the one's record the other has, so that nothing is compared twice.
 *
 * So what is proved of a record that was checked with max_staleness D: whatever a majority had on disk D before the answer
 * (so each step of a staged change but the last, D after it was taken) was on the answering node's disk, as long as the two
 * majorities are of one table of members: two majorities of it share a member, and that one's whole disk of t - D was here.
 * Clocks: D is measured on the node's own monotonic clock, from when it *sent* the question; rates are taken to be equal.
 *
 * At rest all are fresh: their age is below the limit that is the default of max_staleness.
 */
#include "test/sim/check_agreement.h"

#include <stdlib.h>

enum { LIMIT_INTERVALS = 5 }; /* as nodes are configured (node.c), with one for the asking */

/* What one disk took, in that order. */
struct record {
    struct put {
        struct catalog_entry *entry; /* held */
        uint64_t time_ms;
    } * puts;
    size_t count, capacity;
};
struct fresh {
    struct record *records; /* of node_capacity */
    size_t *covered;        /* of [whose disk][whose record]: so much of it is there */
};

static struct fresh *fresh_of(struct sim *sim) {
    struct fresh *fresh = sim_checker_state(sim, &sim_check_fresh);
    if (fresh->records == NULL) {
        fresh->records = sim_allocate(sim->node_capacity, sizeof *fresh->records);
        fresh->covered =
            sim_allocate(sim->node_capacity * sim->node_capacity, sizeof *fresh->covered);
    }
    return fresh;
}

static bool is_of_interest(const struct sim *sim) {
    return sim->node_count <= SIM_SQUARE_CHECKS_MAX;
}

/* --- records ---------------------------------------------------------------------------------------------------------- */

static void record_add(struct sim *sim, const struct sim_node *node, struct catalog_entry *entry) {
    struct record *record = &fresh_of(sim)->records[node->index];
    record->puts = sim_grow(record->puts, record->count, &record->capacity, sizeof *record->puts);
    record->puts[record->count++] =
        (struct put){.entry = sim_entry_keep(sim, entry), .time_ms = sim->now_ms};
}

/* The disk is another one: nothing is known of what it has, nor of who has it. */
static void record_begin(struct sim *sim, const struct sim_node *node) {
    struct fresh *fresh = fresh_of(sim);
    struct record *record = &fresh->records[node->index];
    for (size_t i = 0; i < record->count; i++) {
        catalog_entry_release(record->puts[i].entry);
    }
    record->count = 0;
    for (size_t i = 0; i < sim->node_capacity; i++) {
        fresh->covered[node->index * sim->node_capacity + i] = 0;
        fresh->covered[i * sim->node_capacity + node->index] = 0;
    }
}

static void fresh_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                      struct catalog_entry *after) {
    (void)before;
    if (is_of_interest(sim)) {
        record_add(sim, node, after);
    }
}

static void fresh_reset(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    (void)batch;
    if (is_of_interest(sim)) {
        record_begin(sim, node);
    }
}

static void fresh_disk_replaced(struct sim *sim, struct sim_node *node) {
    if (!is_of_interest(sim)) {
        return;
    }
    record_begin(sim, node);
    for (size_t i = 0; i < node->disk.entry_count; i++) {
        record_add(sim, node, node->disk.entries[i]);
    }
}

/* --- the claim -------------------------------------------------------------------------------------------------------- */

/* Whether `node` has all that stood on the disk of `of` at that time. */
static bool has_all_of(struct sim *sim, const struct sim_node *node, const struct sim_node *of,
                       uint64_t time_ms) {
    struct fresh *fresh = fresh_of(sim);
    const struct record *record = &fresh->records[of->index];
    size_t *covered = &fresh->covered[node->index * sim->node_capacity + of->index];
    while (*covered < record->count && record->puts[*covered].time_ms <= time_ms) {
        if (!sim_disk_holds(sim, &node->disk, record->puts[*covered].entry)) {
            return false;
        }
        ++*covered;
    }
    return true;
}

static bool was_doubled(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = sim->scenario->node_count; i < sim->node_count; i++) {
        if (sim->nodes[i].clone_of == node->index) {
            return true;
        }
    }
    return false;
}

/* Of two disks under one id either will do, also one that is gone since. Of an id without a disk nothing is known any more. */
static bool member_has_been_met(struct sim *sim, const struct sim_node *node,
                                const struct gossip__member *member, uint64_t time_ms) {
    size_t disks = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (!other->disk.exists || !catalog_id_equal(&other->disk.state.node_id, &member->row.id)) {
            continue;
        }
        disks++;
        if (was_doubled(sim, other) || has_all_of(sim, node, other, time_ms)) {
            return true;
        }
    }
    return disks == 0;
}

static void claim_look(struct sim *sim, struct sim_node *node, uint64_t age_ms) {
    const struct gossip *engine = node->engine;
    uint64_t time_ms = sim->now_ms > age_ms ? sim->now_ms - age_ms : 0;
    size_t members = 1;
    size_t met = 1;
    /* After a reopen the disk is ahead of what the node knows of it, never behind. */
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED) {
            members++;
            met += member_has_been_met(sim, node, member, time_ms);
        }
    }
    sim_checker_looked(sim, &sim_check_fresh);
    if (2 * met <= members) {
        sim_violated(
            sim, &sim_check_fresh, node,
            "says that it was in touch with a majority %llu ms ago, and has all of then of "
            "%zu of %zu members only",
            (unsigned long long)age_ms, met, members);
    }
}

static void fresh_fresh(struct sim *sim, struct sim_node *node, uint64_t age_ms) {
    if (is_of_interest(sim)) {
        claim_look(sim, node, age_ms);
    }
}

static void fresh_interval(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count && is_of_interest(sim) && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (node->engine == NULL || node->memory.fail_count > 0) {
            continue;
        }
        int64_t age_ms =
            gossip_status(node->engine, sim->now_ms, sim_wall_ms(sim, node)).agreement_age_ms;
        if (age_ms >= 0) {
            claim_look(sim, node, (uint64_t)age_ms);
        }
    }
}

static void fresh_finished(struct sim *sim) {
    uint64_t limit_ms = (LIMIT_INTERVALS + 1) * sim->scenario->interval_ms;
    bool all = !sim->core_only && !sim->scenario->expect.stale_roots_allowed;
    for (size_t i = 0; i < sim->node_count && all && is_of_interest(sim) && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (!sim_required(sim, node) || !sim_node_runs(sim, node)) {
            continue;
        }
        int64_t age_ms =
            gossip_status(node->engine, sim->now_ms, sim_wall_ms(sim, node)).agreement_age_ms;
        sim_checker_looked(sim, &sim_check_fresh);
        if (age_ms < 0 || (uint64_t)age_ms > limit_ms) {
            sim_violated(sim, &sim_check_fresh, node,
                         "is not fresh at rest: it was in touch with a majority %lld ms ago",
                         (long long)age_ms);
        }
    }
}

static void fresh_close(struct sim *sim) {
    struct fresh *fresh = sim_checker_state(sim, &sim_check_fresh);
    for (size_t i = 0; fresh->records != NULL && i < sim->node_capacity; i++) {
        for (size_t j = 0; j < fresh->records[i].count; j++) {
            catalog_entry_release(fresh->records[i].puts[j].entry);
        }
        free(fresh->records[i].puts);
    }
    free(fresh->records);
    free(fresh->covered);
}

const struct sim_checker sim_check_fresh = {
    .id = "FRESH",
    .statement = "who was in touch with a majority so long ago has all that it had then",
    .state_size_bytes = sizeof(struct fresh),
    .put = fresh_put,
    .reset = fresh_reset,
    .disk_replaced = fresh_disk_replaced,
    .fresh = fresh_fresh,
    .interval = fresh_interval,
    .finished = fresh_finished,
    .close = fresh_close,
};
