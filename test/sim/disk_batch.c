/* disk_batch.c - a batch on its way to a virtual disk, and what it makes of it: wholly or not at all, batches in their order.
 *
 * As the store does it (catalog.h): `reset` forgets all entries and what was kept, `removed` takes rows away by their key,
 * entries replace the row of their key, member rows that of their id. What lands is shown to the checkers and to god.
 */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

static struct catalog_entry **entries_keep(struct sim *sim, struct catalog_entry *const *entries,
                                           size_t count) {
    struct catalog_entry **kept = sim_allocate(count + 1, sizeof(struct catalog_entry *));
    for (size_t i = 0; i < count; i++) {
        kept[i] = sim_entry_keep(sim, entries[i]);
    }
    return kept;
}

struct sim_batch *sim_batch_new(struct sim *sim, const struct catalog_batch *batch) {
    struct sim_batch *made = sim_allocate(1, sizeof *made);
    made->ticket = batch->ticket;
    made->state = batch->state;
    made->reset = batch->reset;
    made->kept_cleared = batch->kept_cleared;
    made->members_cleared = batch->members_cleared;
    made->entry_count = batch->entry_count;
    made->entries = entries_keep(sim, batch->entries, batch->entry_count);
    made->removed_count = batch->removed_count;
    made->removed = entries_keep(sim, batch->removed, batch->removed_count);
    made->kept_count = batch->kept_count;
    made->kept = entries_keep(sim, batch->kept, batch->kept_count);
    made->member_count = batch->member_count;
    made->members = sim_allocate(batch->member_count + 1, sizeof *made->members);
    if (batch->member_count > 0) {
        memcpy(made->members, batch->members, batch->member_count * sizeof *made->members);
    }
    return made;
}

void sim_batch_free(struct sim_batch *batch) {
    sim__entries_free(batch->entries, batch->entry_count);
    sim__entries_free(batch->removed, batch->removed_count);
    sim__entries_free(batch->kept, batch->kept_count);
    free(batch->members);
    free(batch);
}

/* --- the clusters ----------------------------------------------------------------------------------------------------- */

/* The main cluster has given way as a whole: what is demanded of it is demanded of the one that took it in. */
static void clusters_swap(struct sim *sim) {
    struct catalog_id given_way = sim->cluster_ids[0];
    PROBE("sim.main_cluster_gave_way");
    sim->cluster_ids[0] = sim->cluster_ids[1];
    sim->cluster_ids[1] = given_way;
    for (size_t i = 0; i < sim->node_count; i++) {
        sim->nodes[i].cluster = 1 - sim->nodes[i].cluster;
    }
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        sim->acknowledged[i].cluster = 1 - sim->acknowledged[i].cluster;
    }
}

/* A node is of the cluster whose id is on its disk. It changes where one that never had an entry gives way to the other (DESIGN
 * 7.1), and where a node with an empty disk is found by a member of the other first. */
static void cluster_follow(struct sim *sim, struct sim_node *node) {
    const struct catalog_id *id = &node->disk.state.cluster_id;
    if (catalog_id_is_none(id)) {
        return;
    }
    if (catalog_id_is_none(&sim->cluster_ids[node->cluster])) {
        sim->cluster_ids[node->cluster] = *id;
    }
    unsigned other = 1 - node->cluster;
    if (!catalog_id_equal(id, &sim->cluster_ids[other])) {
        return;
    }
    PROBE("sim.cluster_changed");
    node->cluster = other;
    for (size_t i = 0; i < sim->node_count && other == 1; i++) {
        if (sim->nodes[i].cluster == 0 && sim->nodes[i].joined) {
            return;
        }
    }
    if (other == 1) {
        clusters_swap(sim);
    }
}

/* --- landing ---------------------------------------------------------------------------------------------------------- */

static void members_take(struct sim_disk *disk, const struct sim_batch *batch) {
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        sim__disk_member_set(disk, &batch->members[i]);
    }
}

static void kept_take(struct sim_disk *disk, const struct sim_batch *batch) {
    if (batch->reset) {
        sim__disk_kept_clear(disk);
    }
    sim__disk_kept_add(disk, batch->kept, batch->kept_count);
    if (batch->kept_cleared) {
        sim__disk_kept_clear(disk);
    }
}

static void rows_land(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    for (size_t i = 0; i < batch->removed_count && !sim->failed; i++) {
        struct catalog_key key = catalog_entry_key(batch->removed[i]);
        struct catalog_entry *before = sim__disk_entry_remove(&node->disk, &key);
        if (before != NULL) {
            sim_causal_pass(&sim->causal, before, NULL, batch->state.horizon);
            SIM_CHECK(sim, taken, sim, node, before);
            catalog_entry_release(before);
        }
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        struct catalog_entry *before = sim__disk_entry_set(&node->disk, batch->entries[i]);
        struct catalog_version version = catalog_entry_in_force(batch->entries[i]);
        bool noted = !sim_entry_first(sim, batch->entries[i], SIM_MARK_NOTED);
        node->landing_known = noted || sim_causal_knows(&sim->causal, batch->entries[i]);
        if (!noted) {
            /* Made here; perhaps by the process before this one, whose commit turned out to be on the disk. */
            bool own = catalog_text_is(version.node, node->name);
            sim_causal_note(&sim->causal, own ? before : NULL, batch->entries[i]);
        }
        if (before != NULL) {
            sim_causal_pass(&sim->causal, before, batch->entries[i], batch->state.horizon);
        }
        SIM_CHECK(sim, put, sim, node, before, batch->entries[i]);
        catalog_entry_release(before);
    }
}

static void seen_note(struct sim_node *node) {
    const struct catalog_node_state *state = &node->disk.state;
    if (!catalog_id_equal(&node->seen_of, &state->node_id)) {
        node->seen_of = state->node_id;
        node->seen_told = 0;
    }
    node->seen_told = state->seen > node->seen_told ? state->seen : node->seen_told;
}

void sim_disk_apply(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    struct sim_disk *disk = &node->disk;
    disk->landing_horizon = batch->state.horizon;
    if (batch->reset) {
        sim_god_reset(sim, node);
        SIM_CHECK(sim, reset, sim, node, batch);
        sim__disk_entries_clear(disk);
        sim_trace(sim, node, "begins anew with an empty disk, %zu entries kept", batch->kept_count);
    }
    rows_land(sim, node, batch);
    kept_take(disk, batch);
    members_take(disk, batch);
    struct catalog_node_state before = disk->state;
    bool first = !disk->exists;
    disk->state = batch->state;
    disk->exists = true;
    disk->quarantined = batch->state.healing ? disk->quarantined : 0;
    cluster_follow(sim, node);
    seen_note(node);
    SIM_CHECK(sim, landed, sim, node, batch, first ? NULL : &before);
}

void sim_disk_take(struct sim_disk *disk, const struct sim_batch *batch) {
    if (batch->reset) {
        sim__disk_entries_clear(disk);
    }
    for (size_t i = 0; i < batch->removed_count; i++) {
        struct catalog_key key = catalog_entry_key(batch->removed[i]);
        catalog_entry_release(sim__disk_entry_remove(disk, &key));
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        catalog_entry_release(sim__disk_entry_set(disk, batch->entries[i]));
    }
    kept_take(disk, batch);
    members_take(disk, batch);
    disk->state = batch->state;
    disk->exists = true;
}
