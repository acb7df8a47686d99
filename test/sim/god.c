/* god.c - what was acknowledged, and which disks hold it: what may be missing in the end, and what must not.
 *
 * A write that was acknowledged is excused from being there if, when all is healed, no required disk holds it: either no
 * disk of the world does, and only faults outside the promises (an emptied, replaced, lying or damaged disk; a removed
 * member) took it from the last one; or only disks do that are never reached again. The set of writes that are missing in
 * the end must equal the set of those that are excused. A node that begins anew (an old disk, a removed member) hands over what
 * it alone had, to be imported by hand: that is excused, exactly; so is what it does not hand over because another disk had it,
 * whose row was lost. Who is excused may still come back by a message or a commit that was under way; then it is excused no
 * more, and must be everywhere.
 */
#include "test/sim/checker.h"

#include <assert.h>
#include <stdlib.h>

/* Whether a second process has run under its id: what others concluded of that one holds for both. */
static bool was_doubled(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = sim->scenario->node_count; i < sim->node_count; i++) {
        if (sim->nodes[i].clone_of == node->index) {
            return true;
        }
    }
    return node->clone_of != SIZE_MAX;
}

void sim_god_acknowledged(struct sim *sim, struct sim_node *node, struct catalog_entry *entry) {
    sim->acknowledged = sim_grow(sim->acknowledged, sim->acknowledged_count,
                                 &sim->acknowledged_capacity, sizeof *sim->acknowledged);
    sim->acknowledged[sim->acknowledged_count++] = (struct sim_acknowledged){
        .entry = sim_entry_keep(sim, entry),
        .node = node->index,
        .cluster = node->cluster,
        .time_ms = sim->now_ms,
        .doubled = was_doubled(sim, node),
        .out_of_reach = sim->phase > SIM_LOAD && !sim_required(sim, node)};
    sim->stats.acknowledged++;
}

/* What it had when it began anew, until that is in a file. Contexts may have been shortened since: versions are compared. */
static bool kept_holds(const struct sim *sim, const struct sim_disk *disk,
                       const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    for (size_t i = 0; i < disk->kept_count; i++) {
        struct catalog_key there = catalog_entry_key(disk->kept[i]);
        if (catalog_key_equal(&there, &key) &&
            sim_causal_accounts(&sim->causal, disk->kept[i], entry, CATALOG_CLOCK_MAX)) {
            return true;
        }
    }
    return false;
}

/* Any disk of the world, those of nodes that are down included. Not what stands in a copy: that may never be put back. */
static bool held_elsewhere(const struct sim *sim, const struct sim_node *except,
                           struct catalog_entry *entry) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node != except &&
            (sim_disk_holds(sim, &node->disk, entry) || kept_holds(sim, &node->disk, entry))) {
            return true;
        }
    }
    return false;
}

static bool required_hold(const struct sim *sim, const struct sim_node *except,
                          struct catalog_entry *entry) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node != except && sim_required(sim, node) && sim_disk_holds(sim, &node->disk, entry)) {
            return true;
        }
    }
    return false;
}

/* What is being taken away from its last place is marked, and what a copy brings back is not lost any more; what comes back
 * by a late message is seen at the end. */
void sim_god_disk_replaced(struct sim *sim, struct sim_node *node, const struct sim_disk *after) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        struct sim_acknowledged *write = &sim->acknowledged[i];
        bool stays = after != NULL && (sim_disk_holds(sim, after, write->entry) ||
                                       kept_holds(sim, after, write->entry));
        bool had = sim_disk_holds(sim, &node->disk, write->entry) ||
                   kept_holds(sim, &node->disk, write->entry);
        write->lost = write->lost && !stays;
        if (write->lost || stays || !had) {
            continue;
        }
        if (after != NULL && after->state.healing) {
            write->row_lost_on = node->index + 1;
        }
        if (!held_elsewhere(sim, node, write->entry)) {
            PROBE("sim.write_excused");
            write->lost = true;
        } else if (sim->phase > SIM_LOAD && !required_hold(sim, node, write->entry)) {
            write->out_of_reach = true; /* damage that was met after the heal */
        }
    }
}

/* What a node alone had before it began anew is in a file of its operator now (DESIGN 4.7): nothing more is promised of it. */
void sim_god_handed_over(struct sim *sim, struct sim_node *node,
                         const struct gossip_update *update) {
    (void)node;
    for (size_t i = 0; i < update->kept_count; i++) {
        struct catalog_key key = catalog_entry_key(update->kept[i]);
        for (size_t j = 0; j < sim->acknowledged_count; j++) {
            struct sim_acknowledged *write = &sim->acknowledged[j];
            struct catalog_key written = catalog_entry_key(write->entry);
            if (catalog_key_equal(&key, &written) &&
                sim_causal_accounts(&sim->causal, update->kept[i], write->entry,
                                    CATALOG_CLOCK_MAX)) {
                PROBE("sim.write_handed_over");
                write->handed_over = true;
            }
        }
    }
}

