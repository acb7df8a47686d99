/* generate.h - what the files that draw runs share (private to test/sim/generate*.c). */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H

#include "test/sim/scenario_parts.h"

struct drawing {
    struct scenario *scenario;
    struct choice *choice;
    size_t eligible; /* nodes that faults may meet: all but one that is a cluster of its own */
    bool brief;      /* a fuzzer learns from many short runs; and its zeros must mean little */
};

uint64_t generate__below(struct drawing *drawing, uint64_t bound, const char *label);
/* A node that has been started by then, if a few draws find one. */
uint16_t generate__node(struct drawing *drawing, size_t first, uint64_t at_ms, const char *label);

/* generate_agree.c: who waits for agreement, stages, resolves, and asks how fresh a node is; entries that come and go. */
void generate__agree(struct drawing *drawing);

#endif
