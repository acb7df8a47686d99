/* explore_freshness.c - model 4: a node that says how fresh it is, is (DESIGN 7.7).
 *
 * WHAT IS CHECKED. Let a node know the moment M, an instant of its own monotonic clock, by gossip/freshness_rule.h; its
 * agreement age is now - M. In every state, for every node that knows one:
 *
 *      of all members at least a majority, itself included, had before M nothing that it lacks now.
 *
 * So a `check` with max_staleness D that is answered (age <= D) is answered under all that some majority had on disk D ago,
 * or later. What was on the disks of a majority before that (an agreed write above all) is therefore here: two majorities
 * share a member. What only a minority had may be missing: nobody can know of it who is cut off from that minority.
 *
 * ON CLOCKS. M is on the node's own clock, and nothing is assumed of that clock's rate as long as M comes from its own
 * requests: M is when a request was sent, the answer was given later, whatever the clock showed then. A clock that stands
 * still while the machine is suspended makes a true age larger than it says, so D is then in the clock's time. Only where a
 * node takes another's word (freshness_lifted: the other's age is subtracted from the own instant) a span of the other's
 * clock is used as one of the own: that is right if clocks run at one rate while the age accrues. The plant clock-stands
 * drops the assumption, and shows that it is needed: with a drift r and an age A the moment can be late by r * A (500 ppm
 * of 5 s are 2.5 ms; a clock that stands for the length of a suspension, by that length).
 *
 * THE WORLD. Members that all have the same table (what is claimed is of the members that a node knows); writes at any node;
 * pushes; exchanges that take no time; `walks` exchanges that are open at a time: a request sent, answered once or again at any later moment, the answer
 * received at any later moment, or never; ticks of true time, with which every clock goes; crashes; a disk put back to a
 * copy. Entries are only sets of writes: what supersedes what makes no difference to having it.
 *
 * WHY IT IS ENOUGH. What a node has and when it got it is all that the property speaks of. An answer that ends in equal
 * roots and one that ends in a finished walk are the same here: afterwards all that the answer covered is on disk. A walk
 * brings what the member has by then, which is more. Between two ticks all orders of events are explored, so ticks stand for
 * any span.
 */
#include "test/sim/explore_freshness.h"

#include "gossip/freshness_rule.h"

#include <string.h>

#define PLANTS(X)                                                                                  \
    X(RECEIVED, "receive-time", "the moment is when the answer came, not when it was asked for")   \
    X(ALONE, "without-itself", "a majority is counted without the node itself being one of it")    \
    X(OLD_ANSWER, "old-answer", "an answer to a former request counts for the newest one")         \
    X(WORD, "word-without-age", "another's word counts as of the request, whatever its age")       \
    X(WORD_RECEIVED, "word-received", "another's age is subtracted from when its word came")       \
    X(UNFINISHED, "unfinished-walk", "an answer counts although what it covers is not here yet")   \
    X(RESTART, "restart-keeps", "moments survive the start from a disk that was put back")         \
    X(CLOCK, "clock-stands", "assumption dropped: a clock stands still for a tick")

enum plant {
    PLANT_NONE = 0,
#define X(symbol, name, what) PLANT_##symbol,
    PLANTS(X)
#undef X
};

/* --- clocks and moments ---------------------------------------------------------------------------------------------- */

unsigned freshness_clock(const struct freshness_state *state, const struct freshness_node *node) {
    return state->now - (node->stood <= state->now ? 1u : 0u);
}

/* The true tick at which its clock first showed this. */
static unsigned true_of(const struct freshness_node *node, unsigned clock) {
    return clock + (clock >= node->stood ? 1u : 0u);
}

/* False: it knows none. */
static bool moment_of(const struct freshness_state *state, unsigned plant,
                      const struct freshness_node *node, unsigned *moment) {
    gossip_time_ms moments[FRESHNESS_NODES_MAX];
    gossip_time_ms majority = 0;
    size_t count = 0;
    size_t needed = state->node_count / 2u;
    needed -= plant == PLANT_ALONE ? 1 : 0;
    for (unsigned id = 0; id < state->node_count; id++) {
        if (node->moments[id] != FRESHNESS_NEVER) {
            moments[count++] = node->moments[id];
        }
    }
    if (needed == 0) {
        *moment = freshness_clock(state, node);
        return true;
    }
    bool known = gossip__freshness_majority(moments, count, needed, &majority);
    *moment = (unsigned)majority;
    if (node->told != FRESHNESS_NEVER && (!known || node->told > majority)) {
        *moment = node->told;
        known = true;
    }
    return known;
}

