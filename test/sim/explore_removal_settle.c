/* explore_removal_settle.c - from a state on nothing fails any more: do all members become equal, and do tombstones go?
 *
 * That is what "roots never differ over a removal" comes to: a difference that no exchange can remove would be one. Rounds
 * in which everybody hears of everybody, is admitted, exchanges with everybody and raises the horizon as far as it may;
 * until a round changes nothing. What holds then is what holds for ever.
 */
#include "test/sim/explore_removal.h"

#include <string.h>

enum { ROUNDS_MAX = 24 };

static void rows_hear(struct removal_state *state, unsigned plant, unsigned a, unsigned b) {
    const struct removal_disk *other = &state->nodes[b].disk;
    if (state->nodes[a].disk.table[b] == REMOVAL_GONE || other->table[a] == REMOVAL_GONE ||
        state->nodes[b].status != REMOVAL_LIVE || !removal_in_cluster(&state->nodes[a])) {
        return;
    }
    bool newcomer = other->admitter == REMOVAL_NONE;
    unsigned first = newcomer ? b : 0;
    unsigned end = newcomer ? b + 1u : state->ids_used;
    if (other->replaces != REMOVAL_NONE && plant != REMOVAL_PLANT_REPLACED) {
        removal_row(state, plant, a, other->replaces, REMOVAL_GONE);
    }
    for (unsigned id = first; id < end && removal_in_cluster(&state->nodes[a]); id++) {
        removal_row(state, plant, a, id, other->table[id]);
    }
}

static void exchange(struct removal_state *state, unsigned plant, unsigned a, unsigned b) {
    struct removal_message message = removal_digest_of(state, b, a);
    (void)removal_admit(state, plant, &message);
    for (unsigned try = 0; try < 2; try++) { /* horizons first */
        if (removal_in_cluster(&state->nodes[a]) && removal_in_cluster(&state->nodes[b]) &&
            removal_deals(state, a, b) && removal_deals(state, b, a)) {
            removal_exchange(state, plant, a, b);
        }
    }
}

static void round_of(struct removal_state *state, unsigned plant) {
    for (unsigned a = 0; a < state->ids_used; a++) {
        for (unsigned b = 0; b < state->ids_used; b++) {
            if (a == b || state->nodes[a].status != REMOVAL_LIVE) {
                continue;
            }
            if (removal_in_cluster(&state->nodes[b]) &&
                state->nodes[b].disk.table[a] == REMOVAL_GONE) {
                removal_new_id(state, a);
                continue;
            }
            rows_hear(state, plant, a, b);
            exchange(state, plant, a, b);
        }
        if (state->nodes[a].disk.ready) {
            removal_raise(state, plant, a, removal_horizon(state, plant, a));
        }
    }
}

/* A member that is gone, and that nobody removed, holds everything back, as it must. */
static bool is_held_back(const struct removal_state *state) {
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (state->nodes[id].status != REMOVAL_LIVE && !removal_is_removed(state, id)) {
            return true;
        }
    }
    return false;
}

static bool has_tombstone(const struct removal_state *state, const struct removal_disk *disk) {
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        struct removal_entry entry = disk->entries[key];
        if (entry.alive != 0 && removal_prune(state, 0, entry, UINT8_MAX).alive == 0) {
            return true;
        }
    }
    return false;
}

static const char *judge(const struct removal_state *state) {
    const struct removal_disk *first = NULL;
    unsigned members = 0;
    unsigned waiting = 0;
    for (unsigned id = 0; id < state->ids_used; id++) {
        const struct removal_node *node = &state->nodes[id];
        if (node->status != REMOVAL_LIVE) {
            continue;
        }
        if (!node->disk.ready) {
            waiting++;
            continue;
        }
        members++;
        first = first == NULL ? &node->disk : first;
        if (memcmp(first->entries, node->disk.entries, sizeof first->entries) != 0 ||
            first->horizon != node->disk.horizon) {
            return "no end: members stay unequal although nothing fails";
        }
    }
    if (members == 0 || is_held_back(state)) {
        return NULL;
    }
    if (waiting > 0) {
        return "no end: a newcomer does not become ready although nothing fails";
    }
    if (has_tombstone(state, first)) {
        return "no end: a tombstone stays although nothing fails";
    }
    return NULL;
}

const char *removal_unsettled(const struct explore_world *world,
                              const struct removal_state *state) {
    struct removal_state now = *state;
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        struct removal_state before = now;
        round_of(&now, world->plant);
        if (memcmp(&before, &now, sizeof now) == 0) {
            return judge(&now);
        }
    }
    return "no end: members go on changing although nothing fails";
}
