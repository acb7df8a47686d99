/* explore_agreement_check.c - the property, the canonical form and the words of the model of agreement. */
#include "test/sim/explore_agreement.h"

#include <assert.h>
#include <string.h>

const char *agreement_broken(const struct explore_world *world, const void *memory) {
    const struct agreement_state *state = memory;
    (void)world;
    return state->failed ? "S4: success was told, and a member lacks the version" : NULL;
}

/* --- canonical form -------------------------------------------------------------------------------------------------- */

static uint64_t signature(const struct agreement_state *state, unsigned id) {
    const struct agreement_node *node = &state->nodes[id];
    const struct agreement_disk *disk = &node->disk;
    uint64_t own = node->status | (uint64_t)node->flying << 2 | (uint64_t)disk->has << 3 |
                   (uint64_t)disk->ready << 4 | (uint64_t)disk->in_cluster << 5 |
                   (uint64_t)(state->initiator == id) << 6 |
                   (uint64_t)(state->confirmed >> id & 1) << 7 |
                   (uint64_t)(state->stale >> id & 1) << 8 | (uint64_t)(state->copied == id) << 9 |
                   (uint64_t)disk->table[id] << 10;
    uint64_t others = 0;
    for (unsigned other = 0; other < state->ids_used; other++) {
        const struct agreement_node *peer = &state->nodes[other];
        uint64_t pair = disk->table[other] | (uint64_t)peer->disk.table[id] << 2 |
                        (uint64_t)(node->through >> other & 1) << 4 |
                        (uint64_t)(node->admitted >> other & 1) << 5 |
                        (uint64_t)(peer->through >> id & 1) << 6 |
                        (uint64_t)(peer->admitted >> id & 1) << 7;
        others += (pair + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 9;
    }
    for (unsigned i = 0; i < state->late_count; i++) {
        others += (uint64_t)(state->late[i].from == id) << 40;
    }
    return own * UINT64_C(1000003) + others;
}

static void row_rename(const uint8_t *names, unsigned count, uint8_t *row) {
    uint8_t old[AGREEMENT_IDS_MAX];
    memcpy(old, row, sizeof old);
    for (unsigned id = 0; id < count; id++) {
        row[names[id]] = old[id];
    }
}

static uint8_t set_rename(const uint8_t *names, unsigned count, uint8_t set) {
    uint8_t result = 0;
    for (unsigned id = 0; id < count; id++) {
        result |= (set >> id & 1) != 0 ? (uint8_t)(1u << names[id]) : 0;
    }
    return result;
}

static uint8_t name_of(const uint8_t *names, uint8_t id) {
    return id == AGREEMENT_NONE ? id : names[id];
}

static void ids_rename(struct agreement_state *state, const uint8_t *names) {
    unsigned count = state->ids_used;
    struct agreement_node old[AGREEMENT_IDS_MAX];
    memcpy(old, state->nodes, sizeof old);
    for (unsigned id = 0; id < count; id++) {
        struct agreement_node *node = &state->nodes[names[id]];
        *node = old[id];
        node->admitted = set_rename(names, count, node->admitted);
        node->through = set_rename(names, count, node->through);
        node->unstored = set_rename(names, count, node->unstored);
        node->disk.replaces = node->status == AGREEMENT_LIVE ? name_of(names, node->disk.replaces)
                                                             : node->disk.replaces;
        row_rename(names, count, node->disk.table);
    }
    state->initiator = name_of(names, state->initiator);
    state->required = set_rename(names, count, state->required);
    state->confirmed = set_rename(names, count, state->confirmed);
    state->stale = set_rename(names, count, state->stale);
    state->forgot = set_rename(names, count, state->forgot);
    for (unsigned i = 0; i < state->late_count; i++) {
        state->late[i].from = name_of(names, state->late[i].from);
        row_rename(names, count, state->late[i].table);
    }
    if (state->copied != AGREEMENT_NONE) {
        state->copied = names[state->copied];
        state->copy.replaces = name_of(names, state->copy.replaces);
        row_rename(names, count, state->copy.table);
    }
}

static void late_sort(struct agreement_state *state) {
    struct agreement_message *late = state->late;
    if (state->late_count == 2 && memcmp(&late[0], &late[1], sizeof late[0]) > 0) {
        struct agreement_message message = late[0];
        late[0] = late[1];
        late[1] = message;
    }
}

void agreement_canonical(const struct explore_world *world, void *memory, uint8_t *names) {
    struct agreement_state *state = memory;
    uint64_t signatures[AGREEMENT_IDS_MAX];
    uint8_t order[AGREEMENT_IDS_MAX];
    (void)world;
    for (unsigned id = 0; id < state->ids_used; id++) {
        signatures[id] = signature(state, id);
        unsigned at = id;
        for (; at > 0 && signatures[order[at - 1]] < signatures[id]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint8_t)id;
    }
    for (unsigned at = 0; at < state->ids_used; at++) {
        names[order[at]] = (uint8_t)at;
    }
    ids_rename(state, names);
    late_sort(state);
}

/* --- words ------------------------------------------------------------------------------------------------------------ */

static void node_print(const struct agreement_state *state, unsigned id, const uint8_t *labels,
                       FILE *file) {
    static const char *const rows[] = {"?", "joining", "ready", "removed"};
    const struct agreement_node *node = &state->nodes[id];
    fprintf(file, "%c %s, %s; members:", 'A' + labels[id],
            node->status != AGREEMENT_LIVE ? "ended"
            : node->disk.ready             ? "ready"
                                           : "joining",
            node->disk.has ? "has it"
            : node->flying ? "has it in memory"
                           : "lacks it");
    for (unsigned other = 0; other < state->ids_used; other++) {
        fprintf(file, " %c %s", 'A' + labels[other], rows[node->disk.table[other]]);
    }
}

void agreement_print_state(const void *memory, const uint8_t *labels, FILE *file) {
    const struct agreement_state *state = memory;
    for (unsigned id = 0; id < state->ids_used; id++) {
        fputs("       ", file);
        node_print(state, id, labels, file);
        fputc('\n', file);
    }
}

void agreement_print_step(const void *before, struct explore_step step, const void *after,
                          const uint8_t *labels, FILE *file) {
    static const char *const words[] = {
        [AGREEMENT_STEP_WRITE] = "%c writes the version",
        [AGREEMENT_STEP_PUSH] = "%c gets it pushed by %c",
        [AGREEMENT_STEP_STORE] = "%c has it on disk",
        [AGREEMENT_STEP_ROW] = "%c hears from %c of member %c",
        [AGREEMENT_STEP_ADMIT] = "%c gets an ADMIT of %c",
        [AGREEMENT_STEP_EXCHANGE] = "%c exchanges with %c",
        [AGREEMENT_STEP_BEGIN] = "%c begins an agreement",
        [AGREEMENT_STEP_CONFIRM] = "%c gets a confirmation of %c",
        [AGREEMENT_STEP_DELAY] = "%c is sent a confirmation by %c; it is late",
        [AGREEMENT_STEP_LATE] = "%c gets the late confirmation of %c",
        [AGREEMENT_STEP_HELLO] = "%c gets a hello of the new process of %c",
        [AGREEMENT_STEP_SUCCEED] = "%c tells success",
        [AGREEMENT_STEP_SKIP] = "%c tells success, leaving out the dead",
        [AGREEMENT_STEP_GIVE_UP] = "%c gives up",
        [AGREEMENT_STEP_CRASH] = "%c crashes and starts again",
        [AGREEMENT_STEP_COPY] = "the disk of %c is copied",
        [AGREEMENT_STEP_RESTORE] = "the disk of %c is put back to the copy",
        [AGREEMENT_STEP_LOSE] = "%c is gone, with its disk",
        [AGREEMENT_STEP_REMOVE] = "at %c the operator removes %c",
        [AGREEMENT_STEP_TOLD] = "%c learns from %c that it was removed, and begins under a new id",
        [AGREEMENT_STEP_JOIN] = "%c begins, empty",
    };
    const struct agreement_state *old = before;
    const struct agreement_state *state = after;
    unsigned ids[] = {step.a, step.b, step.c};
    const char *word = words[step.kind];
    for (unsigned i = 0; *word != '\0'; word++) {
        if (word[0] == '%') {
            assert(i < sizeof ids / sizeof ids[0]);
            fputc('A' + labels[ids[i++]], file);
            word++;
        } else {
            fputc(*word, file);
        }
    }
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (id >= old->ids_used ||
            memcmp(&old->nodes[id], &state->nodes[id], sizeof state->nodes[id]) != 0) {
            fputs("\n        ", file);
            node_print(state, id, labels, file);
        }
    }
}
