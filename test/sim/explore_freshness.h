/* explore_freshness.h - the model of freshness (DESIGN 7.7): its state and its words (shared by explore_freshness*.c). */
#ifndef SIM_EXPLORE_FRESHNESS_H
#define SIM_EXPLORE_FRESHNESS_H

#include "test/sim/explore.h"

#include <assert.h>

enum { FRESHNESS_NODES_MAX = 4, FRESHNESS_WRITES_MAX = 4, FRESHNESS_NEVER = 0xff };

struct freshness_exchange {
    uint8_t sent;     /* the asker's clock; FRESHNESS_NEVER: none is open */
    uint8_t answered; /* there is an answer under way: */
    uint8_t has;      /* what the member had then */
    uint8_t age;      /* its own, then; FRESHNESS_NEVER: unknown */
};

struct freshness_node {
    uint8_t has;                       /* writes on its disk */
    uint8_t got[FRESHNESS_WRITES_MAX]; /* ghost: the true tick; FRESHNESS_NEVER */
    uint8_t moments[FRESHNESS_NODES_MAX];
    uint8_t told;  /* the latest moment by another's word; FRESHNESS_NEVER */
    uint8_t stood; /* the true tick at which its clock did not go; FRESHNESS_NEVER */
    struct freshness_exchange exchanges[FRESHNESS_NODES_MAX];
};

struct freshness_state {
    struct freshness_node nodes[FRESHNESS_NODES_MAX];
    uint8_t node_count, write_count;
    uint8_t now; /* true time, in ticks from 1 */
    uint8_t crashes, restores, copied, copy;
};
static_assert(sizeof(struct freshness_state) <= EXPLORE_STATE_SIZE_MAX, "a state fits");

enum step {
    FRESHNESS_STEP_TICK = 1,
    FRESHNESS_STEP_STAND, /* a tick with which a's clock does not go */
    FRESHNESS_STEP_WRITE,
    FRESHNESS_STEP_PUSH,
    FRESHNESS_STEP_ASK,    /* a asks b */
    FRESHNESS_STEP_ANSWER, /* b answers a */
    FRESHNESS_STEP_RECEIVE,
    FRESHNESS_STEP_EXCHANGE, /* all three at once */
    FRESHNESS_STEP_CRASH,
    FRESHNESS_STEP_COPY,
    FRESHNESS_STEP_RESTORE,
};

/* What the node's clock shows. */
unsigned freshness_clock(const struct freshness_state *state, const struct freshness_node *node);
void freshness_print_step(const void *before, struct explore_step step, const void *after,
                          const uint8_t *labels, FILE *file);
void freshness_print_state(const void *state, const uint8_t *labels, FILE *file);

#endif
