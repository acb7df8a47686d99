/* check_lineage.c - LINEAGE: an old disk, or a removed member, begins anew (DESIGN 4.7).
 *
 *   reason       a node that was ready gives up its id only if it must: it was removed, or some disk of the cluster has a
 *                horizon above what it has seen
 *   anew         then it has another id, names the former one, is a newcomer without horizon and entries, and its clock does
 *                not fall. What stood on its disk above the old horizon, and was not dropped, is kept beside
 *   handed over  what is kept is forgotten only once each version of it that stands is on this very disk again (it, or what
 *                superseded it), or was handed over to the operator, in force or behind a later one that was; but for what
 *                others wrote that the horizon has passed
 *
 * That nothing rolls back anywhere is said by S3, S7 and SEEN; that its writes bear an origin of their own by S7.
 */
#include "test/sim/check_agreement.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct catalog_entry *entry;       /* held */
    struct catalog_entry *handed_over; /* what the operator was given of it, held; NULL: nothing */
    size_t node;
};
struct lineage {
    struct kept *kept;
    size_t count, capacity;
};

/* --- beginning anew --------------------------------------------------------------------------------------------------- */

static bool is_removed_somewhere(const struct sim *sim, const struct sim_node *node) {
    const struct catalog_id *id = &node->disk.state.node_id;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        for (size_t j = 0; disk->exists && j < disk->member_count; j++) {
            if (disk->members[j].state == GOSSIP_MEMBER_REMOVED &&
                catalog_id_equal(&disk->members[j].id, id)) {
                return true;
            }
        }
    }
    return node->disk.state.removed || node->removals_asked > 0;
}

static bool is_too_old(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (other->disk.exists && other->cluster == node->cluster &&
            other->disk.state.horizon > node->disk.state.seen) {
            return true;
        }
    }
    return false;
}

static const char *state_fault(const struct catalog_node_state *before,
                               const struct catalog_node_state *after) {
    if (catalog_id_equal(&before->node_id, &after->node_id)) {
        return "under the same id";
    }
    if (!catalog_id_equal(&before->node_id, &after->replaced_id)) {
        return "without naming its former id";
    }
    if (after->ready || after->removed || after->seen != 0 || after->horizon != 0) {
        return "as something else than a newcomer";
    }
    if (!catalog_id_equal(&before->cluster_id, &after->cluster_id)) {
        return "in another cluster";
    }
    return after->high_water < before->high_water ? "with a lower clock" : NULL;
}

static bool holds_key(const struct sim_batch *batch, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    for (size_t i = 0; i < batch->kept_count; i++) {
        struct catalog_key kept = catalog_entry_key(batch->kept[i]);
        if (catalog_key_equal(&key, &kept)) {
            return true;
        }
    }
    return false;
}

enum { VERSIONS_MAX = 64 };

/* Whether something of it is above the horizon and stands. A file for `import` cannot say that something is dropped. */
static bool is_to_keep(const struct catalog_entry *entry, catalog_clock horizon) {
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(entry, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        if (versions[i].state != CATALOG_DROPPED && versions[i].clock > horizon) {
            return true;
        }
    }
    return false;
}

static void kept_note(struct sim *sim, const struct sim_node *node, const struct sim_batch *batch) {
    struct lineage *lineage = sim_checker_state(sim, &sim_check_lineage);
    for (size_t i = 0; i < batch->kept_count; i++) {
        lineage->kept =
            sim_grow(lineage->kept, lineage->count, &lineage->capacity, sizeof *lineage->kept);
        lineage->kept[lineage->count++] =
            (struct kept){.entry = catalog_entry_hold(batch->kept[i]), .node = node->index};
    }
}

static void kept_forget(struct lineage *lineage, const struct sim_node *node) {
    for (size_t i = lineage->count; i > 0; i--) {
        if (lineage->kept[i - 1].node == node->index) {
            catalog_entry_release(lineage->kept[i - 1].entry);
            catalog_entry_release(lineage->kept[i - 1].handed_over);
            lineage->kept[i - 1] = lineage->kept[--lineage->count];
        }
    }
}

