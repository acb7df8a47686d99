/* check_ready.c - S14: who says that it is ready is, and what a node shows is what there is.
 *
 * Ready: the node founded its cluster, or was ready on the disk that it loaded (and the load verified it), or has joined:
 * then its disk holds all that two members (the only one, where there is one) held when they stored its row. The last is
 * seen by god: what stands on a member's disk when the row of a newcomer lands there is remembered for that newcomer. It is
 * what a walk that began after the admission brings (DESIGN 7.4), told without looking at the walk.
 *
 * Shown: after each SHOWN_EVERYth step of a node its root, its counts and the states of members that it stores are compared
 * with its disk.
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_EVERY = 100 };

/* What one member held when it stored the row of one newcomer. */
struct admission {
    struct catalog_id newcomer;
    size_t member;
    struct catalog_entry **entries; /* held */
    size_t entry_count;
    bool void_; /* that disk was replaced since */
};
struct at_node {
    bool was_ready;
    struct catalog_id ready_id; /* under which it was, in this life: it may go back to that */
    uint64_t steps;
};
struct s14 {
    struct at_node *nodes; /* of node_capacity */
    struct admission *admissions;
    size_t count, capacity;
};

static struct at_node *at(struct sim *sim, const struct sim_node *node) {
    struct s14 *s14 = sim_checker_state(sim, &sim_check_s14);
    if (s14->nodes == NULL) {
        s14->nodes = sim_allocate(sim->node_capacity, sizeof *s14->nodes);
    }
    return &s14->nodes[node->index];
}

/* --- admissions ------------------------------------------------------------------------------------------------------ */

static void entries_release(struct admission *admission) {
    for (size_t i = 0; i < admission->entry_count; i++) {
        catalog_entry_release(admission->entries[i]);
    }
    free(admission->entries);
    admission->entries = NULL;
    admission->entry_count = 0;
}

static bool is_noted(const struct s14 *s14, const struct catalog_id *newcomer, size_t member) {
    for (size_t i = 0; i < s14->count; i++) {
        if (s14->admissions[i].member == member &&
            catalog_id_equal(&s14->admissions[i].newcomer, newcomer)) {
            return true;
        }
    }
    return false;
}

static void admission_note(struct sim *sim, struct sim_node *member,
                           const struct catalog_member_row *row) {
    struct s14 *s14 = sim_checker_state(sim, &sim_check_s14);
    if (row->ready || is_noted(s14, &row->id, member->index)) {
        return;
    }
    s14->admissions =
        sim_grow(s14->admissions, s14->count, &s14->capacity, sizeof *s14->admissions);
    struct admission *made = &s14->admissions[s14->count++];
    *made = (struct admission){
        .newcomer = row->id, .member = member->index, .entry_count = member->disk.entry_count};
    made->entries = sim_allocate(made->entry_count + 1, sizeof(struct catalog_entry *));
    for (size_t i = 0; i < made->entry_count; i++) {
        made->entries[i] = catalog_entry_hold(member->disk.entries[i]);
    }
}

static void s14_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                       const struct catalog_node_state *before) {
    (void)before;
    for (size_t i = 0; i < batch->member_count && sim->node_count <= SIM_SQUARE_CHECKS_MAX; i++) {
        admission_note(sim, node, &batch->members[i]);
    }
}

static void s14_disk_replaced(struct sim *sim, struct sim_node *node) {
    struct s14 *s14 = sim_checker_state(sim, &sim_check_s14);
    for (size_t i = 0; i < s14->count; i++) {
        if (s14->admissions[i].member == node->index) {
            s14->admissions[i].void_ = true;
        }
    }
}

/* A member that begins anew had an old disk: what stood there is kept, and is the cluster's no more. */
static void s14_reset(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    (void)batch;
    s14_disk_replaced(sim, node);
}

static bool holds_all(const struct sim *sim, const struct sim_disk *disk,
                      const struct admission *admission) {
    for (size_t i = 0; i < admission->entry_count; i++) {
        if (!sim_disk_holds(sim, disk, admission->entries[i])) {
            return false;
        }
    }
    return true;
}

/* --- ready ----------------------------------------------------------------------------------------------------------- */

/* How many members it must have walked with, as far as it knows them; `founded`: none. */
static size_t needed_of(const struct gossip *engine, bool *founded) {
    size_t members = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        members += member->row.ready && member->state != GOSSIP_MEMBER_REMOVED;
    }
    *founded = members == 0 &&
               catalog_id_equal(&engine->state.cluster_id, &engine->config.fresh_cluster_id);
    return members < 2 ? members : 2;
}

/* A disk from before it was ready was put back: it joins once more under an id that others have as ready, and nobody's row of it
 * is an admission. */
static bool was_ready_before(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        for (size_t j = 0; disk->exists && &sim->nodes[i] != node && j < disk->member_count; j++) {
            if (disk->members[j].ready &&
                catalog_id_equal(&disk->members[j].id, &node->disk.state.node_id)) {
                return true;
            }
        }
    }
    return false;
}

