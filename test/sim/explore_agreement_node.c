/* explore_agreement_node.c - what nodes do in the model of agreement: sessions, tables, joining, confirming, telling success.
 *
 * Who is required and whether that is enough is asked of gossip/agreement_rule.h, as the engine does.
 */
#include "test/sim/explore_agreement.h"

#include "gossip/agreement_rule.h"

#include <string.h>

static uint8_t bit_of(unsigned id) {
    return (uint8_t)(1u << id);
}

bool agreement_deals(const struct agreement_state *state, unsigned node, unsigned other) {
    uint8_t row = state->nodes[node].disk.table[other];
    return row == AGREEMENT_JOINING || row == AGREEMENT_READY;
}

bool agreement_is_removed(const struct agreement_state *state, unsigned id) {
    for (unsigned other = 0; other < state->ids_used; other++) {
        const struct agreement_node *node = &state->nodes[other];
        if (node->status == AGREEMENT_LIVE && node->disk.in_cluster &&
            node->disk.table[id] == AGREEMENT_GONE) {
            return true;
        }
    }
    return false;
}

bool agreement_session(const struct agreement_state *state, unsigned a, unsigned b) {
    return a != b && state->nodes[a].status == AGREEMENT_LIVE &&
           state->nodes[b].status == AGREEMENT_LIVE &&
           state->nodes[a].disk.table[b] != AGREEMENT_GONE &&
           state->nodes[b].disk.table[a] != AGREEMENT_GONE;
}

/* --- processes ------------------------------------------------------------------------------------------------------ */

void agreement_hello(struct agreement_state *state, unsigned plant, unsigned a, unsigned b) {
    bool waits = state->initiator == a || state->initiator == b;
    uint8_t other = bit_of(state->initiator == a ? b : a);
    if (!waits) {
        return;
    }
    if ((state->stale & other) != 0) {
        state->stale &= (uint8_t)~other;
        if (plant != AGREEMENT_PLANT_B09) {
            state->confirmed &= (uint8_t)~other;
        }
        state->forgot &= (uint8_t)~other; /* now it knows: what stands is its own claim */
    }
    for (unsigned i = 0; i < state->late_count; i++) {
        struct agreement_message *message = &state->late[i];
        if (message->from != AGREEMENT_NONE && bit_of(message->from) == other && message->stale &&
            plant != AGREEMENT_PLANT_B09) {
            *message = (struct agreement_message){.from = AGREEMENT_NONE};
        }
    }
}

static void give_up(struct agreement_state *state) {
    state->initiator = AGREEMENT_NONE;
    state->required = 0;
    state->confirmed = 0;
    state->stale = 0;
    state->forgot = 0;
    for (unsigned i = 0; i < state->late_count; i++) {
        state->late[i] = (struct agreement_message){.from = AGREEMENT_NONE};
    }
}

void agreement_restart(struct agreement_state *state, unsigned plant, unsigned node,
                       bool restored) {
    struct agreement_node *it = &state->nodes[node];
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (plant == AGREEMENT_PLANT_UNSTORED && (it->unstored >> id & 1) != 0) {
            it->disk.table[id] = AGREEMENT_UNKNOWN;
        }
    }
    it->flying = 0;
    it->unstored = 0;
    it->admitted = 0;
    it->through = 0;
    if (state->initiator == node) {
        give_up(state);
    }
    state->stale |= state->confirmed & bit_of(node);
    state->forgot |= restored ? state->confirmed & bit_of(node) : 0;
    for (unsigned i = 0; i < state->late_count; i++) {
        if (state->late[i].from == node) {
            state->late[i].stale = 1;
            state->late[i].forgot |= restored;
        }
    }
}

void agreement_end(struct agreement_state *state, unsigned node) {
    agreement_restart(state, AGREEMENT_PLANT_NONE, node, true);
    state->nodes[node] = (struct agreement_node){.status = AGREEMENT_ENDED};
}

