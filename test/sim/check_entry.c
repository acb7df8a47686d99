/* check_entry.c - what is said of single entries and versions where they land on a disk: S3 (nothing goes back), S6 (a
 * (origin, clock) names one content for ever), and the meaning of `seen` (DESIGN 4.7). */
#include "test/sim/checker.h"

#include "catalog/entry.h"

#include <stdlib.h>
#include <string.h>

/* --- S3 ------------------------------------------------------------------------------------------------------------------------- */

/* Whether `after` is what a merge under this horizon makes of both. */
static bool is_merge_of(struct catalog_entry *before, struct catalog_entry *after,
                        catalog_clock horizon) {
    struct catalog_entry *merged = NULL;
    bool is = catalog_merge(&merkle_allocator_libc, before, after, horizon, &merged, NULL) == 0 &&
              merged != NULL && merkle_digest_equal(&merged->digest, &after->digest);
    catalog_entry_release(merged);
    return is;
}

/* A version that a removed member still had, and a disk took from it that was put back to a copy from before the removal: the
 * horizon does not wait for the removed one, and that disk had not heard of the removal. Outside the promises (decision 0023);
 * from there it may come to all. */
struct revived {
    struct catalog_id origin;
    catalog_clock clock;
    uint64_t slot;
};
enum { PUT_BACK_MS = 10000, VERSIONS_MAX = 64 };
struct s3 {
    struct revived *revived;
    size_t count, capacity;
};

static bool is_put_back(const struct sim *sim, const struct sim_node *node) {
    bool removed = false;
    for (size_t i = 0; i < sim->node_count; i++) {
        removed = removed || sim->nodes[i].removed || sim->nodes[i].removals_asked > 0;
    }
    return removed && node->replaced_ms != 0 && node->replaced_ms + PUT_BACK_MS > sim->now_ms;
}

static bool is_excused(struct sim *sim, const struct sim_node *node,
                       const struct catalog_version *version, uint64_t slot) {
    struct s3 *s3 = sim_checker_state(sim, &sim_check_s3);
    for (size_t i = 0; i < s3->count; i++) {
        if (s3->revived[i].slot == slot && s3->revived[i].clock == version->clock &&
            catalog_id_equal(&s3->revived[i].origin, &version->origin)) {
            return true;
        }
    }
    if (is_put_back(sim, node)) {
        PROBE("sim.revived_by_a_removed_member");
        s3->revived = sim_grow(s3->revived, s3->count, &s3->capacity, sizeof *s3->revived);
        s3->revived[s3->count++] = (struct revived){version->origin, version->clock, slot};
        return true;
    }
    return false;
}

/* Of a page the write was lost, and on the page before, good in itself, the version still lived: it is not taken from anybody
 * now, its row is only written again (pruned by the horizon, or merged). While it heals this disk gives it to nobody who is whole
 * (decision 0036), and when it has healed all its rows are looked at. */
static bool stood_on_old_page(const struct sim_node *node, const struct catalog_entry *before,
                              const struct catalog_version *version) {
    if (!node->disk.state.healing || !sim_entry_stands(before, version)) {
        return false;
    }
    PROBE("sim.row_of_old_page_written_again");
    return true;
}

/* A version that was dropped, and whose drop the horizon of this disk has passed, lives again. That the drop's row is gone
 * since does not matter: what versions there were, and which had seen which, is remembered beside the disks (causal.h).
 * `before`: the row in whose place it stands; NULL: there was none, or it does not matter. */
static void revived_look(struct sim *sim, struct sim_node *node, const struct catalog_entry *before,
                         const struct catalog_entry *entry, catalog_clock horizon) {
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(entry, versions, VERSIONS_MAX);
    bool any = sim_causal_any_passed(&sim->causal, entry->slot);
    for (size_t i = 0; any && i < count && i < VERSIONS_MAX; i++) {
        if (versions[i].state != CATALOG_DROPPED &&
            sim_causal_is_gone(&sim->causal, entry->slot, &versions[i].origin, versions[i].clock,
                               horizon) &&
            !stood_on_old_page(node, before, &versions[i]) &&
            !is_excused(sim, node, &versions[i], entry->slot)) {
            sim_violated(
                sim, &sim_check_s3, node,
                "a dropped version is live again, behind the horizon that passed its drop");
            return;
        }
    }
}

