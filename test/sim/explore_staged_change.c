/* explore_staged_change.c - the life of one staged change in the model: decided by gossip/staged_rule.h and agreed by
 * gossip/agreement_rule.h, as in the engine. */
#include "test/sim/explore_staged.h"

#include "gossip/agreement_rule.h"
#include "gossip/staged_rule.h"

#include <assert.h>

static uint8_t bit_of(unsigned index) {
    return (uint8_t)(1u << index);
}

/* --- deciding --------------------------------------------------------------------------------------------------------- */

static struct gossip__staged_view view_of(const struct staged_state *state, unsigned plant,
                                          const struct staged_change *change) {
    const struct staged_node *node = &state->nodes[change->node];
    const struct staged_write *write = staged_in_force(state, node->alive);
    if (write == NULL) {
        return (struct gossip__staged_view){.present = false};
    }
    bool pending = write->state == CATALOG_PENDING_ADD || write->state == CATALOG_PENDING_DROP;
    bool taken = (node->removed >> write->owner & 1) != 0 || plant == STAGED_PLANT_NOT_OWNER;
    return (struct gossip__staged_view){
        .present = true,
        .conflict = staged_conflict(state, node->alive) && plant != STAGED_PLANT_SUPERSEDED_NOW,
        .state = (enum catalog_state)write->state,
        .same_body = write->body == change->body,
        .has_previous = write->previous != 0 && plant != STAGED_PLANT_PREVIOUS,
        .owned = !pending || write->owner == change->node || taken,
        .own = write->owner == change->node || plant == STAGED_PLANT_ABORT,
        .agreed = change->agreed == node->alive || plant == STAGED_PLANT_NO_AGREEMENT ||
                  (change->agreed != 0 && plant == STAGED_PLANT_SUPERSEDED_NOW),
    };
}

static uint8_t body_of(const struct staged_write *stands, const struct staged_change *change,
                       enum gossip__staged_body body) {
    if (body == GOSSIP__STAGED_BODY_WANTED) {
        return change->body;
    }
    assert(stands != NULL);
    return body == GOSSIP__STAGED_BODY_PREVIOUS ? stands->previous : stands->body;
}

/* The step with this clock. */
static void write_step(struct staged_state *state, struct staged_change *change,
                       const struct gossip__staged_step *step, unsigned clock) {
    struct staged_node *node = &state->nodes[change->node];
    const struct staged_write *stands = staged_in_force(state, node->alive);
    bool over_active = stands != NULL && stands->state == CATALOG_ACTIVE;
    unsigned index = state->write_count++;
    struct staged_write write = {
        .clock = (uint8_t)clock,
        .state = (uint8_t)step->state,
        .owner = change->node,
        .past = node->known,
    };
    if (step->state != CATALOG_DROPPED) {
        write.body = body_of(stands, change, step->body);
    }
    if (step->state == CATALOG_PENDING_ADD && over_active) {
        write.previous = stands->body;
    }
    state->writes[index] = write;
    state->stray |= node->skipped ? bit_of(index) : 0;
    node->known |= bit_of(index);
    node->alive = bit_of(index);
    change->begun = 1;
    change->agreed = 0;
}

static unsigned clock_highest(const struct staged_state *state, uint8_t set) {
    unsigned highest = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        bool higher = (set >> i & 1) != 0 && state->writes[i].clock > highest;
        highest = higher ? state->writes[i].clock : highest;
    }
    return highest;
}

/* Clocks are above what the node knows; where others have written meanwhile, below, at or above theirs. */
static void writes_emit(const struct explore_world *world, const struct staged_state *state,
                        unsigned index, const struct gossip__staged_step *step,
                        struct explore_sink *sink) {
    const struct staged_change *change = &state->changes[index];
    unsigned own = clock_highest(state, state->nodes[change->node].known);
    unsigned highest = clock_highest(state, 0xff);
    for (unsigned clock = own + 1;
         clock <= highest + 1 && state->write_count < world->limits.writes; clock++) {
        struct staged_state next = *state;
        write_step(&next, &next.changes[index], step, clock);
        staged_emit(sink, &next, STAGED_STEP_WRITE, change->node, step->state, clock);
    }
}

