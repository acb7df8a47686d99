/* explore_removal.c - model 1: dropped entries disappear for good and nothing else does (DESIGN 4.7; G3, S3).
 *
 * WHAT IS CHECKED (explore_removal_check.c)
 *   resurrection   no node ever has alive what something superseded that stood on it before, on one lineage of its disk
 *   loss           what stood on a node stands there for ever, unless it was superseded, or is a drop that the horizon passed
 *   at the end     when all members (not removed) have one table, one horizon and the same entries: whatever stood on any
 *                  of them that is ready stands, or was superseded by what stood on one; nothing that was superseded stands
 *   settling       (with --settle) if from here on nothing fails, all members become equal, the horizon reaches the last
 *                  write, and no tombstone is left: so roots never differ over a removal, and nothing is held back for ever
 *
 * THE WORLD. Two to four members, all ready and equal at the start; newcomers; one or two keys. Each write is a version of
 * its own. At any moment any of this may happen, in any order: a ready node sets or drops (with any clock above its own
 * that the world has); raises the horizon; hears of a member from another one; asks another for its digest, and, if it
 * differs, walks and pulls key by key, while others write in between; pushes an entry; is admitted; crashes; loses its
 * disk; has it put back to a copy made at any time before; is removed at any member by the operator; takes a new id when
 * it learns of that, or when its disk is too old.
 *
 * WHY IT IS ENOUGH. Each step that is left out, merged or made coarser, and why no behaviour is lost by it:
 *   1. Messages. Most arrive at once, and so can be lost: they are not sent. Up to `late` of them stay in the network from
 *      the moment at which they were sent, for ever, and can arrive at any later time, any number of times, also after the
 *      sender or the receiver have started again, were removed, or joined; only not after the sender has started again
 *      and the two have a new session. An answer to a digest counts only for the
 *      process that asked, and only the last one that it asked of that member; a late entry is a push.
 *   2. A request and its answer are one step: what the asking side knows of the moment of asking is only whether the
 *      member's ADMIT was stored by then, and asking later can only make it true where it was false.
 *   3. Two that have a session and equal tables hear each other's `seen` at once, and keep the largest. Real ones hear of it
 *      later, and then it may be what was said before: a node can raise to whatever lies between, and each such value is a
 *      step here.
 *   4. What is heard of members is row by row; a table that arrives late says less, so some rows of it are heard later.
 *   5. Of walks each node has one at a time, and a pull takes what the member has now, whether or not it is what the walk
 *      saw: a real one asks for exactly that, and does not finish without it. So here walks finish more often.
 *      What this node gives the other side need not arrive for its own walk to count.
 *   6. Commits are at once: nothing leaves a node before it is stored (G11), so a crash loses nothing that anybody saw.
 *   7. Clocks are 1 to the number of writes, chosen freely above the writer's own: the rules compare clocks, and of that
 *      many writes every order and every tie occurs. The clock of a node moves with what it writes and takes, not by itself.
 *      A disk that is put back takes the mark back, not the wall clock: its next write is above all that its id ever
 *      reached. Where that is not so (clock-back) a version can be lost: docs/decisions.
 *   8. Two digests that are equal though what they cover differs are not modelled, nor is damage.
 *   Of 1 to 5 a real node does less, never more. `known` and `owed` are ghosts: no step looks at them.
 *
 * SYMMETRY (explore_removal_check.c). Nodes differ in nothing but their ids, and no rule compares ids; so states that are
 * the same up to a permutation of ids are one. Nodes are sorted by what they are, by themselves; where two look the same
 * the order is left: that keeps a few states twice, and joins none that are different. Writes are kept in order of clocks.
 */
#include "test/sim/explore_removal.h"

#include <string.h>

/* --- what can happen to one node ------------------------------------------------------------------------------------- */

static void emit(struct explore_sink *sink, const struct removal_state *after, unsigned kind,
                 unsigned a, unsigned b, unsigned c) {
    struct explore_step step = {(uint8_t)kind, (uint8_t)a, (uint8_t)b, (uint8_t)c};
    explore_emit(sink, step, after);
}

/* A drop of what is absent or dropped is refused, unless it resolves a conflict. */
static bool may_drop(const struct removal_state *state, struct removal_entry entry) {
    unsigned last = 31 - (unsigned)__builtin_clz((unsigned)entry.alive | 1);
    bool conflict = (entry.alive & (entry.alive - 1)) != 0;
    return entry.alive != 0 && (conflict || !state->writes[last].drop);
}

