/* horizon_rule.c - the rules of removal, DESIGN 4.7. Each clause is there because its absence lost or revived an entry in a
 * small model; attune-chaos explore calls these functions and shows it. */
#include "gossip/horizon_rule.h"

static catalog_clock larger(catalog_clock a, catalog_clock b) {
    return a > b ? a : b;
}

catalog_clock gossip__seen_rule(catalog_clock seen, bool whole, catalog_clock counted_smallest,
                                catalog_clock member_seen) {
    return larger(seen, larger(whole ? counted_smallest : 0, member_seen));
}

enum gossip__horizon_verdict gossip__horizon_judge(bool ready, catalog_clock horizon,
                                                   catalog_clock seen, catalog_clock heard) {
    if (heard > seen) {
        return ready ? GOSSIP__HORIZON_NEW_ID : GOSSIP__HORIZON_EMPTY;
    }
    if (heard > horizon) {
        return GOSSIP__HORIZON_RAISE;
    }
    return heard < horizon ? GOSSIP__HORIZON_BEHIND : GOSSIP__HORIZON_SAME;
}

bool gossip__horizon_takes(catalog_clock horizon, catalog_clock stamped) {
    return stamped >= horizon;
}
