/* causal_parts.h - what causal.c and causal_known.c share (private to them). */
#ifndef SIM_CAUSAL_PARTS_H
#define SIM_CAUSAL_PARTS_H

#include "test/sim/causal.h"

enum { SIM__PAIRS_MAX = 2048 };

struct sim_past {
    struct catalog_id origin;
    catalog_clock clock;
    uint64_t slot;
    struct catalog__pair *seen; /* in order of origins, itself included; NULL: unknown */
    size_t seen_count;
    uint32_t before; /* 1 + the one of the same slot that was noted before; 0: none */
    bool dropped;
    bool passed; /* a drop that left a disk by the horizon */
};

/* NULL: it was never noted. */
const struct sim_past *sim__past_find(const struct sim_causal *causal,
                                      const struct catalog_id *origin, catalog_clock clock,
                                      uint64_t slot);
/* 1 + the newest of this slot; 0: there is none. */
uint32_t sim__past_newest(const struct sim_causal *causal, uint64_t slot);
/* What a list has seen of this origin; `at` moves on, so that a walk in order of origins is linear. */
catalog_clock sim__pairs_seen(const struct catalog__pair *pairs, size_t count, size_t *at,
                              const struct catalog_id *origin);

#endif