static void writes_emit(const struct explore_world *world, const struct removal_state *state,
                        unsigned node, struct explore_sink *sink) {
    const struct removal_disk *disk = &state->nodes[node].disk;
    if (!disk->ready || state->write_count >= world->limits.writes) {
        return;
    }
    unsigned reached = world->plant == REMOVAL_PLANT_CLOCK_BACK ? 0 : state->nodes[node].reached;
    unsigned lowest = disk->high_water > reached ? disk->high_water : reached;
    for (unsigned key = 0; key < world->limits.keys; key++) {
        for (unsigned clock = lowest + 1u; clock <= world->limits.writes; clock++) {
            struct removal_state next = *state;
            removal_write(&next, node, key, false, (uint8_t)clock);
            emit(sink, &next, REMOVAL_STEP_WRITE, node, key, clock);
            if (may_drop(state, disk->entries[key])) {
                next = *state;
                removal_write(&next, node, key, true, (uint8_t)clock);
                emit(sink, &next, REMOVAL_STEP_WRITE, node, key, clock + 16);
            }
        }
    }
}

static void raises_emit(const struct explore_world *world, const struct removal_state *state,
                        unsigned node, struct explore_sink *sink) {
    const struct removal_disk *disk = &state->nodes[node].disk;
    unsigned highest = disk->ready ? removal_horizon(state, world->plant, node) : 0;
    for (unsigned horizon = disk->horizon + 1u; horizon <= highest; horizon++) {
        struct removal_state next = *state;
        removal_raise(&next, world->plant, node, (uint8_t)horizon);
        emit(sink, &next, REMOVAL_STEP_RAISE, node, horizon, 0);
    }
    for (unsigned key = 0; key < world->limits.keys && world->plant == REMOVAL_PLANT_B05; key++) {
        struct removal_state next = *state;
        struct removal_entry *entry = &next.nodes[node].disk.entries[key];
        *entry = removal_prune(state, 0, *entry, UINT8_MAX);
        if (entry->alive == 0 && disk->entries[key].alive != 0) {
            emit(sink, &next, REMOVAL_STEP_FORGET, node, key, 0);
        }
    }
}

static void disk_emit(const struct explore_world *world, const struct removal_state *state,
                      unsigned node, struct explore_sink *sink) {
    const struct explore_limits *limits = &world->limits;
    struct removal_state next;
    bool live = state->nodes[node].status == REMOVAL_LIVE;
    if (live && state->crashes < limits->crashes) {
        next = *state;
        next.crashes++;
        removal_restart(&next, node);
        emit(sink, &next, REMOVAL_STEP_CRASH, node, 0, 0);
    }
    if (removal_in_cluster(&state->nodes[node]) && state->copied == REMOVAL_NONE &&
        state->restores < limits->restores) {
        next = *state;
        next.copied = (uint8_t)node;
        next.copy = state->nodes[node].disk;
        emit(sink, &next, REMOVAL_STEP_COPY, node, 0, 0);
    }
    if (state->copied == node) {
        next = *state;
        next.nodes[node].status = REMOVAL_LIVE;
        next.nodes[node].disk = state->copy;
        removal_restart(&next, node);
        next.restores++;
        next.copied = REMOVAL_NONE;
        memset(&next.copy, 0, sizeof next.copy);
        emit(sink, &next, REMOVAL_STEP_RESTORE, node, 0, 0);
    }
    if (live && state->losses < limits->losses) {
        next = *state;
        next.losses++;
        removal_end(&next, node);
        emit(sink, &next, REMOVAL_STEP_LOSE, node, 0, 0);
    }
}

/* --- what can happen between two ------------------------------------------------------------------------------------- */

static void removals_emit(const struct explore_world *world, const struct removal_state *state,
                          unsigned a, unsigned b, struct explore_sink *sink) {
    const struct removal_node *node = &state->nodes[a];
    struct removal_state next = *state;
    if (node->disk.ready && removal_deals(state, a, b) &&
        state->removals < world->limits.removals) {
        next.removals++;
        removal_row(&next, world->plant, a, b, REMOVAL_GONE);
        emit(sink, &next, REMOVAL_STEP_REMOVE, a, b, 0);
    }
    if (node->status == REMOVAL_LIVE && removal_in_cluster(&state->nodes[b]) &&
        state->nodes[b].disk.table[a] == REMOVAL_GONE) {
        next = *state;
        removal_new_id(&next, a);
        emit(sink, &next, REMOVAL_STEP_TOLD, a, b, 0);
    }
}