static struct agreement_node *id_add(struct agreement_state *state, unsigned *id) {
    if (state->ids_used >= state->ids) {
        return NULL;
    }
    *id = state->ids_used++;
    state->nodes[*id] =
        (struct agreement_node){.status = AGREEMENT_LIVE, .disk = {.replaces = AGREEMENT_NONE}};
    state->nodes[*id].disk.table[*id] = AGREEMENT_JOINING;
    return &state->nodes[*id];
}

void agreement_join(struct agreement_state *state) {
    unsigned id;
    (void)id_add(state, &id);
}

void agreement_new_id(struct agreement_state *state, unsigned node) {
    unsigned id;
    struct agreement_disk old = state->nodes[node].disk;
    agreement_end(state, node);
    struct agreement_node *added = id_add(state, &id);
    if (added != NULL) {
        memcpy(added->disk.table, old.table, sizeof old.table);
        added->disk.table[node] = AGREEMENT_GONE;
        added->disk.table[id] = AGREEMENT_JOINING;
        added->disk.replaces = (uint8_t)node;
    }
}

/* --- members -------------------------------------------------------------------------------------------------------- */

void agreement_row(struct agreement_state *state, unsigned node, unsigned id, uint8_t row) {
    struct agreement_disk *disk = &state->nodes[node].disk;
    if (row <= disk->table[id]) {
        return;
    }
    if (id == node && row == AGREEMENT_GONE) {
        agreement_new_id(state, node);
        return;
    }
    disk->table[id] = row;
}

void agreement_hear(struct agreement_state *state, unsigned plant, unsigned a, unsigned b,
                    unsigned id) {
    const struct agreement_disk *other = &state->nodes[b].disk;
    uint8_t row = other->table[id];
    if (plant == AGREEMENT_PLANT_UNSTORED && row > state->nodes[a].disk.table[id]) {
        state->nodes[a].unstored |= bit_of(id);
    }
    agreement_hello(state, plant, a, b);
    agreement_row(state, a, id, row);
    if (id == b && other->replaces != AGREEMENT_NONE) {
        agreement_row(state, a, other->replaces, AGREEMENT_GONE);
    }
}

/* `a` gets an ADMIT of `b`: the table as it is there. */
bool agreement_admit(struct agreement_state *state, unsigned plant, unsigned a, unsigned b) {
    struct agreement_node *it = &state->nodes[a];
    uint8_t table[AGREEMENT_IDS_MAX];
    if (!agreement_session(state, a, b) || it->disk.ready || !state->nodes[b].disk.ready ||
        !agreement_deals(state, b, a)) {
        return false;
    }
    agreement_hello(state, plant, a, b);
    memcpy(table, state->nodes[b].disk.table, sizeof table);
    it->disk.in_cluster = 1;
    it->admitted |= bit_of(b);
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (id != a) {
            agreement_row(state, a, id, table[id]);
        }
    }
    return true;
}

static void join_counted(struct agreement_state *state, unsigned plant, unsigned node,
                         unsigned from) {
    struct agreement_node *it = &state->nodes[node];
    unsigned members = 0;
    unsigned through = 0;
    it->through |= bit_of(from);
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (id != node && it->disk.table[id] == AGREEMENT_READY) {
            members++;
            through += (it->through >> id & 1) != 0;
        }
    }
    unsigned needed = plant == AGREEMENT_PLANT_JOIN_ONE ? 1 : 2;
    if (members > 0 && through >= (members < needed ? members : needed)) {
        it->disk.ready = 1;
        it->solo = members == 1;
        it->disk.table[node] = AGREEMENT_READY;
        it->admitted = 0;
        it->through = 0;
    }
}

