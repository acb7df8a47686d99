/* explore_staged_check.c - the property, the canonical form and the words of the model of staged changes. */
#include "test/sim/explore_staged.h"

#include <string.h>

const struct staged_write *staged_in_force(const struct staged_state *state, uint8_t alive) {
    const struct staged_write *best = NULL;
    for (unsigned i = 0; i < state->write_count; i++) {
        bool higher = best == NULL || state->writes[i].clock >= best->clock;
        if ((alive >> i & 1) != 0 && higher) {
            best = &state->writes[i];
        }
    }
    return best;
}

bool staged_conflict(const struct staged_state *state, uint8_t alive) {
    const struct staged_write *first = NULL;
    for (unsigned i = 0; i < state->write_count; i++) {
        const struct staged_write *write = &state->writes[i];
        if ((alive >> i & 1) == 0) {
            continue;
        }
        if (first != NULL && (write->state != first->state || write->body != first->body)) {
            return true;
        }
        first = write;
    }
    return false;
}

/* --- one state apart -------------------------------------------------------------------------------------------------- */

static enum catalog_state state_of(const struct staged_write *write) {
    return write == NULL ? CATALOG_DROPPED : (enum catalog_state)write->state;
}

static uint8_t demanded(const struct staged_write *write) {
    switch (state_of(write)) {
    case CATALOG_PENDING_ADD:
        return write->previous;
    case CATALOG_ACTIVE:
    case CATALOG_PENDING_DROP:
        return write->body;
    default:
        return 0;
    }
}

static bool is_step(const struct staged_write *from, const struct staged_write *to) {
    bool adds = state_of(from) == CATALOG_PENDING_ADD && state_of(to) == CATALOG_ACTIVE;
    bool drops = state_of(from) == CATALOG_PENDING_DROP && state_of(to) == CATALOG_DROPPED;
    return drops || (adds && from->body == to->body);
}

const char *staged_broken(const struct explore_world *world, const void *memory) {
    const struct staged_state *state = memory;
    (void)world;
    for (unsigned a = 0; a < state->node_count; a++) {
        for (unsigned b = a + 1; b < state->node_count; b++) {
            const struct staged_node *one = &state->nodes[a];
            const struct staged_node *two = &state->nodes[b];
            bool strays = ((one->alive | two->alive) & state->stray) != 0;
            bool outside = strays || one->ended || two->ended || one->skipped || two->skipped ||
                           (state->removed_ever & (1u << a | 1u << b)) != 0;
            const struct staged_write *first = staged_in_force(state, one->alive);
            const struct staged_write *second = staged_in_force(state, two->alive);
            if (!outside && demanded(first) != demanded(second) && !is_step(first, second) &&
                !is_step(second, first)) {
                return "two members are more than one state apart";
            }
        }
    }
    return NULL;
}

/* --- canonical form --------------------------------------------------------------------------------------------------- */

static uint64_t signature(const struct staged_state *state, unsigned id) {
    const struct staged_node *node = &state->nodes[id];
    uint64_t sum = node->ended | (uint64_t)node->skipped << 1 | (uint64_t)node->known << 2 |
                   (uint64_t)node->alive << 10 | (uint64_t)(state->late_from == id) << 18 |
                   (uint64_t)(state->removed_ever >> id & 1) << 19;
    for (unsigned other = 0; other < state->node_count; other++) {
        uint64_t here = (unsigned)node->removed >> other & 1u;
        uint64_t there = (unsigned)state->nodes[other].removed >> id & 1u;
        sum += (here | there << 1) << 20;
    }
    for (unsigned i = 0; i < state->write_count; i++) {
        sum = sum * 2 + (state->writes[i].owner == id);
    }
    for (unsigned i = 0; i < STAGED_CHANGES_MAX; i++) {
        const struct staged_change *change = &state->changes[i];
        uint64_t role = change->kind == 0 ? 0 : 1u + (change->node == id ? 1u : 0u);
        role += (change->confirmed >> id & 1) != 0 ? 2u : 0u;
        sum += role * (change->kind * UINT64_C(1000003) + change->begun + 7) << 24;
    }
    return sum;
}

static uint8_t set_rename(const uint8_t *names, unsigned count, uint8_t set) {
    uint8_t result = 0;
    for (unsigned id = 0; id < count; id++) {
        result |= (set >> id & 1) != 0 ? (uint8_t)(1u << names[id]) : 0;
    }
    return result;
}

static void nodes_rename(struct staged_state *state, const uint8_t *names) {
    unsigned count = state->node_count;
    struct staged_node old[STAGED_NODES_MAX];
    memcpy(old, state->nodes, sizeof old);
    for (unsigned id = 0; id < count; id++) {
        struct staged_node *node = &state->nodes[names[id]];
        *node = old[id];
        node->removed = set_rename(names, count, node->removed);
    }
    for (unsigned i = 0; i < state->write_count; i++) {
        state->writes[i].owner = names[state->writes[i].owner];
    }
    for (unsigned i = 0; i < STAGED_CHANGES_MAX; i++) {
        struct staged_change *change = &state->changes[i];
        if (change->kind != 0) {
            change->node = names[change->node];
            change->confirmed = set_rename(names, count, change->confirmed);
            change->skips = set_rename(names, count, change->skips);
        }
    }
    state->removed_ever = set_rename(names, count, state->removed_ever);
    state->late_from = names[state->late_from];
}

