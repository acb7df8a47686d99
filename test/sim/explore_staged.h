/* explore_staged.h - the model of staged changes (DESIGN 4.3, 7.6): its state and steps (shared by explore_staged*.c). */
#ifndef SIM_EXPLORE_STAGED_H
#define SIM_EXPLORE_STAGED_H

#include "gossip/gossip.h"
#include "test/sim/explore.h"

#include <assert.h>

enum { STAGED_NODES_MAX = 4, STAGED_WRITES_MAX = 8, STAGED_CHANGES_MAX = 2, STAGED_NONE = 0xff };

#define STAGED_PLANTS(X)                                                                           \
    X(NO_AGREEMENT, "step-unagreed", "a step is made without an agreement before it")              \
    X(NOT_OWNER, "not-owner", "whoever is asked makes the next step")                              \
    X(COVERED, "superseded-counts", "who has superseded the version confirms it, too")             \
    X(SUPERSEDED_NOW, "not-looked-at",                                                             \
      "whether it still stands alone is not looked at before a step")                              \
    X(ABORT, "abort-at-once", "who takes over from a removed owner aborts without an agreement")   \
    X(MEANWHILE, "removed-meanwhile", "confirmations stand when a member is removed after them")   \
    X(PREVIOUS, "no-previous", "an abort over an active schema drops it")                          \
    X(TABLES, "tables-unequal", "confirmations count whatever the table of removed ids")           \
    X(REMOVED_HEARD, "removed-heard", "entries of a removed id are taken")                         \
    X(SKIPPED, "skipped-inside", "members that were skipped are held to be inside")

enum staged_plant {
    STAGED_PLANT_NONE = 0,
#define X(symbol, name, what) STAGED_PLANT_##symbol,
    STAGED_PLANTS(X)
#undef X
        STAGED_PLANT_COUNT,
};

/* A version. Bodies are 1 and 2; 0 is none. */
struct staged_write {
    uint8_t clock;
    uint8_t state; /* enum catalog_state */
    uint8_t body, previous;
    uint8_t owner;
    uint8_t past; /* what it replaced, directly or not */
};

struct staged_node {
    uint8_t ended;
    uint8_t skipped;      /* ghost: left out as dead, and it has not caught up yet */
    uint8_t known, alive; /* sets of writes: seen, and not superseded */
    uint8_t removed;      /* ids */
};

/* A staged change that somebody waits for, or a step of it. */
struct staged_change {
    uint8_t kind; /* enum gossip_staged; 0: free */
    uint8_t node; /* at which it runs */
    uint8_t body; /* that is wanted */
    uint8_t skip_dead;
    uint8_t begun;
    uint8_t agreed;    /* writes that all members have, alone */
    uint8_t waiting;   /* an agreement on these is waited for; 0: none */
    uint8_t confirmed; /* by these nodes */
    uint8_t skips;     /* these were left out */
};

struct staged_state {
    struct staged_node nodes[STAGED_NODES_MAX];
    struct staged_write writes[STAGED_WRITES_MAX];
    struct staged_change changes[STAGED_CHANGES_MAX];
    uint8_t node_count, write_count;
    uint8_t begun; /* changes */
    uint8_t crashes, removals;
    uint8_t late_count, late_from, late_known, late_alive; /* an entry that is late */
    uint8_t removed_ever;                                  /* ghost */
    uint8_t
        stray; /* ghost: writes by who was left out as dead, of which whoever did that did not know */
};
static_assert(sizeof(struct staged_state) <= EXPLORE_STATE_SIZE_MAX, "a state fits");

enum staged_step {
    STAGED_STEP_BEGIN = 1, /* a begins change b, kind c */
    STAGED_STEP_AGREE,     /* a waits for an agreement */
    STAGED_STEP_CONFIRM,   /* b confirms to a */
    STAGED_STEP_AGREED,
    STAGED_STEP_SKIP,
    STAGED_STEP_WRITE, /* a makes the step to state b */
    STAGED_STEP_FORWARD,
    STAGED_STEP_DONE,
    STAGED_STEP_REFUSE,
    STAGED_STEP_DEADLINE,
    STAGED_STEP_TAKE, /* a takes what b has */
    STAGED_STEP_DELAY,
    STAGED_STEP_LATE,
    STAGED_STEP_CRASH,
    STAGED_STEP_REMOVE,
    STAGED_STEP_HEAR,
    STAGED_STEP_TOLD,
};

/* The version in force of what is alive; NULL if none. */
const struct staged_write *staged_in_force(const struct staged_state *state, uint8_t alive);
bool staged_conflict(const struct staged_state *state, uint8_t alive);
const char *staged_broken(const struct explore_world *world, const void *state);
void staged_canonical(const struct explore_world *world, void *state, uint8_t *names);
void staged_print_step(const void *before, struct explore_step step, const void *after,
                       const uint8_t *labels, FILE *file);
void staged_print_state(const void *state, const uint8_t *labels, FILE *file);

/* What a change does next (explore_staged_change.c). */
void staged_change_emit(const struct explore_world *world, const struct staged_state *state,
                        unsigned index, struct explore_sink *sink);
void staged_emit(struct explore_sink *sink, const struct staged_state *after, unsigned kind,
                 unsigned a, unsigned b, unsigned c);

#endif
