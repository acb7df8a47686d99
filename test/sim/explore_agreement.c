/* explore_agreement.c - model 2: "agreed" is told only if it is true (DESIGN 7.4, 7.5; G6, S4 of the faults' list).
 *
 * WHAT IS CHECKED. At the instant at which an initiator tells success for a version, every true member (an id whose disk
 * lives, that has been ready, and that no live member has as removed) has the version, or what superseded it, on its disk.
 * Whether the initiator knows of that member makes no difference: that is what the rules have to see to. With skip_dead
 * the members that are left out are excepted, and the confirmed ones are a majority of all that the initiator knows.
 * Excepted too is a disk that was put back to a copy after its member had confirmed, until that member has said hello: the
 * initiator cannot know of it, and what it says is what was true when each confirmed. And where
 * a disk was lost or put back, members of which nobody else can know: who was admitted by the one member that there was, and,
 * with skip_dead, whoever only that disk and those that are left out have met; or that disk, put back, and who was removed.
 *
 * THE WORLD. Ready members with equal tables; one version, written by any of them. At any moment, in any order: it is pushed
 * on (into memory, then to disk), or pulled by an exchange; members hear of members, row by row; newcomers begin, have
 * their row stored, are admitted, and walk, by the rules of 7.4; any member that is ready begins an agreement, hears
 * confirmations, at once or late, tells success as soon as the rule allows it, or gives up; processes crash, with what was
 * in memory; disks are put back to a copy or lost; the operator removes members; who learns that it was removed begins as a
 * newcomer under a new id.
 *
 * WHY IT IS ENOUGH.
 *   1. One version: an agreement on one asks nothing about others, and what supersedes it counts as it. An agreement on
 *      the whole catalog is one on all its entries, confirmed by exchanges that began after it did.
 *   2. One agreement at a time: they share nothing but the tables.
 *   3. Messages are lost by not being sent. Late are confirmations (`late` of them): until then their sender and the table
 *      of the initiator may have changed in any way. A late question is a question that is asked later. Late rows of the
 *      table say less than those that are heard; late ADMITs bring a table that says less, and a flag that only lets walks
 *      count: with an earlier one more walks count, which is modelled by admitting early.
 *   4. A crash takes what is in memory; rows of members and what exchanges brought are on disk before anything follows.
 *   5. Removal of entries (4.7) is not in it: model 1 shows that an absent entry at or below the horizon was had by all.
 *   6. Who is "dead" is the initiator's own judgement, which can be wrong: any set of members that have not confirmed.
 * Ids are interchangeable, as in model 1.
 */
#include "test/sim/explore_agreement.h"

#include <string.h>

static void emit(struct explore_sink *sink, const struct agreement_state *after, unsigned kind,
                 unsigned a, unsigned b, unsigned c) {
    struct explore_step step = {(uint8_t)kind, (uint8_t)a, (uint8_t)b, (uint8_t)c};
    explore_emit(sink, step, after);
}

/* --- one node ------------------------------------------------------------------------------------------------------- */

static void version_emit(const struct explore_world *world, const struct agreement_state *state,
                         unsigned a, struct explore_sink *sink) {
    const struct agreement_node *node = &state->nodes[a];
    struct agreement_state next = *state;
    if (!state->written && node->disk.ready) {
        next.written = 1;
        next.nodes[a].flying = 1;
        emit(sink, &next, AGREEMENT_STEP_WRITE, a, 0, 0);
    }
    if (node->flying) {
        next = *state;
        next.nodes[a].flying = 0;
        next.nodes[a].disk.has = 1;
        emit(sink, &next, AGREEMENT_STEP_STORE, a, 0, 0);
    }
    bool knows = node->disk.has || node->flying;
    if (state->initiator == AGREEMENT_NONE && node->disk.ready && knows &&
        state->begun < world->limits.writes) {
        next = *state;
        next.initiator = (uint8_t)a;
        next.begun++;
        for (unsigned id = 0; id < state->ids_used && world->plant == AGREEMENT_PLANT_B10; id++) {
            next.required |= agreement_deals(state, a, id) ? (uint8_t)(1u << id) : 0;
        }
        emit(sink, &next, AGREEMENT_STEP_BEGIN, a, 0, 0);
    }
}

static void disk_emit(const struct explore_world *world, const struct agreement_state *state,
                      unsigned a, struct explore_sink *sink) {
    const struct explore_limits *limits = &world->limits;
    struct agreement_state next = *state;
    bool live = state->nodes[a].status == AGREEMENT_LIVE && state->nodes[a].disk.in_cluster;
    if (live && state->crashes < limits->crashes) {
        next.crashes++;
        agreement_restart(&next, world->plant, a, false);
        emit(sink, &next, AGREEMENT_STEP_CRASH, a, 0, 0);
    }
    if (live && state->copied == AGREEMENT_NONE && state->restores < limits->restores) {
        next = *state;
        next.copied = (uint8_t)a;
        next.copy = state->nodes[a].disk;
        emit(sink, &next, AGREEMENT_STEP_COPY, a, 0, 0);
    }
    if (state->copied == a) {
        next = *state;
        next.restores++;
        agreement_restart(&next, world->plant, a, true);
        next.nodes[a].status = AGREEMENT_LIVE;
        next.nodes[a].disk = state->copy;
        next.copied = AGREEMENT_NONE;
        memset(&next.copy, 0, sizeof next.copy);
        emit(sink, &next, AGREEMENT_STEP_RESTORE, a, 0, 0);
    }
    if (live && state->losses < limits->losses) {
        next = *state;
        next.losses++;
        agreement_end(&next, a);
        emit(sink, &next, AGREEMENT_STEP_LOSE, a, 0, 0);
    }
}