/* Whether the entry has a drop, and this version does not stand in it. */
static bool goes_with_a_drop(const struct catalog_entry *stored,
                             const struct catalog_version *version) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(stored, versions, VERSIONS_MAX);
    bool drop = false;
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        drop = drop || versions[i].state == CATALOG_DROPPED;
    }
    return drop && (version->state == CATALOG_DROPPED || !sim_entry_stands(stored, version));
}

/* Another disk that counts has it. What one that began anew has kept is handed over for certain only where it was written. */
static bool stays_elsewhere(const struct sim *sim, const struct sim_node *except,
                            const struct sim_acknowledged *write) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool counts = node != except && (sim->phase <= SIM_LOAD || sim_required(sim, node));
        if (counts &&
            (sim_disk_holds(sim, &node->disk, write->entry) ||
             (node->index == write->node && kept_holds(sim, &node->disk, write->entry)))) {
            return true;
        }
    }
    return false;
}

/* Damage took the row from one disk, which still heals; a fault of its own (damage, too, or it was put back, or doubled) makes
 * the last one that has it older than the horizon there, so it begins anew. What the horizon has passed all had, and it takes
 * that for dropped or there: it does not keep it, or hands over only what it wrote itself (decision 0031). Either fault by
 * itself loses nothing: a damaged disk is healed from the others, and one that begins anew leaves it to them. */
static bool goes_with_lost_rows(const struct sim *sim, const struct sim_node *node,
                                const struct sim_acknowledged *write) {
    const struct catalog_node_state *state = &node->disk.state;
    if (!state->ready || !node->outside_promises || write->row_lost_on == 0 ||
        !sim_disk_holds(sim, &node->disk, write->entry)) {
        return false;
    }
    const struct sim_node *damaged = &sim->nodes[write->row_lost_on - 1];
    bool too_old = damaged->disk.state.healing && damaged->disk.state.horizon > state->seen;
    bool to_hand_over = write->node == node->index && write->entry->clock > state->horizon;
    return damaged != node && too_old && !to_hand_over && !stays_elsewhere(sim, node, write);
}

/* A disk begins anew. What stands on it is kept, and handed over later; but not what only says that an entry was dropped: a
 * file for `import` cannot. So a drop that this disk alone had comes to nothing, as does what it had replaced. A newcomer that
 * starts again has made nothing: what only it still has was taken by faults from the members that gave it. */
void sim_god_reset(struct sim *sim, struct sim_node *node) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        struct sim_acknowledged *write = &sim->acknowledged[i];
        struct catalog_key key = catalog_entry_key(write->entry);
        const struct catalog_entry *stored = sim_disk_find(&node->disk, &key);
        bool had = !node->disk.state.ready && sim_disk_holds(sim, &node->disk, write->entry);
        if (had && !held_elsewhere(sim, node, write->entry)) {
            PROBE("sim.lost_with_a_newcomer");
            write->lost = true;
        } else if (had && sim->phase > SIM_LOAD && !required_hold(sim, node, write->entry)) {
            write->out_of_reach =
                true; /* its admitter was removed, and has it in a file, or down */
        }
        if (goes_with_lost_rows(sim, node, write)) {
            PROBE("sim.lost_with_rows");
            write->lost_with_rows = true;
        }
        struct catalog_version version = catalog_entry_in_force(write->entry);
        if (stored != NULL && goes_with_a_drop(stored, &version) &&
            sim_disk_holds(sim, &node->disk, write->entry)) {
            PROBE("sim.drop_forgotten");
            write->drop_forgotten = true;
        }
    }
}

/* It stands in what a newcomer kept, which cannot tell yet what of it others have. */
static bool waits_in_kept(const struct sim *sim, const struct sim_acknowledged *write) {
    assert(sim->nodes != NULL);
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        if (disk->exists && !disk->state.ready && kept_holds(sim, disk, write->entry)) {
            return true;
        }
    }
    return false;
}

/* Entries of unknown kinds are carried as well. */
static const char *kind_name(uint16_t kind) {
    const char *name = catalog_kind_name(kind);
    return name == NULL ? "other" : name;
}

static void missing_describe(const struct sim *sim, const struct sim_acknowledged *write,
                             const struct sim_node *node, const char *what, char text[400]) {
    struct catalog_key key = catalog_entry_key(write->entry);
    (void)snprintf(text, 400, "%s: %s/%.*s%s%.*s, acknowledged by %s at %llu ms%s%s", what,
                   kind_name(key.kind), (int)key.entity.size_bytes, key.entity.data,
                   key.name.size_bytes > 0 ? "/" : "", (int)key.name.size_bytes, key.name.data,
                   sim->nodes[write->node].name, (unsigned long long)write->time_ms,
                   node == NULL ? "" : ", is not on ", node == NULL ? "" : node->name);
}

