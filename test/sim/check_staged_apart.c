/* check_staged_apart.c - STAGED: when a step is taken, all members have what it replaces; see check_staged.c.
 *
 * With skip_dead two questions are asked beside that, and neither can be answered from the true members alone:
 *
 *   a majority    is one of the members that the maker has to count: of its table, as it is about ids. Of an id that two disks
 *                 have borne (a clone) either may have confirmed, also one that is thrown away by now; and so may a disk that
 *                 was emptied since, if the maker has heard of its id since it was asked
 *   a newcomer    whom the maker has never heard of, and nobody that it counts had heard of when the change was asked for, was
 *                 admitted by those that are skipped, on their side of a partition: it is skipped with them. Whom one of those
 *                 that confirm knew, that one has named
 */
#include "test/sim/check_staged.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_MS = 10000 };

struct known_row {
    struct catalog_id id;
    uint64_t since_ms;
};
struct sim_staged_known {
    struct known_row *rows;
    size_t count, capacity;
};

struct sim_staged_decided {
    size_t maker;
    uint64_t slot;
    struct catalog_id *gone; /* whom it skips */
    size_t gone_count;
};

/* --- who knows whom --------------------------------------------------------------------------------------------------- */

static const struct known_row *row_find(const struct sim_staged_apart *apart,
                                        const struct sim_node *node, const struct catalog_id *id) {
    const struct sim_staged_known *known = apart->known == NULL ? NULL : &apart->known[node->index];
    for (size_t i = 0; known != NULL && i < known->count; i++) {
        if (catalog_id_equal(&known->rows[i].id, id)) {
            return &known->rows[i];
        }
    }
    return NULL;
}

static void rows_note(struct sim *sim, struct sim_staged_apart *apart, const struct sim_node *node,
                      const struct catalog_member_row *rows, size_t count) {
    if (apart->known == NULL && count > 0) {
        apart->known = sim_allocate(sim->node_capacity, sizeof *apart->known);
    }
    for (size_t i = 0; i < count && apart->known != NULL; i++) {
        struct sim_staged_known *known = &apart->known[node->index];
        if (row_find(apart, node, &rows[i].id) == NULL) {
            known->rows =
                sim_grow(known->rows, known->count, &known->capacity, sizeof *known->rows);
            known->rows[known->count++] =
                (struct known_row){.id = rows[i].id, .since_ms = sim->now_ms};
        }
    }
}

void sim__staged_apart_landed(struct sim *sim, struct sim_staged_apart *apart,
                              const struct sim_node *node, const struct sim_batch *batch) {
    if (sim->node_count <= SIM_SQUARE_CHECKS_MAX) {
        rows_note(sim, apart, node, batch->members, batch->member_count);
    }
}

void sim__staged_apart_replaced(struct sim *sim, struct sim_staged_apart *apart,
                                const struct sim_node *node) {
    if (apart->known != NULL) {
        apart->known[node->index].count = 0;
        rows_note(sim, apart, node, node->disk.members, node->disk.member_count);
    }
}

void sim__staged_apart_close(const struct sim *sim, struct sim_staged_apart *apart) {
    for (size_t i = 0; i < sim->node_capacity && apart->known != NULL; i++) {
        free(apart->known[i].rows);
    }
    free(apart->known);
    for (size_t i = 0; i < apart->decided_count; i++) {
        free(apart->decided[i].gone);
    }
    free(apart->decided);
}

/* --- who is skipped --------------------------------------------------------------------------------------------------- */

/* When what is under way may have been asked for at the earliest. */
static uint64_t asked_since_ms(struct sim *sim, const struct sim_staged_entry *entry) {
    uint64_t since_ms = UINT64_MAX;
    size_t at = 0;
    for (struct sim_asked *asked = sim__asked_next(sim, &at); asked != NULL;
         asked = sim__asked_next(sim, &at)) {
        if (asked->staged && asked->slot == entry->slot && asked->asked_ms < since_ms) {
            since_ms = asked->asked_ms;
        }
    }
    return since_ms == UINT64_MAX ? entry->asked_ms : since_ms;
}

static bool is_gone(const struct sim *sim, const struct sim_node *maker,
                    const struct gossip__member *member) {
    uint64_t limit_ms = maker->engine->config.freshness_limit_ms;
    uint64_t heard_ms = member->heard ? member->heard_ms : maker->started_ms;
    bool gone = member->state == GOSSIP_MEMBER_DEAD || member->state == GOSSIP_MEMBER_LEFT;
    return gone && sim->now_ms - heard_ms > limit_ms;
}

/* The last step of an entry is all that is on its way: the next one waits until it is stored. */
static struct sim_staged_decided *decided_find(const struct sim_staged_apart *apart,
                                               const struct sim_node *maker, uint64_t slot) {
    for (size_t i = 0; i < apart->decided_count; i++) {
        if (apart->decided[i].maker == maker->index && apart->decided[i].slot == slot) {
            return &apart->decided[i];
        }
    }
    return NULL;
}

