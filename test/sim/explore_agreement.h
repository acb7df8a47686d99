/* explore_agreement.h - the model of agreement (DESIGN 7.4, 7.5): its state and its steps (shared by explore_agreement*.c).
 */
#ifndef SIM_EXPLORE_AGREEMENT_H
#define SIM_EXPLORE_AGREEMENT_H

#include "test/sim/explore.h"

#include <assert.h>

enum { AGREEMENT_IDS_MAX = 5, AGREEMENT_LATE_MAX = 2, AGREEMENT_NONE = 0xff };

#define AGREEMENT_PLANTS(X)                                                                        \
    X(B08, "B08", "who does not confirm is skipped, though nobody asked for that")                 \
    X(B09, "B09", "a confirmation stands although its member has started again since")             \
    X(B10, "B10", "who is learnt of meanwhile is not required")                                    \
    X(TABLES, "tables-unequal", "a confirmation counts whatever its member table")                 \
    X(UNSTORED, "row-unstored", "a newcomer is admitted before its row is on disk")                \
    X(MEMORY, "from-memory", "what is on its way to the disk is confirmed")                        \
    X(NOT_READY, "newcomer-confirms", "who is joining confirms, and is not asked again")           \
    X(JOINING, "joining-free", "who is joining is not required")                                   \
    X(JOIN_ONE, "ready-through-one", "a newcomer is ready after a walk with one member")           \
    X(JOIN_BEFORE, "walk-before-row", "walks begun before the member stored the newcomer count")   \
    X(JOIN_TABLES, "join-tables", "walks make ready whatever the member tables")                   \
    X(MINORITY, "minority", "with skip_dead a minority is enough")                                 \
    X(SELF, "self-unstored", "the initiator does not wait for its own disk")

enum agreement_plant {
    AGREEMENT_PLANT_NONE = 0,
#define X(symbol, name, what) AGREEMENT_PLANT_##symbol,
    AGREEMENT_PLANTS(X)
#undef X
        AGREEMENT_PLANT_COUNT,
};

enum agreement_row { AGREEMENT_UNKNOWN = 0, AGREEMENT_JOINING, AGREEMENT_READY, AGREEMENT_GONE };
enum agreement_status { AGREEMENT_UNUSED = 0, AGREEMENT_LIVE, AGREEMENT_ENDED };

struct agreement_disk {
    uint8_t has; /* the version, or what superseded it */
    uint8_t ready;
    uint8_t in_cluster;
    uint8_t replaces; /* its former id; AGREEMENT_NONE */
    uint8_t table[AGREEMENT_IDS_MAX];
};

struct agreement_node {
    uint8_t status;
    uint8_t flying;   /* the version is on its way to the disk */
    uint8_t solo;     /* ghost: it became ready through one member, since there was only one */
    uint8_t unstored; /* planted: rows that are not on disk yet */
    uint8_t admitted, through;
    struct agreement_disk disk;
};

/* A confirmation that comes late. */
struct agreement_message {
    uint8_t from; /* AGREEMENT_NONE: free */
    uint8_t table[AGREEMENT_IDS_MAX];
    uint8_t stale;  /* its process has ended since */
    uint8_t forgot; /* ghost: and the disk was put back */
};

struct agreement_state {
    struct agreement_node nodes[AGREEMENT_IDS_MAX];
    uint8_t written;   /* the version was made */
    uint8_t initiator; /* AGREEMENT_NONE: nobody waits */
    uint8_t required;  /* B10: whom it knew at the beginning */
    uint8_t confirmed; /* ids, the initiator not among them */
    uint8_t
        stale; /* of those: their process has ended since, and the initiator has not heard of it */
    uint8_t forgot; /* ghost: of those the disk was put back */
    uint8_t begun;  /* so many agreements */
    uint8_t failed; /* ghost: success was told though a member lacks the version */
    struct agreement_message late[AGREEMENT_LATE_MAX];
    uint8_t late_count;
    uint8_t copied; /* of whom there is a copy; AGREEMENT_NONE */
    struct agreement_disk copy;
    uint8_t ids, ids_used;
    uint8_t crashes, restores, losses, removals;
};
static_assert(sizeof(struct agreement_state) <= EXPLORE_STATE_SIZE_MAX, "a state fits");

enum agreement_step {
    AGREEMENT_STEP_WRITE = 1,
    AGREEMENT_STEP_PUSH,     /* a gets it from b, into memory */
    AGREEMENT_STEP_STORE,    /* a */
    AGREEMENT_STEP_ROW,      /* a hears from b of c */
    AGREEMENT_STEP_ADMIT,    /* a by b */
    AGREEMENT_STEP_EXCHANGE, /* a with b */
    AGREEMENT_STEP_BEGIN,    /* a */
    AGREEMENT_STEP_CONFIRM,  /* b confirms to a */
    AGREEMENT_STEP_DELAY,    /* the same, late */
    AGREEMENT_STEP_LATE,
    AGREEMENT_STEP_HELLO, /* a and b have a new session */
    AGREEMENT_STEP_SUCCEED,
    AGREEMENT_STEP_SKIP, /* success with skip_dead; b: those that are left out */
    AGREEMENT_STEP_GIVE_UP,
    AGREEMENT_STEP_CRASH,
    AGREEMENT_STEP_COPY,
    AGREEMENT_STEP_RESTORE,
    AGREEMENT_STEP_LOSE,
    AGREEMENT_STEP_REMOVE,
    AGREEMENT_STEP_TOLD,
    AGREEMENT_STEP_JOIN,
};

void agreement_canonical(const struct explore_world *world, void *state, uint8_t *names);
const char *agreement_broken(const struct explore_world *world, const void *state);
void agreement_print_step(const void *before, struct explore_step step, const void *after,
                          const uint8_t *labels, FILE *file);
void agreement_print_state(const void *state, const uint8_t *labels, FILE *file);

/* --- what nodes do (explore_agreement_node.c) ------------------------------------------------------------------------ */

bool agreement_deals(const struct agreement_state *state, unsigned node, unsigned other);
bool agreement_is_removed(const struct agreement_state *state, unsigned id);
/* Whether two may have a session: both run, and neither has the other removed. */
bool agreement_session(const struct agreement_state *state, unsigned a, unsigned b);
/* They have one: whoever has started again since says so by its hello. */
void agreement_hello(struct agreement_state *state, unsigned plant, unsigned a, unsigned b);
void agreement_row(struct agreement_state *state, unsigned node, unsigned id, uint8_t row);
void agreement_hear(struct agreement_state *state, unsigned plant, unsigned a, unsigned b,
                    unsigned id);
bool agreement_admit(struct agreement_state *state, unsigned plant, unsigned a, unsigned b);
void agreement_exchange(struct agreement_state *state, unsigned plant, unsigned a, unsigned b);
void agreement_restart(struct agreement_state *state, unsigned plant, unsigned node, bool restored);
void agreement_end(struct agreement_state *state, unsigned node);
void agreement_new_id(struct agreement_state *state, unsigned node);
void agreement_join(struct agreement_state *state);
/* Whether it would confirm now. */
bool agreement_confirms(const struct agreement_state *state, unsigned plant, unsigned node);
/* A confirmation with this table has come. */
void agreement_confirmed(struct agreement_state *state, unsigned plant, unsigned from,
                         const uint8_t *table);
/* Whether the initiator may tell success, with these left out as dead. */
bool agreement_may_succeed(const struct agreement_state *state, unsigned plant, bool skip_dead,
                           uint8_t dead);
/* It does: is it true? */
void agreement_succeed(struct agreement_state *state, uint8_t skipped);

#endif
