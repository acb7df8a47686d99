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

static void step_words(struct explore_step step, const uint8_t *labels, FILE *file) {
    char a = letter(labels, step.a);
    char b = letter(labels, step.b);
    switch ((enum removal_step)step.kind) {
    case REMOVAL_STEP_WRITE:
        fprintf(file, "%c %s key %u at clock %u", a, step.c >= 16 ? "drops" : "sets", step.b,
                step.c & 15);
        break;
    case REMOVAL_STEP_RAISE:
        fprintf(file, "%c raises the horizon to %u", a, step.b);
        break;
    case REMOVAL_STEP_ROW:
        fprintf(file, "%c hears from %c of member %c", a, b, letter(labels, step.c));
        break;
    case REMOVAL_STEP_EXCHANGE:
        fprintf(file, "%c exchanges with %c", a, b);
        break;
    case REMOVAL_STEP_WALK:
        fprintf(file, "%c asks %c for its digest", a, b);
        break;
    case REMOVAL_STEP_ADMIT:
        fprintf(file, "%c gets an ADMIT of %c", a, b);
        break;
    case REMOVAL_STEP_PULL:
        fprintf(file, "%c pulls key %u from %c", a, step.c, b);
        break;
    case REMOVAL_STEP_PUSH:
        fprintf(file, "%c gets key %u from %c, by a push", a, step.c, b);
        break;
    case REMOVAL_STEP_DELAY_DIGEST:
        fprintf(file, "%c sends its digest to %c; it is late", b, a);
        break;
    case REMOVAL_STEP_DELAY_ENTRY:
        fprintf(file, "%c sends key %u to %c; it is late", b, step.c, a);
        break;
    case REMOVAL_STEP_LATE_HEARD:
        fprintf(file, "%c gets the late message of %c", a, b);
        break;
    case REMOVAL_STEP_LATE_ANSWER:
        fprintf(file, "%c gets the late digest of %c, for which it still waits", a, b);
        break;
    case REMOVAL_STEP_LATE_ADMIT:
        fprintf(file, "%c gets the late ADMIT of %c", a, b);
        break;
    case REMOVAL_STEP_LATE_ENTRY:
        fprintf(file, "%c gets the late key %u of %c", a, step.c, b);
        break;
    case REMOVAL_STEP_CRASH:
        fprintf(file, "%c crashes and starts again", a);
        break;
    case REMOVAL_STEP_COPY:
        fprintf(file, "the disk of %c is copied", a);
        break;
    case REMOVAL_STEP_RESTORE:
        fprintf(file, "the disk of %c is put back to the copy", a);
        break;
    case REMOVAL_STEP_LOSE:
        fprintf(file, "%c is gone, with its disk", a);
        break;
    case REMOVAL_STEP_REMOVE:
        fprintf(file, "the operator removes %c at %c", b, a);
        break;
    case REMOVAL_STEP_TOLD:
        fprintf(file, "%c learns from %c that it was removed, and starts empty under a new id", a,
                b);
        break;
    case REMOVAL_STEP_JOIN:
        fprintf(file, "%c begins, empty", a);
        break;
    case REMOVAL_STEP_FORGET:
        fprintf(file, "%c forgets the old tombstone of key %u", a, step.b);
        break;
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
