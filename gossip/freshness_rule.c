/* freshness_rule.c - how old this copy may be; see freshness_rule.h. */
#include "gossip/freshness_rule.h"

#include <assert.h>
#include <stdlib.h>

static int latest_first(const void *a, const void *b) {
    gossip_time_ms left = *(const gossip_time_ms *)a;
    gossip_time_ms right = *(const gossip_time_ms *)b;
    return (left < right) - (left > right);
}

bool gossip__freshness_majority(gossip_time_ms *moments, size_t count, size_t needed,
                                gossip_time_ms *moment) {
    assert(needed > 0);
    if (count < needed) {
        return false;
    }
    qsort(moments, count, sizeof *moments, latest_first);
    *moment = moments[needed - 1];
    return true;
}

bool gossip__freshness_lifted(gossip_time_ms sent_ms, gossip_duration_ms age_ms,
                              gossip_time_ms *moment) {
    if (age_ms > sent_ms) {
        return false;
    }
    *moment = sent_ms - age_ms;
    return true;
}