static void changes_sort(struct staged_state *state) {
    struct staged_change *changes = state->changes;
    if (memcmp(&changes[0], &changes[1], sizeof changes[0]) > 0) {
        struct staged_change change = changes[0];
        changes[0] = changes[1];
        changes[1] = change;
    }
}

void staged_canonical(const struct explore_world *world, void *memory, uint8_t *names) {
    struct staged_state *state = memory;
    uint64_t signatures[STAGED_NODES_MAX];
    uint8_t order[STAGED_NODES_MAX];
    uint8_t all = (uint8_t)((1u << state->write_count) - 1);
    (void)world;
    for (unsigned id = 0; id < state->node_count; id++) {
        struct staged_node *node = &state->nodes[id];
        bool left_out = (state->changes[0].skips | state->changes[1].skips) >> id & 1;
        node->skipped &= left_out || node->known != all; /* else it has caught up */
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
    nodes_rename(state, names);
    changes_sort(state);
}

/* --- words ------------------------------------------------------------------------------------------------------------ */

static void node_print(const struct staged_state *state, unsigned id, const uint8_t *labels,
                       FILE *file) {
    const struct staged_node *node = &state->nodes[id];
    fprintf(file, "%c%s%s:", 'A' + labels[id], node->ended ? " ended" : "",
            node->skipped ? " skipped" : "");
    fputs(node->alive == 0 ? " absent" : "", file);
    for (unsigned i = 0; i < state->write_count; i++) {
        const struct staged_write *write = &state->writes[i];
        if ((node->alive >> i & 1) != 0) {
            fprintf(file, " %s", catalog_state_name((enum catalog_state)write->state));
            if (write->body != 0) {
                fprintf(file, " body %u", write->body);
            }
            if (write->previous != 0) {
                fprintf(file, " over %u", write->previous);
            }
            fprintf(file, " (clock %u, of %c)", write->clock, 'A' + labels[write->owner]);
        }
    }
    for (unsigned other = 0; other < state->node_count; other++) {
        if ((node->removed >> other & 1) != 0) {
            fprintf(file, "; has %c as removed", 'A' + labels[other]);
        }
    }
}

void staged_print_state(const void *memory, const uint8_t *labels, FILE *file) {
    const struct staged_state *state = memory;
    for (unsigned id = 0; id < state->node_count; id++) {
        fputs("       ", file);
        node_print(state, id, labels, file);
        fputc('\n', file);
    }
}

static void begin_print(struct explore_step step, FILE *file) {
    static const char *const kinds[] = {[GOSSIP_STAGED_SET] = "set",
                                        [GOSSIP_STAGED_DROP] = "drop",
                                        [GOSSIP_STAGED_ABORT] = "abort"};
    fprintf(file, " begins a staged %s", kinds[step.c]);
    if (step.b != 0) {
        fprintf(file, " of body %u", step.b);
    }
}

void staged_print_step(const void *before, struct explore_step step, const void *after,
                       const uint8_t *labels, FILE *file) {
    static const char *const words[] = {
        [STAGED_STEP_AGREE] = " asks all for what stands",
        [STAGED_STEP_CONFIRM] = " is confirmed by %",
        [STAGED_STEP_AGREED] = " has the agreement of all",
        [STAGED_STEP_SKIP] = " has the agreement of all but the dead",
        [STAGED_STEP_WRITE] = " makes the step",
        [STAGED_STEP_FORWARD] = " passes the change on to %",
        [STAGED_STEP_DONE] = " is done",
        [STAGED_STEP_REFUSE] = " refuses",
        [STAGED_STEP_DEADLINE] = ": the deadline has passed",
        [STAGED_STEP_TAKE] = " takes what % has",
        [STAGED_STEP_DELAY] = " sends its entry; it is late",
        [STAGED_STEP_LATE] = " gets the late entry of %",
        [STAGED_STEP_CRASH] = " crashes and starts again",
        [STAGED_STEP_REMOVE] = ": the operator removes % there",
        [STAGED_STEP_HEAR] = " hears from % who was removed",
        [STAGED_STEP_TOLD] = " learns from % that it was removed",
    };
    const struct staged_state *old = before;
    const struct staged_state *state = after;
    fputc('A' + labels[step.a], file);
    if (step.kind == STAGED_STEP_BEGIN) {
        begin_print(step, file);
    }
    for (const char *word = step.kind == STAGED_STEP_BEGIN ? "" : words[step.kind]; *word != '\0';
         word++) {
        fputc(*word == '%' ? 'A' + labels[step.b] : *word, file);
    }
    for (unsigned id = 0; id < state->node_count; id++) {
        if (memcmp(&old->nodes[id], &state->nodes[id], sizeof state->nodes[id]) != 0) {
            fputs("\n        ", file);
            node_print(state, id, labels, file);
        }
    }
}