/* --- two nodes ------------------------------------------------------------------------------------------------------ */

static void removals_emit(const struct explore_world *world, const struct agreement_state *state,
                          unsigned a, unsigned b, struct explore_sink *sink) {
    struct agreement_state next = *state;
    if (state->nodes[a].disk.ready && agreement_deals(state, a, b) &&
        state->removals < world->limits.removals) {
        next.removals++;
        agreement_row(&next, a, b, AGREEMENT_GONE);
        emit(sink, &next, AGREEMENT_STEP_REMOVE, a, b, 0);
    }
    if (state->nodes[a].status == AGREEMENT_LIVE && state->nodes[b].status == AGREEMENT_LIVE &&
        state->nodes[b].disk.table[a] == AGREEMENT_GONE) {
        next = *state;
        agreement_new_id(&next, a);
        emit(sink, &next, AGREEMENT_STEP_TOLD, a, b, 0);
    }
}

static void rows_emit(const struct explore_world *world, const struct agreement_state *state,
                      unsigned a, unsigned b, struct explore_sink *sink) {
    const struct agreement_disk *own = &state->nodes[a].disk;
    const struct agreement_disk *other = &state->nodes[b].disk;
    if (!own->in_cluster) {
        return;
    }
    for (unsigned id = other->in_cluster ? 0 : b;
         id < (other->in_cluster ? state->ids_used : b + 1u); id++) {
        bool replaces = id == b && other->replaces != AGREEMENT_NONE &&
                        own->table[other->replaces] != AGREEMENT_GONE;
        if (other->table[id] > own->table[id] || replaces) {
            struct agreement_state next = *state;
            agreement_hear(&next, world->plant, a, b, id);
            emit(sink, &next, AGREEMENT_STEP_ROW, a, b, id);
        }
    }
}

static void exchange_emit(const struct explore_world *world, const struct agreement_state *state,
                          unsigned a, unsigned b, struct explore_sink *sink) {
    struct agreement_state next = *state;
    if (agreement_admit(&next, world->plant, a, b)) {
        emit(sink, &next, AGREEMENT_STEP_ADMIT, a, b, 0);
    }
    if (!agreement_deals(state, a, b) || !agreement_deals(state, b, a) ||
        !state->nodes[a].disk.in_cluster || !state->nodes[b].disk.in_cluster) {
        return;
    }
    next = *state;
    agreement_exchange(&next, world->plant, a, b);
    emit(sink, &next, AGREEMENT_STEP_EXCHANGE, a, b, 0);
    const struct agreement_node *node = &state->nodes[a];
    if (state->nodes[b].disk.has && !node->disk.has && !node->flying) {
        next = *state;
        agreement_hello(&next, world->plant, a, b);
        next.nodes[a].flying = 1;
        emit(sink, &next, AGREEMENT_STEP_PUSH, a, b, 0);
    }
}

/* `b` is asked by the initiator `a`. */
static void confirm_emit(const struct explore_world *world, const struct agreement_state *state,
                         unsigned a, unsigned b, struct explore_sink *sink) {
    struct agreement_state next = *state;
    if (state->initiator != a) {
        return;
    }
    if ((state->stale >> b & 1) != 0) {
        agreement_hello(&next, world->plant, a, b);
        emit(sink, &next, AGREEMENT_STEP_HELLO, a, b, 0);
    }
    if (!agreement_deals(state, a, b) || !agreement_deals(state, b, a) ||
        !agreement_confirms(state, world->plant, b)) {
        return;
    }
    next = *state;
    agreement_hello(&next, world->plant, a, b);
    struct agreement_state asked = next;
    agreement_confirmed(&next, world->plant, b, state->nodes[b].disk.table);
    emit(sink, &next, AGREEMENT_STEP_CONFIRM, a, b, 0);
    if (state->late_count < world->limits.late) {
        next = asked;
        struct agreement_message *message = &next.late[next.late_count++];
        *message = (struct agreement_message){.from = (uint8_t)b};
        memcpy(message->table, state->nodes[b].disk.table, sizeof message->table);
        emit(sink, &next, AGREEMENT_STEP_DELAY, a, b, 0);
    }
}

/* --- the end of an agreement ------------------------------------------------------------------------------------------ */