static uint8_t age_of(const struct freshness_state *state, unsigned plant,
                      const struct freshness_node *node) {
    unsigned moment;
    return moment_of(state, plant, node, &moment) ? (uint8_t)(freshness_clock(state, node) - moment)
                                                  : FRESHNESS_NEVER;
}

static const char *broken(const struct explore_world *world, const void *memory) {
    const struct freshness_state *state = memory;
    for (unsigned a = 0; a < state->node_count; a++) {
        const struct freshness_node *node = &state->nodes[a];
        unsigned moment;
        unsigned as_fresh = 0;
        if (!moment_of(state, world->plant, node, &moment)) {
            continue;
        }
        for (unsigned id = 0; id < state->node_count; id++) {
            bool all = true;
            for (unsigned i = 0; i < state->write_count; i++) {
                bool had = state->nodes[id].got[i] < true_of(node, moment);
                all = all && (!had || (node->has >> i & 1) != 0);
            }
            as_fresh += all;
        }
        if (as_fresh <= state->node_count / 2u) {
            return "a node says to be fresher than it is";
        }
    }
    return NULL;
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static void emit(struct explore_sink *sink, const struct freshness_state *after, unsigned kind,
                 unsigned a, unsigned b) {
    struct explore_step step = {(uint8_t)kind, (uint8_t)a, (uint8_t)b, 0};
    explore_emit(sink, step, after);
}

static void get(struct freshness_state *state, unsigned id, uint8_t set) {
    struct freshness_node *node = &state->nodes[id];
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((set >> i & 1) != 0 && (node->has >> i & 1) == 0) {
            node->got[i] = state->now;
        }
    }
    node->has |= set;
}

static void forget(struct freshness_state *state, unsigned plant, unsigned id) {
    struct freshness_node *node = &state->nodes[id];
    if (plant != PLANT_RESTART) {
        memset(node->moments, FRESHNESS_NEVER, sizeof node->moments);
        node->told = FRESHNESS_NEVER;
    }
    for (unsigned other = 0; other < FRESHNESS_NODES_MAX; other++) {
        node->exchanges[other] = (struct freshness_exchange){.sent = FRESHNESS_NEVER};
    }
}

static void receive(struct freshness_state *state, unsigned plant, unsigned a, unsigned b) {
    struct freshness_node *node = &state->nodes[a];
    struct freshness_exchange exchange = node->exchanges[b];
    unsigned now = freshness_clock(state, node);
    unsigned moment = plant == PLANT_RECEIVED ? now : exchange.sent;
    if (plant != PLANT_UNFINISHED) {
        get(state, a, exchange.has);
    }
    node->exchanges[b] = (struct freshness_exchange){.sent = FRESHNESS_NEVER};
    if (node->moments[b] == FRESHNESS_NEVER || moment > node->moments[b]) {
        node->moments[b] = (uint8_t)moment;
    }
    if (exchange.age == FRESHNESS_NEVER) {
        return;
    }
    unsigned from = plant == PLANT_WORD_RECEIVED ? now : exchange.sent;
    gossip_time_ms told = from;
    if (plant != PLANT_WORD && !gossip__freshness_lifted(from, exchange.age, &told)) {
        return;
    }
    if (node->told == FRESHNESS_NEVER || told > node->told) {
        node->told = (uint8_t)told;
    }
}

static unsigned exchanges_open(const struct freshness_state *state) {
    unsigned open = 0;
    for (unsigned a = 0; a < state->node_count; a++) {
        for (unsigned b = 0; b < state->node_count; b++) {
            open += state->nodes[a].exchanges[b].sent != FRESHNESS_NEVER;
        }
    }
    return open;
}

/* `b` answers what `a` has asked. */
static void answer(struct freshness_state *state, unsigned plant, unsigned a, unsigned b) {
    struct freshness_exchange *exchange = &state->nodes[a].exchanges[b];
    exchange->answered = 1;
    exchange->has = state->nodes[b].has;
    exchange->age = age_of(state, plant, &state->nodes[b]);
}