void sim__staged_apart_decided(struct sim *sim, struct sim_staged_apart *apart,
                               const struct sim_node *maker, const struct sim_staged_entry *entry) {
    struct sim_staged_decided *decided = decided_find(apart, maker, entry->slot);
    if (decided == NULL) {
        apart->decided = sim_grow(apart->decided, apart->decided_count, &apart->decided_capacity,
                                  sizeof *apart->decided);
        decided = &apart->decided[apart->decided_count++];
        *decided = (struct sim_staged_decided){.maker = maker->index, .slot = entry->slot};
    }
    free(decided->gone);
    decided->gone = sim_allocate(maker->engine->member_count + 1, sizeof *decided->gone);
    decided->gone_count = 0;
    for (size_t i = 0; i < maker->engine->member_count; i++) {
        if (is_gone(sim, maker, maker->engine->members[i])) {
            decided->gone[decided->gone_count++] = maker->engine->members[i]->row.id;
        }
    }
}

static bool is_skipped(const struct sim *sim, const struct sim_staged_apart *apart,
                       const struct sim_staged_entry *entry, const struct sim_node *maker,
                       const struct sim_node *node) {
    const struct gossip__member *member = sim__member_of(maker, node);
    const struct sim_staged_decided *decided = decided_find(apart, maker, entry->slot);
    if (!entry->skips_dead || member == NULL) {
        return false;
    }
    for (size_t i = 0; decided != NULL && i < decided->gone_count; i++) {
        if (catalog_id_equal(&decided->gone[i], &member->row.id)) {
            return true;
        }
    }
    return is_gone(sim, maker, member);
}

/* A member that skipped ones have admitted, and none of those that count. */
static bool is_skipped_newcomer(struct sim *sim, const struct sim_staged_apart *apart,
                                const struct sim_staged_entry *entry, const struct sim_node *maker,
                                const struct sim_node *node) {
    uint64_t since_ms = asked_since_ms(sim, entry);
    bool by_skipped = false;
    if (sim__member_of(maker, node) != NULL || sim__is_met(maker, node)) {
        return false;
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        const struct known_row *row = row_find(apart, other, &node->disk.state.node_id);
        if (row == NULL || sim__member_of(maker, other) == NULL) {
            continue;
        }
        if (is_skipped(sim, apart, entry, maker, other)) {
            by_skipped = true;
        } else if (sim__is_true_member(sim, maker, other) && row->since_ms < since_ms) {
            return false;
        }
    }
    return by_skipped;
}

/* --- a majority ------------------------------------------------------------------------------------------------------- */

/* Its disk is not what it was a moment ago. */
static bool is_changed(const struct sim *sim, const struct sim_node *maker,
                       const struct sim_node *node) {
    return node->disk_lies ||
           (node->replaced_ms != 0 &&
            (node->replaced_ms + WINDOW_MS > sim->now_ms || !sim__is_met(maker, node)));
}

/* A clone whose disk was thrown away; the process that is left has not shaken hands with the maker since. */
static bool had_other_disk(const struct sim *sim, const struct sim_node *maker,
                           const struct sim_node *node) {
    for (size_t i = sim->scenario->node_count; i < sim->node_count; i++) {
        const struct sim_node *copy = &sim->nodes[i];
        if (copy->clone_of == node->index && !copy->disk.exists && !sim__is_met(maker, node)) {
            return true;
        }
    }
    return false;
}

static bool may_have_confirmed(struct sim *sim, const struct sim_node *maker,
                               const struct sim_staged_entry *entry, struct catalog_entry *before,
                               const struct gossip__member *member) {
    bool heard = member->heard && member->heard_ms >= asked_since_ms(sim, entry);
    bool borne = false;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (!node->disk.exists || !catalog_id_equal(&node->disk.state.node_id, &member->row.id)) {
            continue;
        }
        borne = true;
        if (sim_disk_holds(sim, &node->disk, before) ||
            (heard && (is_changed(sim, maker, node) || had_other_disk(sim, maker, node)))) {
            return true;
        }
    }
    return heard && !borne;
}

static void majority_look(struct sim *sim, struct sim_node *maker,
                          const struct sim_staged_entry *entry, struct catalog_entry *before) {
    size_t members = 1; /* the maker, on whose disk it stood just now */
    size_t holders = 1;
    for (size_t i = 0; i < maker->engine->member_count; i++) {
        const struct gossip__member *member = maker->engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED) {
            members++;
            holders += may_have_confirmed(sim, maker, entry, before, member);
        }
    }
    if (holders < members && 2 * holders <= members) {
        sim_violated(sim, &sim_check_staged, maker,
                     "takes a step of a staged change that no majority has the one before of");
    }
}

void sim__staged_apart_look(struct sim *sim, const struct sim_staged_apart *apart,
                            struct sim_node *maker, const struct sim_staged_entry *entry,
                            struct catalog_entry *before) {
    sim_checker_looked(sim, &sim_check_staged);
    if (before == NULL) {
        return; /* who has nothing of it has that */
    }
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (sim__is_true_member(sim, maker, node) && !sim_disk_holds(sim, &node->disk, before) &&
            !is_changed(sim, maker, node) && !is_skipped(sim, apart, entry, maker, node) &&
            !(entry->skips_dead && is_skipped_newcomer(sim, apart, entry, maker, node))) {
            sim_violated(sim, &sim_check_staged, maker,
                         "takes a step of a staged change, and %s does not have the one before",
                         node->name);
        }
    }
    if (!sim->failed && entry->skips_dead) {
        majority_look(sim, maker, entry, before);
    }
}
