/* explore_staged.c - model 3: in a staged change no two members are ever more than one state apart (DESIGN 4.3, 7.6).
 *
 * WHAT IS CHECKED, in every state, for every two members (not removed by anybody, not skipped): what is in force on one and
 * on the other is the same, or one step of a staged change apart. In terms of what hosts do by it:
 *
 *      absent, dropped              demands nothing
 *      pending_add of b over p      demands p (nothing, if there is no p); writers may give b already
 *      active b                     demands b
 *      pending_drop of b            demands b
 *
 *   allowed are two that demand the same; pending_add of b beside active b; pending_drop of b beside dropped. Two changes
 *   that were begun at the same time, in conflict, demand the same and stop there until somebody resolves the conflict.
 *
 * THE WORLD. One entry, absent or active at the start (keys = 2); members with equal tables; up to `changes` staged changes in
 * all, of which two run at a time, each begun at any member, with any kind (set of either body, drop, abort), without or
 * (with `skips`) with skip_dead. Each goes on as gossip/staged_rule.h says; its deadline may pass at any time. Members take what others
 * have, or get it late; processes crash, and forget the changes that they run; the operator removes members (also the
 * owner), of which the others and the removed one hear later.
 *
 * WHY IT IS ENOUGH.
 *   1. An entry is the set of versions that nobody has superseded, and all that it has seen: DESIGN's merge without a
 *      horizon. That a horizon changes nothing of it is model 1.
 *   2. Agreement: a member confirms at any moment at which it may, and success is told at any moment at which the rule
 *      allows it. Restarts take no confirmation back, since no disk is put back here (that is model 2). Who joins takes
 *      what its members have: it is in the state of one of them, and required from then on: it adds nothing to what a
 *      member does that has heard nothing yet.
 *   3. Plain writes are not in it: they have no stages, and promise none; on what is pending they are refused.
 *   4. skip_dead leaves out any set of members that have not confirmed. How long they have been silent is not modelled:
 *      that protects their hosts (7.7), who are outside here until they have caught up. If one of them is not dead but
 *      has a change of its own under way, of which the others hear later, that is a conflict between what two majorities
 *      believed: who has a version of it beside another is outside as well. Nothing but a majority of all members for
 *      each step could prevent that, and then the dead would decide.
 * Nodes are interchangeable.
 */
#include "test/sim/explore_staged.h"

void staged_emit(struct explore_sink *sink, const struct staged_state *after, unsigned kind,
                 unsigned a, unsigned b, unsigned c) {
    struct explore_step step = {(uint8_t)kind, (uint8_t)a, (uint8_t)b, (uint8_t)c};
    explore_emit(sink, step, after);
}

/* --- changes ---------------------------------------------------------------------------------------------------------- */

static void begin_emit(const struct explore_world *world, const struct staged_state *state,
                       unsigned node, struct explore_sink *sink) {
    static const struct {
        uint8_t kind, body;
    } kinds[] = {{GOSSIP_STAGED_SET, 1},
                 {GOSSIP_STAGED_SET, 2},
                 {GOSSIP_STAGED_DROP, 0},
                 {GOSSIP_STAGED_ABORT, 0}};
    unsigned place = 0;
    while (place < STAGED_CHANGES_MAX && state->changes[place].kind != 0) {
        place++;
    }
    if (state->begun >= world->limits.changes || place == STAGED_CHANGES_MAX) {
        return;
    }
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (unsigned skip = 0; skip <= (world->limits.skips > 0); skip++) {
            struct staged_state next = *state;
            next.begun++;
            next.changes[place] = (struct staged_change){.kind = kinds[i].kind,
                                                         .node = (uint8_t)node,
                                                         .body = kinds[i].body,
                                                         .skip_dead = (uint8_t)skip};
            staged_emit(sink, &next, STAGED_STEP_BEGIN, node, kinds[i].body, kinds[i].kind);
        }
    }
}

/* --- entries ---------------------------------------------------------------------------------------------------------- */

/* DESIGN 4.2: a version survives if the other side holds it too, or has not seen it. */
static void take(struct staged_node *node, uint8_t known, uint8_t alive) {
    uint8_t both = node->alive & alive;
    uint8_t own = node->alive & (uint8_t)~known;
    uint8_t other = alive & (uint8_t)~node->known;
    node->alive = both | own | other;
    node->known |= known;
}

static void take_emit(const struct explore_world *world, const struct staged_state *state,
                      unsigned a, unsigned b, struct explore_sink *sink) {
    const struct staged_node *own = &state->nodes[a];
    const struct staged_node *other = &state->nodes[b];
    bool removed = (own->removed >> b & 1) != 0 && world->plant != STAGED_PLANT_REMOVED_HEARD;
    if (own->ended || other->ended || removed) {
        return;
    }
    if ((other->known & ~own->known) != 0) {
        struct staged_state next = *state;
        take(&next.nodes[a], other->known, other->alive);
        staged_emit(sink, &next, STAGED_STEP_TAKE, a, b, 0);
    }
    if (state->late_count < world->limits.late && other->alive != 0) {
        struct staged_state next = *state;
        next.late_count++;
        next.late_from = (uint8_t)b;
        next.late_known = other->known;
        next.late_alive = other->alive;
        staged_emit(sink, &next, STAGED_STEP_DELAY, b, 0, 0);
    }
}