static void s3_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                   struct catalog_entry *after) {
    catalog_clock horizon = node->disk.landing_horizon;
    if (horizon != 0) {
        sim_checker_looked(sim, &sim_check_s3);
        revived_look(sim, node, before, after, horizon);
    }
    if (before == NULL || sim->failed ||
        !sim_entries_first(sim, before, after, horizon, SIM_MARK_S3)) {
        return;
    }
    sim_checker_looked(sim, &sim_check_s3);
    if (!is_merge_of(before, after, horizon)) {
        sim_violated(sim, &sim_check_s3, node,
                     "an entry on its disk is replaced by one that has not seen it");
    } else if (after->clock < before->clock) {
        sim_violated(sim, &sim_check_s3, node, "the version in force of an entry goes back");
    }
}

/* Rows leave a disk by the horizon alone, and only tombstones that it has passed; or, where damage has put old rows in their
 * place, what these were superseded by. */
static void s3_taken(struct sim *sim, struct sim_node *node, struct catalog_entry *before) {
    sim_checker_looked(sim, &sim_check_s3);
    if (!before->tombstone &&
        !sim_causal_accounts(&sim->causal, NULL, before, node->disk.landing_horizon)) {
        sim_violated(sim, &sim_check_s3, node,
                     "an entry that was not dropped is taken off its disk");
    } else if (before->tombstone && before->clock > node->disk.landing_horizon) {
        sim_violated(sim, &sim_check_s3, node,
                     "a tombstone is taken off its disk before the horizon has passed it");
    }
}

/* A horizon that passes a drop which this disk has not heard of would keep the dropped version alive here for ever. And who has
 * healed gives away whatever it has. */
static void s3_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                      const struct catalog_node_state *before) {
    catalog_clock horizon = batch->state.horizon;
    bool healed = before != NULL && before->healing && !batch->state.healing;
    if (!healed && horizon == (before == NULL ? 0 : before->horizon)) {
        return;
    }
    for (size_t i = 0; i < node->disk.entry_count && !sim->failed; i++) {
        revived_look(sim, node, NULL, node->disk.entries[i], horizon);
    }
}

static void s3_close(struct sim *sim) {
    struct s3 *s3 = sim_checker_state(sim, &sim_check_s3);
    free(s3->revived);
}

const struct sim_checker sim_check_s3 = {
    .id = "S3",
    .statement = "no entry moves to an older version, nothing that was dropped returns",
    .state_size_bytes = sizeof(struct s3),
    .close = s3_close,
    .put = s3_put,
    .taken = s3_taken,
    .landed = s3_landed,
};

/* --- S6 and `seen`: each version that was ever made ------------------------------------------------------------------------------- */

struct origin {
    struct catalog_id origin;
    catalog_clock clock; /* 0: free */
    uint64_t slot;
    struct merkle_digest content;
    size_t maker; /* the node on whose disk it was first */
    uint64_t time_ms;
};
struct s6 {
    struct origin *origins; /* open hash table */
    size_t count, capacity;
};

static struct origin *place(struct s6 *s6, const struct catalog_id *id, catalog_clock clock,
                            uint64_t slot) {
    uint64_t mix;
    memcpy(&mix, id->bytes, sizeof mix);
    size_t at = (size_t)((mix ^ clock ^ slot) * UINT64_C(0x9e3779b97f4a7c15)) % s6->capacity;
    while (s6->origins[at].clock != 0 &&
           (s6->origins[at].clock != clock || s6->origins[at].slot != slot ||
            !catalog_id_equal(&s6->origins[at].origin, id))) {
        at = (at + 1) % s6->capacity;
    }
    return &s6->origins[at];
}

static void grow(struct s6 *s6) {
    struct s6 old = *s6;
    s6->capacity = old.capacity == 0 ? 1024 : old.capacity * 2;
    s6->origins = sim_allocate(s6->capacity, sizeof *s6->origins);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.origins[i].clock != 0) {
            *place(s6, &old.origins[i].origin, old.origins[i].clock, old.origins[i].slot) =
                old.origins[i];
        }
    }
    free(old.origins);
}

/* A version is made: whoever has seen all up to its clock was wrong. Not so where a disk was put back or lied: its old
 * high-water mark lets it make versions that others think they have seen (DESIGN 4.7: it takes a new id; issue 4). */
static void made_look(struct sim *sim, const struct sim_node *by, catalog_clock clock) {
    for (size_t i = 0; i < sim->node_count && !by->outside_promises; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node->disk.exists && node->disk.state.seen >= clock && node->cluster == by->cluster &&
            !by->removed && by->removals_asked == 0) {
            sim_violated(sim, &sim_check_seen, node, "%s makes a version below the `seen` of %s",
                         by->name, node->name);
        }
    }
}