static void late_emit(const struct explore_world *world, const struct agreement_state *state,
                      struct explore_sink *sink) {
    for (unsigned i = 0; i < state->late_count; i++) {
        const struct agreement_message *message = &state->late[i];
        if (message->from == AGREEMENT_NONE) {
            continue;
        }
        struct agreement_state next = *state;
        uint8_t bit = (uint8_t)(1u << message->from);
        agreement_confirmed(&next, world->plant, message->from, message->table);
        if ((next.confirmed & ~state->confirmed & bit) != 0) {
            next.stale |= message->stale ? bit : 0;
            next.forgot |= message->forgot ? bit : 0;
        }
        emit(sink, &next, AGREEMENT_STEP_LATE, state->initiator, message->from, 0);
    }
}

static void success_emit(const struct explore_world *world, const struct agreement_state *state,
                         struct explore_sink *sink) {
    unsigned a = state->initiator;
    if (agreement_may_succeed(state, world->plant, false,
                              world->plant == AGREEMENT_PLANT_B08 ? 0xff : 0)) {
        struct agreement_state next = *state;
        agreement_succeed(&next, 0);
        emit(sink, &next, AGREEMENT_STEP_SUCCEED, a, 0, 0);
    }
    uint8_t all = (uint8_t)((1u << state->ids_used) - 1);
    for (unsigned dead = 1; dead <= all; dead++) {
        bool silent = (dead & (state->confirmed | 1u << a)) == 0;
        if (silent && agreement_may_succeed(state, world->plant, true, (uint8_t)dead)) {
            struct agreement_state next = *state;
            agreement_succeed(&next, (uint8_t)dead);
            emit(sink, &next, AGREEMENT_STEP_SKIP, a, dead, 0);
        }
    }
    if (state->begun < world->limits.writes) {
        struct agreement_state next = *state;
        agreement_restart(&next, AGREEMENT_PLANT_NONE, a, false);
        next.nodes[a] = state->nodes[a];
        emit(sink, &next, AGREEMENT_STEP_GIVE_UP, a, 0, 0);
    }
}

/* --- the model -------------------------------------------------------------------------------------------------------- */

static void begin(const struct explore_world *world, void *memory) {
    struct agreement_state *state = memory;
    state->ids = (uint8_t)(world->limits.nodes + world->limits.joins);
    state->ids_used = (uint8_t)world->limits.nodes;
    state->copied = AGREEMENT_NONE;
    state->initiator = AGREEMENT_NONE;
    for (unsigned i = 0; i < AGREEMENT_LATE_MAX; i++) {
        state->late[i].from = AGREEMENT_NONE;
    }
    for (unsigned id = 0; id < world->limits.nodes; id++) {
        state->nodes[id] = (struct agreement_node){
            .status = AGREEMENT_LIVE,
            .disk = {.ready = 1, .in_cluster = 1, .replaces = AGREEMENT_NONE},
        };
        memset(state->nodes[id].disk.table, AGREEMENT_READY, world->limits.nodes);
    }
}

static void expand(const struct explore_world *world, const void *memory,
                   struct explore_sink *sink) {
    const struct agreement_state *state = memory;
    for (unsigned a = 0; a < state->ids_used; a++) {
        version_emit(world, state, a, sink);
        disk_emit(world, state, a, sink);
        for (unsigned b = 0; b < state->ids_used; b++) {
            if (a != b) {
                removals_emit(world, state, a, b, sink);
            }
            if (agreement_session(state, a, b)) {
                rows_emit(world, state, a, b, sink);
                exchange_emit(world, state, a, b, sink);
                confirm_emit(world, state, a, b, sink);
            }
        }
    }
    if (state->initiator != AGREEMENT_NONE) {
        late_emit(world, state, sink);
        success_emit(world, state, sink);
    }
    if (state->ids_used < state->ids) {
        struct agreement_state next = *state;
        agreement_join(&next);
        emit(sink, &next, AGREEMENT_STEP_JOIN, state->ids_used, 0, 0);
    }
}

static const char *unfit(const struct explore_world *world) {
    const struct explore_limits *limits = &world->limits;
    return limits->nodes < 1 || limits->nodes + limits->joins > AGREEMENT_IDS_MAX
               ? "nodes and joins are 1 to 5 together"
           : limits->late > AGREEMENT_LATE_MAX ? "at most 2 messages are late"
                                               : NULL;
}

static const struct explore_plant plants[] = {
#define X(symbol, name, what) {name, what},
    AGREEMENT_PLANTS(X)
#undef X
};

const struct explore_model explore_agreement = {
    .name = "agreement",
    .what = "agreed is told only if every member has it on disk",
    .state_size_bytes = sizeof(struct agreement_state),
    .plants = plants,
    .plant_count = sizeof plants / sizeof plants[0],
    .small = {.nodes = 2, .joins = 1, .writes = 1, .late = 1, .crashes = 1},
    .unfit = unfit,
    .begin = begin,
    .expand = expand,
    .canonical = agreement_canonical,
    .broken = agreement_broken,
    .print_step = agreement_print_step,
    .print_state = agreement_print_state,
};