static void decide_emit(const struct explore_world *world, const struct staged_state *state,
                        unsigned index, struct explore_sink *sink) {
    const struct staged_change *change = &state->changes[index];
    struct gossip__staged_view view = view_of(state, world->plant, change);
    struct gossip__staged_step step =
        gossip__staged_next((enum gossip_staged)change->kind, change->begun, &view);
    struct staged_state next = *state;
    const struct staged_node *node = &state->nodes[change->node];
    const struct staged_write *stands = staged_in_force(state, node->alive);
    switch (step.move) {
    case GOSSIP__STAGED_AGREE:
        next.changes[index].waiting = node->alive;
        next.changes[index].confirmed = 0;
        staged_emit(sink, &next, STAGED_STEP_AGREE, change->node, 0, 0);
        break;
    case GOSSIP__STAGED_WRITE:
        writes_emit(world, state, index, &step, sink);
        break;
    case GOSSIP__STAGED_FORWARD:
        if (!state->nodes[stands->owner].ended &&
            (state->nodes[stands->owner].removed >> change->node & 1) == 0) {
            next.changes[index].node = stands->owner;
            next.changes[index].begun = 0;
            staged_emit(sink, &next, STAGED_STEP_FORWARD, change->node, stands->owner, 0);
        }
        break;
    case GOSSIP__STAGED_DONE:
    case GOSSIP__STAGED_REFUSE:
        next.changes[index] = (struct staged_change){0};
        staged_emit(sink, &next,
                    step.move == GOSSIP__STAGED_DONE ? STAGED_STEP_DONE : STAGED_STEP_REFUSE,
                    change->node, 0, 0);
        break;
    }
}

/* --- agreeing --------------------------------------------------------------------------------------------------------- */

static void confirms_emit(const struct explore_world *world, const struct staged_state *state,
                          unsigned index, struct explore_sink *sink) {
    const struct staged_change *change = &state->changes[index];
    const struct staged_node *asker = &state->nodes[change->node];
    for (unsigned id = 0; id < state->node_count; id++) {
        const struct staged_node *node = &state->nodes[id];
        bool covers = (node->known & change->waiting) == change->waiting;
        bool says = world->plant == STAGED_PLANT_COVERED ? covers : node->alive == change->waiting;
        bool equal = node->removed == asker->removed || world->plant == STAGED_PLANT_TABLES;
        bool fresh = id != change->node && (change->confirmed >> id & 1) == 0 && !node->ended &&
                     (asker->removed >> id & 1) == 0;
        if (fresh && says && equal) {
            struct staged_state next = *state;
            next.changes[index].confirmed |= bit_of(id);
            staged_emit(sink, &next, STAGED_STEP_CONFIRM, change->node, id, 0);
        }
    }
}

static bool succeeds(const struct staged_state *state, const struct staged_change *change,
                     uint8_t dead) {
    struct gossip__agreement_tally tally = {0};
    const struct gossip__agreement_terms terms = {.skip_dead = dead != 0};
    for (unsigned id = 0; id < state->node_count; id++) {
        const struct gossip__agreement_standing standing = {
            .removed = (state->nodes[change->node].removed >> id & 1) != 0,
            .gone = (dead >> id & 1) != 0,
            .confirmed = id == change->node || (change->confirmed >> id & 1) != 0,
        };
        gossip__agreement_count(&tally, &standing, &terms);
    }
    return gossip__agreement_succeeds(&tally);
}

/* What `owner` has written that `node` does not know. */
static uint8_t unknown_of(const struct staged_state *state, unsigned node, unsigned owner) {
    uint8_t set = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        set |= state->writes[i].owner == owner ? bit_of(i) : 0;
    }
    return set & (uint8_t)~state->nodes[node].known;
}

static void agreed_emit(const struct explore_world *world, const struct staged_state *state,
                        unsigned index, struct explore_sink *sink) {
    const struct staged_change *change = &state->changes[index];
    unsigned dead_max = change->skip_dead ? bit_of(state->node_count) - 1u : 0;
    for (unsigned dead = 0; dead <= dead_max; dead++) {
        uint8_t taken =
            change->confirmed | bit_of(change->node) | state->nodes[change->node].removed;
        if ((dead & taken) != 0 || !succeeds(state, change, (uint8_t)dead)) {
            continue;
        }
        struct staged_state next = *state;
        next.changes[index].agreed = change->waiting;
        next.changes[index].waiting = 0;
        next.changes[index].confirmed = 0;
        for (unsigned id = 0; id < state->node_count; id++) {
            bool skipped = (dead >> id & 1) != 0 && world->plant != STAGED_PLANT_SKIPPED;
            next.nodes[id].skipped |= skipped;
            next.changes[index].skips |= skipped ? bit_of(id) : 0;
            next.stray |= skipped ? unknown_of(state, change->node, id) : 0;
        }
        staged_emit(sink, &next, dead == 0 ? STAGED_STEP_AGREED : STAGED_STEP_SKIP, change->node,
                    dead, 0);
    }
}

void staged_change_emit(const struct explore_world *world, const struct staged_state *state,
                        unsigned index, struct explore_sink *sink) {
    if (state->changes[index].waiting == 0) {
        decide_emit(world, state, index, sink);
    } else {
        confirms_emit(world, state, index, sink);
        agreed_emit(world, state, index, sink);
    }
    struct staged_state next = *state;
    next.changes[index] = (struct staged_change){0};
    staged_emit(sink, &next, STAGED_STEP_DEADLINE, state->changes[index].node, 0, 0);
}
