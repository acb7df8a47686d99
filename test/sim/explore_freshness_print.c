/* explore_freshness_print.c - the steps and states of the model of freshness in words. */
#include "test/sim/explore_freshness.h"

#include <string.h>

static void node_print(const struct freshness_state *state, unsigned id, const uint8_t *labels,
                       FILE *file) {
    const struct freshness_node *node = &state->nodes[id];
    fprintf(file, "%c (its clock %u) has", 'A' + labels[id], freshness_clock(state, node));
    fputs(node->has == 0 ? " nothing" : "", file);
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((node->has >> i & 1) != 0) {
            fprintf(file, " w%u since %u", i + 1, node->got[i]);
        }
    }
    for (unsigned other = 0; other < state->node_count; other++) {
        if (node->moments[other] != FRESHNESS_NEVER) {
            fprintf(file, "; all of %c as of %u", 'A' + labels[other], node->moments[other]);
        }
    }
    if (node->told != FRESHNESS_NEVER) {
        fprintf(file, "; by another's word as of %u", node->told);
    }
}

void freshness_print_state(const void *memory, const uint8_t *labels, FILE *file) {
    const struct freshness_state *state = memory;
    for (unsigned id = 0; id < state->node_count; id++) {
        fputs("       ", file);
        node_print(state, id, labels, file);
        fputc('\n', file);
    }
}

void freshness_print_step(const void *before, struct explore_step step, const void *after,
                          const uint8_t *labels, FILE *file) {
    static const char *const words[] = {
        [FRESHNESS_STEP_TICK] = "a tick",
        [FRESHNESS_STEP_STAND] = "a tick, with which the clock of @ does not go",
        [FRESHNESS_STEP_WRITE] = "@ writes",
        [FRESHNESS_STEP_PUSH] = "@ gets all that % has, by pushes",
        [FRESHNESS_STEP_ASK] = "@ asks %",
        [FRESHNESS_STEP_ANSWER] = "@ answers %",
        [FRESHNESS_STEP_RECEIVE] = "@ receives the answer of %",
        [FRESHNESS_STEP_EXCHANGE] = "@ asks %, and is answered at once",
        [FRESHNESS_STEP_CRASH] = "@ crashes and starts again",
        [FRESHNESS_STEP_COPY] = "the disk of @ is copied",
        [FRESHNESS_STEP_RESTORE] = "the disk of @ is put back to the copy",
    };
    const struct freshness_state *old = before;
    const struct freshness_state *state = after;
    for (const char *word = words[step.kind]; *word != '\0'; word++) {
        int shown = *word == '@'   ? 'A' + labels[step.a]
                    : *word == '%' ? 'A' + labels[step.b]
                                   : *word;
        fputc(shown, file);
    }
    if (step.kind == FRESHNESS_STEP_TICK || step.kind == FRESHNESS_STEP_STAND) {
        fprintf(file, ": it is %u", state->now);
        return;
    }
    for (unsigned id = 0; id < state->node_count; id++) {
        if (memcmp(&old->nodes[id], &state->nodes[id], sizeof state->nodes[id]) != 0) {
            fputs("\n        ", file);
            node_print(state, id, labels, file);
        }
    }
}
