/* explore_removal_print.c - the steps and states of the model of removal in words. */
#include "test/sim/explore_removal.h"

#include <string.h>

/* Nodes are called in order of their appearance: A, B, C. */
static char letter(const uint8_t *labels, unsigned id) {
    return (char)('A' + labels[id]);
}

static void set_print(const struct removal_state *state, uint8_t set, FILE *file) {
    const char *comma = "";
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((set >> i & 1) != 0) {
            const struct removal_write *write = &state->writes[i];
            fprintf(file, "%s%s@%u/o%u", comma, write->drop ? "drop" : "set", write->clock,
                    write->origin);
            comma = ",";
        }
    }
    fputs(*comma == '\0' ? "-" : "", file);
}

static void entry_print(const struct removal_state *state, struct removal_entry entry, FILE *file) {
    if (entry.alive == 0) {
        fputs("absent", file);
        return;
    }
    set_print(state, entry.alive, file);
    if (entry.pairs != entry.alive) {
        fputs(" over ", file);
        set_print(state, entry.pairs & (uint8_t)~entry.alive, file);
    }
}

static void disk_print(const struct removal_state *state, const struct removal_disk *disk,
                       const uint8_t *labels, FILE *file) {
    static const char *const rows[] = {"?", "joining", "ready", "removed"};
    fprintf(file, "horizon %u, seen %u, clock %u; entries:", disk->horizon, disk->seen,
            disk->high_water);
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        fputs(key == 0 ? " " : " | ", file);
        entry_print(state, disk->entries[key], file);
    }
    fputs("; members:", file);
    for (unsigned id = 0; id < state->ids_used; id++) {
        fprintf(file, " %c %s", letter(labels, id), rows[disk->table[id]]);
    }
}

static void node_print(const struct removal_state *state, unsigned id, const uint8_t *labels,
                       FILE *file) {
    const struct removal_node *node = &state->nodes[id];
    if (node->status != REMOVAL_LIVE) {
        fprintf(file, "%c ended", letter(labels, id));
        return;
    }
    fprintf(file, "%c %s: ", letter(labels, id),
            node->disk.ready                      ? "ready"
            : node->disk.admitter == REMOVAL_NONE ? "newcomer"
                                                  : "joining");
    disk_print(state, &node->disk, labels, file);
    fputs("; counted:", file);
    for (unsigned other = 0; other < state->ids_used; other++) {
        if (other != id) {
            fprintf(file, " %c %u", letter(labels, other), node->counted[other]);
        }
    }
    if (node->walk.peer != REMOVAL_NONE) {
        fprintf(file, "; walks with %c (clock %u, seen %u%s)", letter(labels, node->walk.peer),
                node->walk.clock, node->walk.seen, node->walk.counts ? "" : ", does not count");
    }
}

void removal_print_state(const void *memory, const uint8_t *labels, FILE *file) {
    const struct removal_state *state = memory;
    for (unsigned id = 0; id < state->ids_used; id++) {
        fputs("       ", file);
        node_print(state, id, labels, file);
        fputc('\n', file);
    }
}

/* @, % and # are the nodes of the step: a, b and c; & is its b, * its c as numbers. */
static const char *const words[] = {
    [REMOVAL_STEP_RAISE] = "@ raises the horizon to &",
    [REMOVAL_STEP_ROW] = "@ hears from % of member #",
    [REMOVAL_STEP_EXCHANGE] = "@ exchanges with %",
    [REMOVAL_STEP_WALK] = "@ asks % for its digest",
    [REMOVAL_STEP_ADMIT] = "@ gets an ADMIT of %",
    [REMOVAL_STEP_PULL] = "@ pulls key * from %",
    [REMOVAL_STEP_PUSH] = "@ gets key * from %, by a push",
    [REMOVAL_STEP_DELAY_DIGEST] = "% sends its digest to @; it is late",
    [REMOVAL_STEP_DELAY_ENTRY] = "% sends key * to @; it is late",
    [REMOVAL_STEP_LATE_HEARD] = "@ gets the late message of %",
    [REMOVAL_STEP_LATE_ANSWER] = "@ gets the late digest of %, for which it still waits",
    [REMOVAL_STEP_LATE_ADMIT] = "@ gets the late ADMIT of %",
    [REMOVAL_STEP_LATE_ENTRY] = "@ gets the late key * of %",
    [REMOVAL_STEP_CRASH] = "@ crashes and starts again",
    [REMOVAL_STEP_COPY] = "the disk of @ is copied",
    [REMOVAL_STEP_RESTORE] = "the disk of @ is put back to the copy",
    [REMOVAL_STEP_LOSE] = "@ is gone, with its disk",
    [REMOVAL_STEP_REMOVE] = "at @ the operator removes %",
    [REMOVAL_STEP_TOLD] = "@ learns from % that it was removed, and starts empty under a new id",
    [REMOVAL_STEP_JOIN] = "@ begins, empty",
    [REMOVAL_STEP_FORGET] = "@ forgets the old tombstone of key &",
};

static void step_words(struct explore_step step, const uint8_t *labels, FILE *file) {
    if (step.kind == REMOVAL_STEP_WRITE) {
        fprintf(file, "%c %s key %u at clock %u", letter(labels, step.a),
                step.c >= 16 ? "drops" : "sets", step.b, step.c & 15);
        return;
    }
    for (const char *word = words[step.kind]; *word != '\0'; word++) {
        switch (*word) {
        case '@':
            fputc(letter(labels, step.a), file);
            break;
        case '%':
            fputc(letter(labels, step.b), file);
            break;
        case '#':
            fputc(letter(labels, step.c), file);
            break;
        case '&':
            fprintf(file, "%u", step.b);
            break;
        case '*':
            fprintf(file, "%u", step.c);
            break;
        default:
            fputc(*word, file);
        }
    }
}

void removal_print_step(const void *before, struct explore_step step, const void *after,
                        const uint8_t *labels, FILE *file) {
    const struct removal_state *old = before;
    const struct removal_state *state = after;
    step_words(step, labels, file);
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (id >= old->ids_used ||
            memcmp(&old->nodes[id], &state->nodes[id], sizeof state->nodes[id]) != 0) {
            fputs("\n        ", file);
            node_print(state, id, labels, file);
        }
    }
}