static void s6_version(struct sim *sim, struct sim_node *node, uint64_t slot,
                       const struct catalog_version *version) {
    struct s6 *s6 = sim_checker_state(sim, &sim_check_s6);
    if (s6->count * 2 >= s6->capacity) {
        grow(s6);
    }
    struct origin *at = place(s6, &version->origin, version->clock, slot);
    struct merkle_digest content = merkle_digest_of(version->bytes, version->size_bytes, 0);
    sim_checker_looked(sim, &sim_check_s6);
    if (at->clock == 0) {
        *at = (struct origin){version->origin, version->clock, slot,
                              content,         node->index,    sim->now_ms};
        s6->count++;
        made_look(sim, node, version->clock);
    } else if (!merkle_digest_equal(&at->content, &content)) {
        sim_violated(sim, &sim_check_s6, node, "another content under a known (origin, clock)");
    }
}

static void s6_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                   struct catalog_entry *after) {
    struct catalog_version versions[VERSIONS_MAX];
    (void)before;
    if (!sim_entry_first(sim, after, SIM_MARK_S6)) {
        return;
    }
    size_t count = catalog_entry_versions(after, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX && !sim->failed; i++) {
        s6_version(sim, node, after->slot, &versions[i]);
    }
}

static void s6_close(struct sim *sim) {
    struct s6 *s6 = sim_checker_state(sim, &sim_check_s6);
    free(s6->origins);
}

const struct sim_checker sim_check_s6 = {
    .id = "S6",
    .statement = "(origin, clock) names one content of one entry for ever",
    .state_size_bytes = sizeof(struct s6),
    .put = s6_put,
    .close = s6_close,
};

/* What this disk says of the origin in the entry of this slot; 0: nothing. */
static catalog_clock known_clock(const struct sim_disk *disk, uint64_t slot,
                                 const struct catalog_id *origin) {
    enum { PAIRS_MAX = 1024 };
    static struct catalog__pair pairs[PAIRS_MAX];
    catalog_clock clock = 0;
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct catalog_entry *entry = disk->entries[i];
        size_t count = entry->slot == slot ? catalog__entry_pair_count(entry) : 0;
        if (count == 0 || count > PAIRS_MAX) {
            continue;
        }
        catalog__entry_pairs(entry, pairs);
        for (size_t j = 0; j < count; j++) {
            bool same = catalog_id_equal(&pairs[j].origin, origin);
            clock = same && pairs[j].clock > clock ? pairs[j].clock : clock;
        }
    }
    return clock;
}

/* A node that still knows a version that was made; NULL: only disks outside the promises do. */
static const struct sim_node *holder_of(const struct sim *sim, const struct origin *made) {
    for (size_t i = 0; i < sim->node_count; i++) {
        if (known_clock(&sim->nodes[i].disk, made->slot, &made->origin) >= made->clock &&
            !sim->nodes[i].removed && sim->nodes[i].removals_asked == 0 &&
            sim->nodes[i].clone_of == SIZE_MAX &&
            sim->nodes[i].cluster == sim->nodes[made->maker].cluster) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}

static void seen_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                        const struct catalog_node_state *before) {
    const struct s6 *s6 = sim_checker_state(sim, &sim_check_s6);
    catalog_clock seen = batch->state.seen;
    catalog_clock seen_before = before == NULL ? 0 : before->seen;
    if (seen <= seen_before) {
        return;
    }
    sim_checker_looked(sim, &sim_check_seen);
    for (size_t i = 0; i < s6->capacity; i++) {
        const struct origin *made = &s6->origins[i];
        const struct sim_node *maker = &sim->nodes[made->maker];
        if (maker->cluster == node->cluster && !maker->outside_promises &&
            /* What its horizon has passed was looked for when its `seen` passed it. */
            made->clock > seen_before && made->clock <= seen &&
            made->clock > node->disk.state.horizon &&
            known_clock(&node->disk, made->slot, &made->origin) < made->clock) {
            const struct sim_node *holder = holder_of(sim, made);
            if (holder != NULL) {
                sim_violated(sim, &sim_check_seen, node,
                             "stores the `seen` %llx (before: %llx) above a version that it lacks, "
                             "and %s has: %llx, made by %s at %llu ms",
                             (unsigned long long)seen, (unsigned long long)seen_before,
                             holder->name, (unsigned long long)made->clock, maker->name,
                             (unsigned long long)made->time_ms);
                return;
            }
        }
    }
}

const struct sim_checker sim_check_seen = {
    .id = "SEEN",
    .statement =
        "all that any member made up to a node's `seen` is on its disk, and no more is made",
    .landed = seen_landed,
};