static void ready_look(struct sim *sim, struct sim_node *node) {
    struct s14 *s14 = sim_checker_state(sim, &sim_check_s14);
    bool founded;
    size_t needed = needed_of(node->engine, &founded);
    size_t through = 0;
    sim_checker_looked(sim, &sim_check_s14);
    if (founded || was_ready_before(sim, node)) {
        return;
    }
    for (size_t i = 0; i < s14->count; i++) {
        struct admission *admission = &s14->admissions[i];
        if (catalog_id_equal(&admission->newcomer, &node->engine->state.node_id)) {
            through += admission->void_ || holds_all(sim, &node->disk, admission);
            entries_release(admission);
        }
    }
    if (through < needed || needed == 0) {
        sim_violated(sim, &sim_check_s14, node,
                     "is ready, and has what %zu of %zu members had when they admitted it", through,
                     needed);
    }
}

/* --- shown ----------------------------------------------------------------------------------------------------------- */

static const char *counts_fault(const struct sim_disk *disk, const struct gossip_status *status) {
    uint64_t entries = 0;
    uint64_t tombstones = 0;
    uint64_t conflicts = 0;
    for (size_t i = 0; i < disk->entry_count; i++) {
        entries += disk->entries[i]->state != CATALOG_DROPPED;
        tombstones += disk->entries[i]->tombstone;
        conflicts += disk->entries[i]->conflict;
    }
    const struct catalog_counts *counts = &status->counts;
    if (counts->all != disk->entry_count || counts->entries != entries) {
        return "another number of entries than its disk";
    }
    return counts->tombstones != tombstones || counts->conflicts != conflicts
               ? "another number of tombstones or conflicts than its disk"
               : NULL;
}

static const char *members_fault(struct sim *sim, struct sim_node *node) {
    static struct gossip_member_status shown[SIM_SQUARE_CHECKS_MAX * 2];
    enum { SHOWN_MAX = sizeof shown / sizeof *shown };
    size_t count = gossip_members(node->engine, sim->now_ms, shown, SHOWN_MAX);
    for (size_t i = 0; i < node->disk.member_count && count <= SHOWN_MAX; i++) {
        const struct catalog_member_row *row = &node->disk.members[i];
        size_t place = 1;
        while (place < count && !catalog_id_equal(&shown[place].id, &row->id)) {
            place++;
        }
        if (place == count) {
            return "fewer members than its disk";
        }
        if (row->state == GOSSIP_MEMBER_REMOVED && shown[place].state != GOSSIP_MEMBER_REMOVED) {
            return "a removed member as another";
        }
    }
    return NULL;
}

static void shown_look(struct sim *sim, struct sim_node *node) {
    if (node->disk_broken || node->catching_up || node->disk.quarantined > 0) {
        return; /* its disk holds more than it may show, or less */
    }
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, sim_wall_ms(sim, node));
    const char *fault = counts_fault(&node->disk, &status);
    if (fault == NULL && !catalog_id_is_none(&status.cluster_id)) {
        fault = members_fault(sim, node);
    }
    if (fault == NULL && status.store_error == 0 && status.store_batches_in_flight == 0 &&
        (status.high_water != node->disk.state.high_water || status.seen != node->disk.state.seen ||
         status.horizon != node->disk.state.horizon)) {
        fault = "other clocks than its disk";
    }
    sim_checker_looked(sim, &sim_check_s14);
    if (fault != NULL) {
        sim_violated(sim, &sim_check_s14, node, "shows %s", fault);
    }
}

/* --- hooks ----------------------------------------------------------------------------------------------------------- */

static void s14_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    *at(sim, node) = (struct at_node){.was_ready = load->state.ready};
    if (load->state.ready) {
        at(sim, node)->ready_id = load->state.node_id;
    }
}

static void s14_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                        const struct gossip_update *update) {
    struct at_node *here = at(sim, node);
    (void)event;
    (void)update;
    bool ready = node->engine->state.ready;
    bool again = catalog_id_equal(&here->ready_id, &node->engine->state.node_id);
    if (ready && !here->was_ready && !again && sim->node_count <= SIM_SQUARE_CHECKS_MAX) {
        ready_look(sim, node);
    }
    here->was_ready = ready;
    here->ready_id = ready ? node->engine->state.node_id : here->ready_id;
    if (++here->steps % SHOWN_EVERY == 0 && !sim->failed) {
        shown_look(sim, node);
    }
}

static void s14_close(struct sim *sim) {
    struct s14 *s14 = sim_checker_state(sim, &sim_check_s14);
    for (size_t i = 0; i < s14->count; i++) {
        entries_release(&s14->admissions[i]);
    }
    free(s14->admissions);
    free(s14->nodes);
}

const struct sim_checker sim_check_s14 = {
    .id = "S14",
    .statement = "who is ready has what its admitters had, and shows what is on its disk",
    .state_size_bytes = sizeof(struct s14),
    .started = s14_started,
    .stepped = s14_stepped,
    .landed = s14_landed,
    .disk_replaced = s14_disk_replaced,
    .reset = s14_reset,
    .close = s14_close,
};