static void missing_trace(struct sim *sim, const struct sim_acknowledged *write,
                          const struct sim_node *lacks) {
    if (sim->trace == NULL) {
        return;
    }
    struct catalog_key key = catalog_entry_key(write->entry);
    struct catalog_version version = catalog_entry_in_force(write->entry);
    fprintf(sim->trace, "  missing: %02x%02x@%llx; horizon %llx\n", version.origin.bytes[0],
            version.origin.bytes[1], (unsigned long long)version.clock,
            (unsigned long long)lacks->disk.state.horizon);
    sim_causal_print(&sim->causal, sim_disk_find(&lacks->disk, &key), write->entry->slot,
                     sim->trace);
}

/* What a required disk holds now must be everywhere in the end: only what none of them holds is excused from here on. */
void sim_god_healed(struct sim *sim) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        struct sim_acknowledged *write = &sim->acknowledged[i];
        bool held = required_hold(sim, NULL, write->entry);
        write->lost = write->lost && !held;
        write->out_of_reach = !held && !write->lost && sim_god_out_of_reach(sim, write->entry);
    }
}

/* Two processes of one id: what the one had seen let the horizon pass what only the other had made (DESIGN 4.7 counts by id). An
 * operator who starts a second process on a copy is outside the promises; what is excused is what the horizon could pass. The
 * same of what went with lost rows: what is above the horizon is kept, and handed over. */
static bool lost_below_horizon(const struct sim *sim, const struct sim_acknowledged *write) {
    catalog_clock horizon = 0;
    assert(sim->nodes != NULL);
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        horizon = disk->exists && disk->state.horizon > horizon ? disk->state.horizon : horizon;
    }
    return (write->doubled || write->lost_with_rows) && write->entry->clock <= horizon;
}

/* All required nodes are equal here: what one has, all have. */
void sim_god_check(struct sim *sim) {
    char text[400];
    for (size_t i = 0; i < sim->acknowledged_count && !sim->failed; i++) {
        struct sim_acknowledged *write = &sim->acknowledged[i];
        size_t required = 0;
        size_t held = 0;
        const struct sim_node *lacks = NULL;
        if (write->cluster != 0) {
            continue;
        }
        for (size_t j = 0; j < sim->node_count; j++) {
            const struct sim_node *node = &sim->nodes[j];
            if (!sim_required(sim, node)) {
                continue;
            }
            required++;
            if (sim_disk_holds(sim, &node->disk, write->entry)) {
                held++;
            } else {
                lacks = lacks == NULL ? node : lacks;
            }
        }
        bool excused = held == 0 && (write->lost || write->out_of_reach || write->handed_over ||
                                     write->drop_forgotten || lost_below_horizon(sim, write) ||
                                     waits_in_kept(sim, write));
        sim->stats.excused += excused;
        if (held < required && !excused) {
            assert(lacks != NULL);
            missing_describe(sim, write, lacks, "an acknowledged write is missing", text);
            sim_fail(sim, "S2", CHAOS_VIOLATED, lacks, text);
            missing_trace(sim, write, lacks);
        }
    }
}

/* Only disks that are never reached again hold it: of nodes outside the healed core, of removed ones, of clones. */
bool sim_god_out_of_reach(const struct sim *sim, struct catalog_entry *entry) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (!sim_required(sim, node) &&
            (sim_disk_holds(sim, &node->disk, entry) || kept_holds(sim, &node->disk, entry))) {
            return true;
        }
    }
    return false;
}

static bool is_everywhere(const struct sim *sim, const struct sim_acknowledged *write) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (sim_required(sim, node) && !sim_disk_holds(sim, &node->disk, write->entry)) {
            return false;
        }
    }
    return true;
}

void sim_god_follow(struct sim *sim) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        struct sim_acknowledged *write = &sim->acknowledged[i];
        if (write->everywhere_ms == 0 && !write->lost && !write->handed_over &&
            !write->out_of_reach && is_everywhere(sim, write)) {
            write->everywhere_ms = sim->now_ms;
        }
    }
}

uint32_t sim_god_missing(const struct sim *sim, const struct sim_node *node) {
    uint32_t missing = 0;
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        const struct sim_acknowledged *write = &sim->acknowledged[i];
        bool same_cluster = write->cluster == node->cluster;
        missing += same_cluster && !write->lost && !write->out_of_reach && !write->handed_over &&
                   !sim_disk_holds(sim, &node->disk, write->entry);
    }
    return missing;
}

/* Over all nodes but one: the writes of the others that a node lacks, though it is not meant to be without them for ever. */
uint64_t sim_god_lag(const struct sim *sim, size_t except) {
    uint64_t lag = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        for (size_t j = 0; j < sim->acknowledged_count && i != except; j++) {
            const struct sim_acknowledged *write = &sim->acknowledged[j];
            lag += sim_required(sim, node) && write->node != except && !write->lost &&
                   !write->handed_over && write->cluster == node->cluster &&
                   !sim_disk_holds(sim, &node->disk, write->entry);
        }
    }
    return lag;
}

void sim_god_close(struct sim *sim) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        catalog_entry_release(sim->acknowledged[i].entry);
    }
    free(sim->acknowledged);
}