/* `a` hears from `b` of one id. By its own row, which it says in its hello, a node is told of the id that it replaces. */
static void rows_emit(const struct explore_world *world, const struct removal_state *state,
                      unsigned a, unsigned b, struct explore_sink *sink) {
    const struct removal_disk *own = &state->nodes[a].disk;
    const struct removal_disk *other = &state->nodes[b].disk;
    if (own->table[b] == REMOVAL_GONE || other->table[a] == REMOVAL_GONE ||
        state->nodes[b].status != REMOVAL_LIVE || !removal_in_cluster(&state->nodes[a])) {
        return;
    }
    bool newcomer = other->admitter == REMOVAL_NONE;
    for (unsigned id = newcomer ? b : 0; id < (newcomer ? b + 1u : state->ids_used); id++) {
        bool replaces = id == b && other->replaces != REMOVAL_NONE &&
                        world->plant != REMOVAL_PLANT_REPLACED &&
                        own->table[other->replaces] != REMOVAL_GONE;
        if (other->table[id] <= own->table[id] && !replaces) {
            continue;
        }
        struct removal_state next = *state;
        removal_row(&next, world->plant, a, id, other->table[id]);
        if (replaces) {
            removal_row(&next, world->plant, a, other->replaces, REMOVAL_GONE);
        }
        emit(sink, &next, REMOVAL_STEP_ROW, a, b, id);
    }
}

/* What was asked of a member before is not waited for any more when it is asked again. */
static void asked_again(struct removal_state *state, unsigned a, unsigned b) {
    for (unsigned i = 0; i < state->late_count; i++) {
        if (state->late[i].to == a && state->late[i].from == b) {
            state->late[i].wanted = 0;
        }
    }
}

/* When the two have a new session nothing comes any more over that with a process that has ended. */
static void sessions_renew(struct removal_state *state, unsigned a, unsigned b) {
    for (unsigned i = 0; i < state->late_count; i++) {
        struct removal_message *message = &state->late[i];
        bool between =
            (message->to == a && message->from == b) || (message->to == b && message->from == a);
        if (between && message->stale) {
            *message = (struct removal_message){0};
        }
    }
}

static void delay(const struct explore_world *world, const struct removal_state *state,
                  struct removal_message message, unsigned kind, struct explore_sink *sink) {
    if (state->late_count < world->limits.late) {
        struct removal_state next = *state;
        if (message.type == REMOVAL_DIGEST) {
            asked_again(&next, message.to, message.from);
        }
        next.late[next.late_count++] = message;
        emit(sink, &next, kind, message.to, message.from, message.key);
    }
}

static void admission_emit(const struct explore_world *world, const struct removal_state *state,
                           unsigned a, unsigned b, struct explore_sink *sink) {
    struct removal_message digest = removal_digest_of(state, b, a);
    struct removal_state next = *state;
    if (removal_admit(&next, world->plant, &digest)) {
        emit(sink, &next, REMOVAL_STEP_ADMIT, a, b, 0);
        if (state->nodes[a].disk.admitter == REMOVAL_NONE) {
            delay(world, state, digest, REMOVAL_STEP_DELAY_DIGEST, sink);
        }
    }
}

static unsigned walks_open(const struct removal_state *state) {
    unsigned open = 0;
    for (unsigned id = 0; id < state->ids_used; id++) {
        open += state->nodes[id].walk.peer != REMOVAL_NONE;
    }
    return open;
}

/* `a` asks `b`, which has stored it: for its digest, for an entry that it wants; or is given one. */
static void exchange_emit(const struct explore_world *world, const struct removal_state *state,
                          unsigned a, unsigned b, struct explore_sink *sink) {
    struct removal_state next = *state;
    if (!removal_in_cluster(&state->nodes[a]) || !removal_in_cluster(&state->nodes[b]) ||
        !removal_deals(state, a, b) || !removal_deals(state, b, a)) {
        return;
    }
    struct removal_message digest = removal_digest_of(state, b, a);
    asked_again(&next, a, b);
    removal_exchange(&next, world->plant, a, b);
    emit(sink, &next, REMOVAL_STEP_EXCHANGE, a, b, 0);
    if (walks_open(state) < world->limits.walks) {
        next = *state;
        asked_again(&next, a, b);
        removal_answer(&next, world->plant, &digest);
        emit(sink, &next, REMOVAL_STEP_WALK, a, b, 0);
    }
    delay(world, state, digest, REMOVAL_STEP_DELAY_DIGEST, sink);
    const struct removal_walk *walk = &state->nodes[a].walk;
    for (unsigned key = 0; key < world->limits.keys; key++) {
        bool wanted = walk->peer == b && (walk->keys >> key & 1) != 0;
        next = *state;
        if (state->nodes[b].disk.entries[key].alive == 0) {
            if (wanted) {
                removal_gone(&next, world->plant, a, key);
                emit(sink, &next, REMOVAL_STEP_PULL, a, b, key);
            }
            continue;
        }
        struct removal_message entry = removal_entry_of(state, b, a, key);
        (void)removal_take(&next, world->plant, &entry, wanted);
        emit(sink, &next, wanted ? REMOVAL_STEP_PULL : REMOVAL_STEP_PUSH, a, b, key);
        delay(world, state, entry, REMOVAL_STEP_DELAY_ENTRY, sink);
    }
}

