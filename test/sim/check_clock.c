/* check_clock.c - S12: clocks only rise, and time on the wall does not matter.
 *
 *   on each disk      no clock past the year 2200; the stored high-water mark never falls
 *   each version      above all that it replaced (what is caused by another is newer than it), and, of those that one disk's
 *                     lineage has made, above all before: over crashes, restarts and jumps of the wall clock
 *   a newcomer        when it becomes ready its clock is not below any that a member told it (DESIGN 4.7)
 *
 * A disk that was emptied, put back or lied begins a new lineage. That all clocks of a batch are at or below the high-water
 * mark stored with it is said by S8.
 */
#include "test/sim/checker.h"

#include "catalog/entry.h"
#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

struct lineage {
    catalog_clock made,
        making; /* the largest that it has made: before, and with the batch that is landing */
    bool ready;
};
struct s12 {
    struct lineage *lineages; /* of node_capacity */
};

static struct lineage *lineage_of(struct sim *sim, const struct sim_node *node) {
    struct s12 *s12 = sim_checker_state(sim, &sim_check_s12);
    if (s12->lineages == NULL) {
        s12->lineages = sim_allocate(sim->node_capacity, sizeof *s12->lineages);
    }
    return &s12->lineages[node->index];
}

static void s12_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    lineage_of(sim, node)->ready = load->state.ready;
}

/* Told by anybody with whom an exchange was had, however it ended. */
static void ready_look(struct sim *sim, struct sim_node *node) {
    const struct gossip *engine = node->engine;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (!member->root_known || member->clock > CATALOG_CLOCK_MAX) {
            continue;
        }
        sim_checker_looked(sim, &sim_check_s12);
        if (member->clock > engine->state.high_water) {
            sim_violated(sim, &sim_check_s12, node, "becomes ready with a clock below that of %s",
                         member->row.name);
            return;
        }
    }
}

static void s12_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                        const struct gossip_update *update) {
    struct lineage *lineage = lineage_of(sim, node);
    (void)event;
    (void)update;
    if (node->engine->state.ready && !lineage->ready) {
        ready_look(sim, node);
    }
    lineage->ready = node->engine->state.ready;
}

static bool above_all_seen(const struct catalog_entry *entry) {
    enum { PAIRS_MAX = 2048 };
    static struct catalog__pair pairs[PAIRS_MAX];
    size_t count = catalog__entry_pair_count(entry);
    if (count > PAIRS_MAX) {
        return true;
    }
    catalog__entry_pairs(entry, pairs);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].version == NULL && pairs[i].clock >= entry->clock) {
            return false;
        }
    }
    return true;
}

/* Made in this start, and not on this disk before. */
static bool is_new(const struct sim_node *node, const struct catalog_entry *before,
                   const struct catalog_entry *after) {
    struct catalog_version version = catalog_entry_in_force(after);
    /* Who began anew is given again what it had made in this start. */
    return after->version_count == 1 && catalog_id_equal(&version.origin, &node->origin) &&
           !node->landing_known && (before == NULL || before->clock_highest < version.clock);
}

static void s12_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                    struct catalog_entry *after) {
    struct lineage *lineage = lineage_of(sim, node);
    sim_checker_looked(sim, &sim_check_s12);
    if (after->clock_highest > CATALOG_CLOCK_MAX) {
        sim_violated(sim, &sim_check_s12, node, "a clock past the year 2200 is on its disk");
    } else if (after->version_count == 1 && sim_entry_first(sim, after, SIM_MARK_S12) &&
               !above_all_seen(after)) {
        sim_violated(sim, &sim_check_s12, node, "a version is not newer than what it replaced");
    } else if (is_new(node, before, after)) {
        sim_checker_looked(sim, &sim_check_s12);
        if (after->clock <= lineage->made) {
            sim_violated(sim, &sim_check_s12, node,
                         "makes a version with a clock that is not above all it made before");
        }
        lineage->making = after->clock > lineage->making ? after->clock : lineage->making;
    }
}

static void s12_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                       const struct catalog_node_state *before) {
    struct lineage *lineage = lineage_of(sim, node);
    lineage->made = lineage->making;
    sim_checker_looked(sim, &sim_check_s12);
    if (batch->state.high_water > CATALOG_CLOCK_MAX) {
        sim_violated(sim, &sim_check_s12, node, "stores a clock past the year 2200");
    } else if (before != NULL && batch->state.high_water < before->high_water) {
        sim_violated(sim, &sim_check_s12, node, "stores a lower clock than before");
    }
}

static void s12_disk_replaced(struct sim *sim, struct sim_node *node) {
    lineage_of(sim, node)->made = lineage_of(sim, node)->making = 0;
}

static void s12_close(struct sim *sim) {
    struct s12 *s12 = sim_checker_state(sim, &sim_check_s12);
    free(s12->lineages);
}

const struct sim_checker sim_check_s12 = {
    .id = "S12",
    .statement = "clocks only rise, over crashes and jumps, and what is caused by another is newer",
    .state_size_bytes = sizeof(struct s12),
    .started = s12_started,
    .stepped = s12_stepped,
    .put = s12_put,
    .landed = s12_landed,
    .disk_replaced = s12_disk_replaced,
    .close = s12_close,
};