static void late_emit(const struct explore_world *world, const struct staged_state *state,
                      unsigned node, struct explore_sink *sink) {
    const struct staged_node *own = &state->nodes[node];
    bool removed =
        (own->removed >> state->late_from & 1) != 0 && world->plant != STAGED_PLANT_REMOVED_HEARD;
    if (state->late_count == 0 || own->ended || removed || (state->late_known & ~own->known) == 0) {
        return;
    }
    struct staged_state next = *state;
    take(&next.nodes[node], state->late_known, state->late_alive);
    staged_emit(sink, &next, STAGED_STEP_LATE, node, state->late_from, 0);
}

/* --- members ---------------------------------------------------------------------------------------------------------- */

static void changes_end(struct staged_state *state, unsigned node) {
    for (unsigned i = 0; i < STAGED_CHANGES_MAX; i++) {
        if (state->changes[i].kind != 0 && state->changes[i].node == node) {
            state->changes[i] = (struct staged_change){0};
        }
    }
}

/* What was confirmed to a node under another table is asked for again. */
static void table_changed(struct staged_state *state, unsigned plant, unsigned node) {
    for (unsigned i = 0; i < STAGED_CHANGES_MAX; i++) {
        if (state->changes[i].node == node && plant != STAGED_PLANT_MEANWHILE) {
            state->changes[i].confirmed = 0;
        }
    }
}

static void members_emit(const struct explore_world *world, const struct staged_state *state,
                         unsigned a, unsigned b, struct explore_sink *sink) {
    const struct staged_node *own = &state->nodes[a];
    const struct staged_node *other = &state->nodes[b];
    struct staged_state next = *state;
    if (!own->ended && (own->removed >> b & 1) == 0 && state->removals < world->limits.removals) {
        next.removals++;
        next.removed_ever |= (uint8_t)(1u << b);
        next.nodes[a].removed |= (uint8_t)(1u << b);
        table_changed(&next, world->plant, a);
        staged_emit(sink, &next, STAGED_STEP_REMOVE, a, b, 0);
    }
    bool session = !own->ended && !other->ended && (own->removed >> b & 1) == 0;
    if (session && (other->removed >> a & 1) != 0) {
        next = *state;
        changes_end(&next, a);
        next.nodes[a] = (struct staged_node){.ended = 1};
        staged_emit(sink, &next, STAGED_STEP_TOLD, a, b, 0);
    } else if (session && (other->removed & ~own->removed) != 0) {
        next = *state;
        next.nodes[a].removed |= other->removed;
        table_changed(&next, world->plant, a);
        staged_emit(sink, &next, STAGED_STEP_HEAR, a, b, 0);
    }
}

/* --- the model -------------------------------------------------------------------------------------------------------- */

static void begin(const struct explore_world *world, void *memory) {
    struct staged_state *state = memory;
    state->node_count = (uint8_t)world->limits.nodes;
    if (world->limits.keys == 2) {
        state->writes[state->write_count++] =
            (struct staged_write){.clock = 1, .state = CATALOG_ACTIVE, .body = 1};
        for (unsigned id = 0; id < state->node_count; id++) {
            state->nodes[id].known = 1;
            state->nodes[id].alive = 1;
        }
    }
}

static void expand(const struct explore_world *world, const void *memory,
                   struct explore_sink *sink) {
    const struct staged_state *state = memory;
    for (unsigned a = 0; a < state->node_count; a++) {
        if (!state->nodes[a].ended) {
            begin_emit(world, state, a, sink);
            late_emit(world, state, a, sink);
        }
        if (state->crashes < world->limits.crashes) {
            struct staged_state next = *state;
            next.crashes++;
            changes_end(&next, a);
            staged_emit(sink, &next, STAGED_STEP_CRASH, a, 0, 0);
        }
        for (unsigned b = 0; b < state->node_count; b++) {
            if (a != b) {
                take_emit(world, state, a, b, sink);
                members_emit(world, state, a, b, sink);
            }
        }
    }
    for (unsigned i = 0; i < STAGED_CHANGES_MAX; i++) {
        if (state->changes[i].kind != 0) {
            staged_change_emit(world, state, i, sink);
        }
    }
}

static const char *unfit(const struct explore_world *world) {
    const struct explore_limits *limits = &world->limits;
    return limits->nodes < 1 || limits->nodes > STAGED_NODES_MAX ? "there are 1 to 4 nodes"
           : limits->writes > STAGED_WRITES_MAX                  ? "there are at most 8 writes"
           : limits->keys < 1 || limits->keys > 2
               ? "keys: 1, the entry is absent at the start, or 2, it is there"
           : limits->late > 1 ? "at most one message is late"
                              : NULL;
}

static const struct explore_plant plants[] = {
#define X(symbol, name, what) {name, what},
    STAGED_PLANTS(X)
#undef X
};

const struct explore_model explore_staged = {
    .name = "staged",
    .what = "no two members are more than one state apart",
    .state_size_bytes = sizeof(struct staged_state),
    .plants = plants,
    .plant_count = sizeof plants / sizeof plants[0],
    .small = {.nodes = 2, .keys = 2, .changes = 2, .writes = 4, .crashes = 1},
    .unfit = unfit,
    .begin = begin,
    .expand = expand,
    .canonical = staged_canonical,
    .broken = staged_broken,
    .print_step = staged_print_step,
    .print_state = staged_print_state,
};
