/* check_agreement.h - what the checkers of agreement, staged changes and freshness share (private to test/sim/check_*.c). */
#ifndef SIM_CHECK_AGREEMENT_H
#define SIM_CHECK_AGREEMENT_H

#include "test/sim/checker.h"

#include "gossip/engine.h"

/* An agreement or a staged change that was asked for and is not answered yet. */
struct sim_asked {
    uint64_t token;
    size_t node;
    uint64_t asked_ms, timeout_ms;
    bool staged, skip_dead;
    uint64_t slot;           /* of a staged change */
    enum gossip_staged what; /* the same */
    /* what is to be agreed on, held; of a staged change what it may have come to: one of these is to be agreed on */
    struct catalog_entry **entries;
    size_t entry_count, entry_capacity;
};

/* NULL: there is none. Valid until the next reply. */
struct sim_asked *sim__asked_find(struct sim *sim, uint64_t token);
/* One after the other, `at` from 0; NULL at the end. */
struct sim_asked *sim__asked_next(struct sim *sim, size_t *at);

/* How `of` stands in the table of `by`, which is up; NULL: it is not known there. */
const struct gossip__member *sim__member_of(const struct sim_node *by, const struct sim_node *of);
/* Whether `by` has a session with the process that runs on the disk of `node` now. */
bool sim__is_met(const struct sim_node *by, const struct sim_node *node);
/* Of the cluster, and ready on its disk; neither removed by the operator nor, for `by`, replaced. */
bool sim__is_true_member(const struct sim *sim, const struct sim_node *by,
                         const struct sim_node *node);

#endif