static void exchange_emit(const struct explore_world *world, const struct freshness_state *state,
                          unsigned a, unsigned b, struct explore_sink *sink) {
    const struct freshness_node *node = &state->nodes[a];
    const struct freshness_exchange *exchange = &node->exchanges[b];
    struct freshness_state next = *state;
    if (exchange->sent == FRESHNESS_NEVER) {
        next.nodes[a].exchanges[b].sent = (uint8_t)freshness_clock(state, node);
        answer(&next, world->plant, a, b);
        receive(&next, world->plant, a, b);
        emit(sink, &next, FRESHNESS_STEP_EXCHANGE, a, b);
        next = *state;
    }
    if (exchange->sent != FRESHNESS_NEVER || exchanges_open(state) < world->limits.walks) {
        struct freshness_exchange *asked = &next.nodes[a].exchanges[b];
        asked->sent = (uint8_t)freshness_clock(state, node);
        asked->answered &= world->plant == PLANT_OLD_ANSWER;
        if (!asked->answered) {
            *asked = (struct freshness_exchange){.sent = asked->sent};
        }
        emit(sink, &next, FRESHNESS_STEP_ASK, a, b);
    }
    if (exchange->sent != FRESHNESS_NEVER) {
        next = *state;
        answer(&next, world->plant, a, b);
        emit(sink, &next, FRESHNESS_STEP_ANSWER, b, a);
    }
    if (exchange->answered) {
        next = *state;
        receive(&next, world->plant, a, b);
        emit(sink, &next, FRESHNESS_STEP_RECEIVE, a, b);
    }
}

static void node_emit(const struct explore_world *world, const struct freshness_state *state,
                      unsigned a, struct explore_sink *sink) {
    const struct explore_limits *limits = &world->limits;
    struct freshness_state next = *state;
    if (state->write_count < limits->writes) {
        next.write_count++;
        get(&next, a, (uint8_t)(1u << state->write_count));
        emit(sink, &next, FRESHNESS_STEP_WRITE, a, 0);
    }
    if (state->crashes < limits->crashes) {
        next = *state;
        next.crashes++;
        forget(&next, world->plant, a);
        emit(sink, &next, FRESHNESS_STEP_CRASH, a, 0);
    }
    if (state->copied == FRESHNESS_NEVER && state->restores < limits->restores) {
        next = *state;
        next.copied = (uint8_t)a;
        next.copy = state->nodes[a].has;
        emit(sink, &next, FRESHNESS_STEP_COPY, a, 0);
    }
    if (state->copied == a) {
        next = *state;
        next.restores++;
        next.copied = FRESHNESS_NEVER;
        next.copy = 0;
        next.nodes[a].has = state->copy;
        for (unsigned i = 0; i < state->write_count; i++) {
            next.nodes[a].got[i] =
                (state->copy >> i & 1) != 0 ? state->nodes[a].got[i] : FRESHNESS_NEVER;
        }
        forget(&next, world->plant, a);
        emit(sink, &next, FRESHNESS_STEP_RESTORE, a, 0);
    }
}

static void ticks_emit(const struct explore_world *world, const struct freshness_state *state,
                       struct explore_sink *sink) {
    struct freshness_state next = *state;
    if (state->now > world->limits.ticks) {
        return;
    }
    next.now++;
    emit(sink, &next, FRESHNESS_STEP_TICK, 0, 0);
    for (unsigned a = 0; a < state->node_count && world->plant == PLANT_CLOCK; a++) {
        bool stood = false;
        for (unsigned id = 0; id < state->node_count; id++) {
            stood = stood || state->nodes[id].stood != FRESHNESS_NEVER;
        }
        if (!stood) {
            struct freshness_state stands = next;
            stands.nodes[a].stood = next.now;
            emit(sink, &stands, FRESHNESS_STEP_STAND, a, 0);
        }
    }
}

static void begin(const struct explore_world *world, void *memory) {
    struct freshness_state *state = memory;
    state->node_count = (uint8_t)world->limits.nodes;
    state->now = 1;
    state->copied = FRESHNESS_NEVER;
    for (unsigned id = 0; id < FRESHNESS_NODES_MAX; id++) {
        memset(state->nodes[id].got, FRESHNESS_NEVER, sizeof state->nodes[id].got);
        state->nodes[id].stood = FRESHNESS_NEVER;
        forget(state, PLANT_NONE, id);
    }
}

static void expand(const struct explore_world *world, const void *memory,
                   struct explore_sink *sink) {
    const struct freshness_state *state = memory;
    for (unsigned a = 0; a < state->node_count; a++) {
        node_emit(world, state, a, sink);
        for (unsigned b = 0; b < state->node_count; b++) {
            if (a == b) {
                continue;
            }
            exchange_emit(world, state, a, b, sink);
            if ((state->nodes[b].has & ~state->nodes[a].has) != 0) {
                struct freshness_state next = *state;
                get(&next, a, state->nodes[b].has);
                emit(sink, &next, FRESHNESS_STEP_PUSH, a, b);
            }
        }
    }
    ticks_emit(world, state, sink);
}

/* --- canonical form --------------------------------------------------------------------------------------------------- */

