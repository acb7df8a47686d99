/* reopen.c - the store works again after a failure: memory and disk become one again.
 *
 * A failed commit may or may not be on disk, rows may have been set aside, and a file that could not be used is a new,
 * empty one. Memory still has everything that was ever acknowledged, so nothing needs the network:
 *   1. what the disk has is merged into what memory has; but an entry that memory lacks, and that the horizon forgets, is one
 *      that was forgotten here and whose row came back: that row is taken away again (DESIGN 4.7);
 *   2. whatever the disk then lacks, or has older, is written to it again, members and state with it, and what is kept;
 *      (in no cluster it has no members: those of an ADMIT that failed, and is on disk, are taken away);
 *   3. the node keeps its id and its promises: nothing was taken back. Marks that only rise are those of the disk if they are
 *      higher there: a batch that failed may have raised them.
 */
#include "gossip/engine.h"

#include <stdlib.h>

/* What the disk has of a key: the load's entries stand in order of keys here. */
static struct catalog_entry *on_disk(const struct catalog_load *load, struct catalog_entry *entry) {
    if (load->entry_count == 0) {
        return NULL;
    }
    struct catalog_entry **found =
        bsearch(&entry, load->entries, load->entry_count, sizeof entry, gossip__entries_by_key);
    return found == NULL ? NULL : *found;
}

static const struct gossip__arrival from_disk = {.local = true};

/* Step 1 for one entry of the disk. */
static int merge_from_disk(struct gossip *engine, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_entry *own = catalog_pending_find(engine->catalog, &key);
    struct catalog_entry *merged;
    catalog_clock horizon = engine->state.horizon;
    int result = own == NULL ? catalog_prune(engine->allocator, entry, horizon, &merged)
                             : catalog_merge(engine->allocator, own, entry, horizon, &merged, NULL);
    if (result != 0) {
        return result;
    }
    if (merged == NULL) {
        PROBE("gossip.reopen_removes_again");
        return gossip__flight_remove_row(engine, entry);
    }
    if (merged != own) {
        PROBE("gossip.reopen_learns_from_disk");
        result = gossip__flight_put(engine, merged, &from_disk);
    }
    catalog_entry_release(merged);
    return result;
}

/* Step 2: every stored entry that the disk does not have as it is. */
static int write_again(struct gossip *engine, const struct catalog_load *load) {
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    struct catalog_entry *entry = catalog_next(engine->catalog, 0, all, NULL);
    while (entry != NULL) {
        struct catalog_key key = catalog_entry_key(entry);
        struct catalog_entry *disk = on_disk(load, entry);
        bool same = disk != NULL && merkle_digest_equal(&disk->digest, &entry->digest);
        /* What step 1 merged is on its way already. */
        if (!same && catalog_pending_find(engine->catalog, &key) == entry) {
            PROBE("gossip.reopen_writes_again");
            int result = gossip__flight_put(engine, entry, &from_disk);
            if (result != 0) {
                return result;
            }
        }
        entry = catalog_next(engine->catalog, 0, all, &key);
    }
    return 0;
}

/* Marks never fall. The horizon of a newcomer goes with the admitter that it is of, as after a start from this disk. */
static void take_marks(struct gossip *engine, const struct catalog_node_state *disk) {
    struct catalog_node_state *state = &engine->state;
    if (disk->high_water > state->high_water) {
        state->high_water = disk->high_water;
    }
    if (!catalog_id_equal(&disk->node_id, &state->node_id)) {
        return; /* a fresh file, or that of a new id that was not taken after all */
    }
    if (disk->seen > state->seen) {
        PROBE("gossip.reopen_seen_on_disk");
        state->seen = disk->seen;
    }
    if (disk->horizon > state->horizon) {
        PROBE("gossip.reopen_horizon_on_disk");
        state->admitter_id = state->ready ? state->admitter_id : disk->admitter_id;
        gossip__horizon_raise(engine, disk->horizon);
    }
}

void gossip__reopened(struct gossip *engine, const struct catalog_load *load) {
    PROBE("gossip.reopened");
    engine->store_error = 0;
    /* Memory has what the disk had to set aside: unless it lacked something before, nothing has to be healed, and the
     * store forgets them with the commit of this step. */
    engine->quarantined_count = engine->state.healing ? load->quarantined_count : 0;
    take_marks(engine, &load->state);
    if (load->entry_count > 0) {
        qsort(load->entries, load->entry_count, sizeof *load->entries, gossip__entries_by_key);
    }
    int result = 0;
    for (size_t i = 0; i < load->entry_count && result == 0; i++) {
        result = merge_from_disk(engine, load->entries[i]);
    }
    if (result == 0) {
        result = write_again(engine, load);
    }
    if (result == 0) {
        result = gossip__lineage_reopened(engine, load);
    }
    if (catalog_id_is_none(&engine->state.cluster_id)) {
        gossip__flight_members_cleared(engine);
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        (void)gossip__member_store(engine, engine->members[i]);
    }
    gossip__flight_state_dirty(engine);
    if (result != 0) {
        engine->fatal =
            true; /* memory is short while disk and memory differ: start again from the disk */
        return;
    }
    if (load->damaged) {
        gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_ERROR, NULL, "the store was damaged: %s",
                       load->damage);
    }
    gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_WARNING, NULL,
                   "the store works again, with %zu entries", load->entry_count);
}