/* `a` has all that `b` has on its disk. */
void agreement_exchange(struct agreement_state *state, unsigned plant, unsigned a, unsigned b) {
    struct agreement_node *it = &state->nodes[a];
    agreement_hello(state, plant, a, b);
    it->disk.has |= state->nodes[b].disk.has;
    it->flying &= !it->disk.has;
    bool equal = memcmp(it->disk.table, state->nodes[b].disk.table, sizeof it->disk.table) == 0;
    bool admitted = (it->admitted >> b & 1) != 0;
    if (!it->disk.ready && (equal || plant == AGREEMENT_PLANT_JOIN_TABLES) &&
        (admitted || plant == AGREEMENT_PLANT_JOIN_BEFORE)) {
        join_counted(state, plant, a, b);
    }
}

/* --- agreeing ------------------------------------------------------------------------------------------------------- */

bool agreement_confirms(const struct agreement_state *state, unsigned plant, unsigned node) {
    const struct agreement_node *it = &state->nodes[node];
    bool has = it->disk.has || (plant == AGREEMENT_PLANT_MEMORY && it->flying);
    return (it->disk.ready && has) || (plant == AGREEMENT_PLANT_NOT_READY && !it->disk.ready);
}

void agreement_confirmed(struct agreement_state *state, unsigned plant, unsigned from,
                         const uint8_t *table) {
    const struct agreement_disk *own = &state->nodes[state->initiator].disk;
    bool equal = memcmp(own->table, table, sizeof own->table) == 0;
    if (agreement_deals(state, state->initiator, from) &&
        (equal || plant == AGREEMENT_PLANT_TABLES)) {
        state->confirmed |= bit_of(from);
    }
}

bool agreement_may_succeed(const struct agreement_state *state, unsigned plant, bool skip_dead,
                           uint8_t dead) {
    const struct agreement_node *it = &state->nodes[state->initiator];
    struct gossip__agreement_tally tally = {0};
    const struct gossip__agreement_terms terms = {.skip_dead =
                                                      skip_dead || plant == AGREEMENT_PLANT_B08};
    for (unsigned id = 0; id < state->ids_used; id++) {
        bool self = id == state->initiator;
        bool free = (plant == AGREEMENT_PLANT_JOINING && it->disk.table[id] == AGREEMENT_JOINING) ||
                    (plant == AGREEMENT_PLANT_B10 && (state->required >> id & 1) == 0);
        if ((!self && free) || it->disk.table[id] == AGREEMENT_UNKNOWN) {
            continue;
        }
        const struct gossip__agreement_standing standing = {
            .removed = it->disk.table[id] == AGREEMENT_GONE,
            .gone = !self && (dead >> id & 1) != 0,
            .confirmed = self ? it->disk.has || plant == AGREEMENT_PLANT_SELF
                              : (state->confirmed >> id & 1) != 0,
        };
        gossip__agreement_count(&tally, &standing, &terms);
    }
    bool minority = plant == AGREEMENT_PLANT_MINORITY && skip_dead &&
                    tally.confirmed + tally.skipped == tally.required;
    return gossip__agreement_succeeds(&tally) || minority;
}

/* S4: each true member that nobody removed has it on disk, on the lineage on which it confirmed. A disk that was put back
 * after it confirmed, and of which the initiator cannot know yet, is another lineage. */
void agreement_succeed(struct agreement_state *state, uint8_t skipped) {
    bool forgetful = state->restores + state->losses > 0;
    for (unsigned id = 0; id < state->ids_used; id++) {
        const struct agreement_node *node = &state->nodes[id];
        bool unknown = state->nodes[state->initiator].disk.table[id] == AGREEMENT_UNKNOWN;
        bool excused = (skipped >> id & 1) != 0 ||
                       ((state->confirmed & state->forgot) >> id & 1) != 0 ||
                       (forgetful && unknown && (skipped != 0 || node->solo)) ||
                       (skipped != 0 && unknown && node->solo) ||
                       (state->restores > 0 && state->removals > 0 && unknown);
        if (node->status == AGREEMENT_LIVE && node->disk.ready && !node->disk.has && !excused &&
            !agreement_is_removed(state, id)) {
            state->failed = 1;
        }
    }
    give_up(state);
}