static uint64_t signature(const struct freshness_state *state, unsigned id) {
    const struct freshness_node *node = &state->nodes[id];
    uint64_t sum = node->has | (uint64_t)node->told << 8 | (uint64_t)node->stood << 16 |
                   (uint64_t)(state->copied == id) << 24;
    for (unsigned i = 0; i < FRESHNESS_WRITES_MAX; i++) {
        sum = sum * 257 + node->got[i];
    }
    uint64_t others = 0;
    for (unsigned other = 0; other < state->node_count; other++) {
        const struct freshness_node *peer = &state->nodes[other];
        uint64_t pair =
            node->moments[other] | (uint64_t)peer->moments[id] << 8 |
            (uint64_t)node->exchanges[other].sent << 16 | (uint64_t)peer->exchanges[id].sent << 24 |
            (uint64_t)node->exchanges[other].has << 32 | (uint64_t)peer->exchanges[id].has << 40;
        others += (pair + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 5;
    }
    return sum * UINT64_C(1000003) + others;
}

/* The moment that a node knows only rises, until it starts again: wherever it is from, it is as good as another's word; and
 * what is known of single members up to it cannot make a later one. */
static void moments_reduce(const struct explore_world *world, const struct freshness_state *state,
                           struct freshness_node *node) {
    unsigned moment;
    if (world->plant == PLANT_ALONE || !moment_of(state, world->plant, node, &moment)) {
        return;
    }
    node->told = (uint8_t)moment;
    for (unsigned other = 0; other < FRESHNESS_NODES_MAX; other++) {
        uint8_t *of = &node->moments[other];
        *of = *of != FRESHNESS_NEVER && *of > moment ? *of : FRESHNESS_NEVER;
    }
}

/* When a node got what all have by now makes no difference any more, unless a disk is put back. */
static void forget_what_is_past(const struct explore_world *world, struct freshness_state *state) {
    uint8_t all = 0xff;
    for (unsigned id = 0; id < state->node_count; id++) {
        all &= state->nodes[id].has;
        moments_reduce(world, state, &state->nodes[id]);
    }
    for (unsigned id = 0; id < state->node_count && world->limits.restores == 0; id++) {
        for (unsigned i = 0; i < state->write_count; i++) {
            uint8_t *got = &state->nodes[id].got[i];
            *got = (all >> i & 1) != 0 ? 0 : *got;
        }
    }
}

static void canonical(const struct explore_world *world, void *memory, uint8_t *names) {
    struct freshness_state *state = memory;
    forget_what_is_past(world, state);
    struct freshness_state old = *state;
    uint64_t signatures[FRESHNESS_NODES_MAX];
    uint8_t order[FRESHNESS_NODES_MAX];
    for (unsigned id = 0; id < state->node_count; id++) {
        signatures[id] = signature(state, id);
        unsigned at = id;
        for (; at > 0 && signatures[order[at - 1]] < signatures[id]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint8_t)id;
    }
    for (unsigned at = 0; at < state->node_count; at++) {
        names[order[at]] = (uint8_t)at;
    }
    for (unsigned id = 0; id < state->node_count; id++) {
        struct freshness_node *node = &state->nodes[names[id]];
        *node = old.nodes[id];
        for (unsigned other = 0; other < state->node_count; other++) {
            node->moments[names[other]] = old.nodes[id].moments[other];
            node->exchanges[names[other]] = old.nodes[id].exchanges[other];
        }
    }
    state->copied = old.copied == FRESHNESS_NEVER ? FRESHNESS_NEVER : names[old.copied];
}

static const char *unfit(const struct explore_world *world) {
    const struct explore_limits *limits = &world->limits;
    return limits->nodes < 2 || limits->nodes > FRESHNESS_NODES_MAX ? "there are 2 to 4 nodes"
           : limits->writes > FRESHNESS_WRITES_MAX                  ? "there are at most 4 writes"
                                                                    : NULL;
}

static const struct explore_plant plants[] = {
#define X(symbol, name, what) {name, what},
    PLANTS(X)
#undef X
};

const struct explore_model explore_freshness = {
    .name = "freshness",
    .what = "who says how fresh it is has all that a majority had then",
    .state_size_bytes = sizeof(struct freshness_state),
    .plants = plants,
    .plant_count = sizeof plants / sizeof plants[0],
    .small = {.nodes = 3, .writes = 1, .walks = 1, .ticks = 3},
    .unfit = unfit,
    .begin = begin,
    .expand = expand,
    .canonical = canonical,
    .broken = broken,
    .print_step = freshness_print_step,
    .print_state = freshness_print_state,
};