/* --- what comes late -------------------------------------------------------------------------------------------------- */

static void late_emit(const struct explore_world *world, const struct removal_state *state,
                      unsigned index, struct explore_sink *sink) {
    const struct removal_message *message = &state->late[index];
    struct removal_state next = *state;
    if (message->type == REMOVAL_FREE) {
        return;
    }
    if (message->type == REMOVAL_ENTRY) {
        if (removal_take(&next, world->plant, message, false)) {
            emit(sink, &next, REMOVAL_STEP_LATE_ENTRY, message->to, message->from, message->key);
        } else if (memcmp(&next, state, sizeof next) != 0) {
            emit(sink, &next, REMOVAL_STEP_LATE_HEARD, message->to, message->from, 0);
        }
        return;
    }
    (void)removal_hear(&next, world->plant, message);
    emit(sink, &next, REMOVAL_STEP_LATE_HEARD, message->to, message->from, 0);
    if (message->wanted != 0) {
        next = *state;
        next.late[index].wanted = 0;
        removal_answer(&next, world->plant, message);
        emit(sink, &next, REMOVAL_STEP_LATE_ANSWER, message->to, message->from, 0);
    }
    next = *state;
    if (removal_admit(&next, world->plant, message)) {
        emit(sink, &next, REMOVAL_STEP_LATE_ADMIT, message->to, message->from, 0);
    }
}

/* --- the model -------------------------------------------------------------------------------------------------------- */

static const char *unfit(const struct explore_world *world) {
    const struct explore_limits *limits = &world->limits;
    if (limits->nodes < 1 || limits->nodes + limits->joins > REMOVAL_IDS_MAX) {
        return "nodes and joins are 1 to 5 together";
    }
    if (limits->keys < 1 || limits->keys > REMOVAL_KEYS_MAX) {
        return "there are 1 or 2 keys";
    }
    return limits->writes > REMOVAL_WRITES_MAX ? "there are at most 8 writes"
           : limits->late > REMOVAL_LATE_MAX   ? "at most 3 messages are late"
                                               : NULL;
}

static void begin(const struct explore_world *world, void *memory) {
    struct removal_state *state = memory;
    state->ids = (uint8_t)(world->limits.nodes + world->limits.joins);
    state->ids_used = (uint8_t)world->limits.nodes;
    state->copied = REMOVAL_NONE;
    for (unsigned id = 0; id < world->limits.nodes; id++) {
        state->nodes[id] = (struct removal_node){
            .status = REMOVAL_LIVE,
            .walk = {.peer = REMOVAL_NONE},
            .disk = {.ready = 1, .admitter = (uint8_t)id, .replaces = REMOVAL_NONE},
        };
        memset(state->nodes[id].disk.table, REMOVAL_READY, world->limits.nodes);
        state->nodes[id].met = (uint8_t)((1u << world->limits.nodes) - 1);
    }
}

static void expand(const struct explore_world *world, const void *memory,
                   struct explore_sink *sink) {
    const struct removal_state *state = memory;
    for (unsigned a = 0; a < state->ids_used; a++) {
        writes_emit(world, state, a, sink);
        raises_emit(world, state, a, sink);
        disk_emit(world, state, a, sink);
        for (unsigned b = 0; b < state->ids_used; b++) {
            if (a != b) {
                struct removal_state met = *state;
                sessions_renew(&met, a, b);
                removals_emit(world, state, a, b, sink);
                rows_emit(world, &met, a, b, sink);
                admission_emit(world, &met, a, b, sink);
                exchange_emit(world, &met, a, b, sink);
            }
        }
    }
    for (unsigned i = 0; i < state->late_count; i++) {
        late_emit(world, state, i, sink);
    }
    if (state->ids_used < state->ids) {
        struct removal_state next = *state;
        removal_join(&next);
        emit(sink, &next, REMOVAL_STEP_JOIN, state->ids_used, 0, 0);
    }
}

static const struct explore_plant plants[] = {
#define X(symbol, name, what) {name, what},
    REMOVAL_PLANTS(X)
#undef X
};

const struct explore_model explore_removal = {
    .name = "removal",
    .what = "what is dropped disappears for good, and nothing else does",
    .state_size_bytes = sizeof(struct removal_state),
    .plants = plants,
    .plant_count = sizeof plants / sizeof plants[0],
    .small = {.nodes = 2, .keys = 1, .writes = 3, .walks = 1, .late = 1},
    .unfit = unfit,
    .begin = begin,
    .expand = expand,
    .canonical = removal_canonical,
    .broken = removal_broken,
    .print_step = removal_print_step,
    .print_state = removal_print_state,
};