static void lineage_reset(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    const struct sim_disk *disk = &node->disk;
    if (!disk->state.ready) {
        return; /* a newcomer that starts again: nobody knew it as more */
    }
    PROBE("sim.begins_anew");
    sim_checker_looked(sim, &sim_check_lineage);
    const char *fault = state_fault(&disk->state, &batch->state);
    if (!is_removed_somewhere(sim, node) && !is_too_old(sim, node)) {
        sim_violated(sim, &sim_check_lineage, node, "gives up its id, and need not");
    } else if (fault != NULL) {
        sim_violated(sim, &sim_check_lineage, node, "begins anew %s", fault);
    }
    for (size_t i = 0; i < disk->entry_count && !sim->failed; i++) {
        if (is_to_keep(disk->entries[i], disk->state.horizon) &&
            !holds_key(batch, disk->entries[i])) {
            sim_violated(sim, &sim_check_lineage, node,
                         "begins anew, and does not keep an entry that stood above its horizon");
        }
    }
    kept_forget(sim_checker_state(sim, &sim_check_lineage), node); /* the batch has it again */
    kept_note(sim, node, batch);
}

/* --- handing over ----------------------------------------------------------------------------------------------------- */

static void lineage_handed_over(struct sim *sim, struct sim_node *node,
                                const struct gossip_update *update) {
    struct lineage *lineage = sim_checker_state(sim, &sim_check_lineage);
    sim_checker_looked(sim, &sim_check_lineage);
    if (!node->disk.state.ready) {
        sim_violated(sim, &sim_check_lineage, node,
                     "hands over what it alone had, and cannot know yet what others have");
    }
    for (size_t i = 0; i < lineage->count; i++) {
        struct kept *kept = &lineage->kept[i];
        struct catalog_key key = catalog_entry_key(kept->entry);
        for (size_t j = 0; j < update->kept_count && kept->node == node->index; j++) {
            struct catalog_key handed = catalog_entry_key(update->kept[j]);
            if (catalog_key_equal(&key, &handed) && kept->handed_over == NULL) {
                kept->handed_over = catalog_entry_hold(update->kept[j]);
            }
        }
    }
}

/* Drops cannot be handed over, and what they had replaced need not. Nor need what another wrote and the horizon has passed
 * since: nobody can tell whether all have dropped it, or none has ever had it (decision 0031). */
static bool is_accounted_for(const struct sim_node *node, const struct kept *kept,
                             const struct catalog_version *version) {
    const struct catalog_key key = catalog_entry_key(kept->entry);
    const struct catalog_entry *stored = sim_disk_find(&node->disk, &key);
    bool seen = stored != NULL && catalog_entry_seen(stored, &version->origin) >= version->clock;
    bool handed_over = kept->handed_over != NULL &&
                       catalog_entry_seen(kept->handed_over, &version->origin) >= version->clock;
    return version->state == CATALOG_DROPPED || seen || handed_over ||
           (!catalog_text_is(version->node, node->name) &&
            version->clock <= node->disk.state.horizon);
}

static bool stands_still(struct sim *sim, const struct sim_node *node, const struct kept *kept) {
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(kept->entry, versions, VERSIONS_MAX);
    bool accounted_for = true;
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        accounted_for = accounted_for && is_accounted_for(node, kept, &versions[i]);
    }
    return accounted_for || sim_disk_holds(sim, &node->disk, kept->entry);
}

static void lineage_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                           const struct catalog_node_state *before) {
    struct lineage *lineage = sim_checker_state(sim, &sim_check_lineage);
    (void)before;
    if (!batch->kept_cleared || batch->reset) {
        return;
    }
    sim_checker_looked(sim, &sim_check_lineage);
    for (size_t i = 0; i < lineage->count && !sim->failed; i++) {
        const struct kept *kept = &lineage->kept[i];
        if (kept->node == node->index && !stands_still(sim, node, kept)) {
            struct catalog_key key = catalog_entry_key(kept->entry);
            sim_violated(sim, &sim_check_lineage, node,
                         "forgets what it alone had, and did not hand it over: %.*s",
                         (int)key.entity.size_bytes, key.entity.data);
        }
    }
    kept_forget(lineage, node);
}

/* What a fault put there in its place knows nothing of it. */
static void lineage_disk_replaced(struct sim *sim, struct sim_node *node) {
    kept_forget(sim_checker_state(sim, &sim_check_lineage), node);
}

static void lineage_close(struct sim *sim) {
    struct lineage *lineage = sim_checker_state(sim, &sim_check_lineage);
    for (size_t i = 0; i < lineage->count; i++) {
        catalog_entry_release(lineage->kept[i].entry);
        catalog_entry_release(lineage->kept[i].handed_over);
    }
    free(lineage->kept);
}

const struct sim_checker sim_check_lineage = {
    .id = "LINEAGE",
    .statement = "an old disk or a removed member begins anew, and hands over what it alone had",
    .state_size_bytes = sizeof(struct lineage),
    .reset = lineage_reset,
    .handed_over = lineage_handed_over,
    .landed = lineage_landed,
    .disk_replaced = lineage_disk_replaced,
    .close = lineage_close,
};
