/* check_staged.h - what the files of the checker of staged changes share (private to test/sim/check_staged*.c). */
#ifndef SIM_CHECK_STAGED_H
#define SIM_CHECK_STAGED_H

#include "test/sim/check_agreement.h"

enum { SIM_STAGED_NAME_SIZE_MAX = 32 };

/* An entry that a staged change was asked for. */
struct sim_staged_entry {
    uint64_t slot;
    char entity[SIM_STAGED_NAME_SIZE_MAX]; /* of a schema; empty: of anything else */
    bool skips_dead;
    uint64_t asked_ms; /* for the first time */
};

/* --- check_staged_apart.c: one state apart ---------------------------------------------------------------------------- */

/* For each node, since when the row of a member is on its disk; and whom it took for gone when it made what is on its way to
 * that: it lands later, and may be back by then. */
struct sim_staged_known;
struct sim_staged_decided;
struct sim_staged_apart {
    struct sim_staged_known *known; /* by node; NULL: nothing yet */
    struct sim_staged_decided *decided;
    size_t decided_count, decided_capacity;
};
/* The maker hands a step of this entry to its store. */
void sim__staged_apart_decided(struct sim *sim, struct sim_staged_apart *apart,
                               const struct sim_node *maker, const struct sim_staged_entry *entry);
/* The maker takes a step of this entry: all have `before` (NULL: there was nothing). */
void sim__staged_apart_look(struct sim *sim, const struct sim_staged_apart *apart,
                            struct sim_node *maker, const struct sim_staged_entry *entry,
                            struct catalog_entry *before);
void sim__staged_apart_landed(struct sim *sim, struct sim_staged_apart *apart,
                              const struct sim_node *node, const struct sim_batch *batch);
void sim__staged_apart_replaced(struct sim *sim, struct sim_staged_apart *apart,
                                const struct sim_node *node);
void sim__staged_apart_close(const struct sim *sim, struct sim_staged_apart *apart);

#endif
