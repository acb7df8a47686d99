/* horizon_rule.h - the rules of removal (DESIGN 4.7) as functions of numbers alone, so that the engine and the model checker
 * call the same ones (private to gossip/).
 *
 *   counted   a member's clock, as of the last answer that counted: all that it had then is on disk here
 *   seen      up to here this node has on disk all that any member has made
 *   horizon   up to here every member has; superseded pairs and tombstones at or below it are gone
 */
#ifndef GOSSIP_HORIZON_RULE_H
#define GOSSIP_HORIZON_RULE_H

#include "catalog/catalog.h"

/* `seen` after an answer that counted: it never falls; what the member has seen, this node has now as well; and it is at
 * least the smallest of what is counted of all members and of this node's own clock, if this node is whole: if its process
 * has had all from every member since its start. Before that it may lack what it has itself made (a disk put back to a copy),
 * and so may a member that is not: its clock is counted as 0. */
catalog_clock gossip__seen_rule(catalog_clock seen, bool whole, catalog_clock counted_smallest,
                                catalog_clock member_seen);

/* What a horizon that is heard means for who hears it. */
enum gossip__horizon_verdict {
    GOSSIP__HORIZON_SAME = 1,   /* what stands at both can be compared */
    GOSSIP__HORIZON_RAISE = 2,  /* ours is lower: raise it first */
    GOSSIP__HORIZON_BEHIND = 3, /* theirs is lower: they raise first */
    GOSSIP__HORIZON_EMPTY = 4,  /* this newcomer has begun below it: start again empty */
    GOSSIP__HORIZON_NEW_ID =
        5, /* this disk is older than what its id once confirmed: take a new one, start empty */
};
enum gossip__horizon_verdict gossip__horizon_judge(bool ready, catalog_clock horizon,
                                                   catalog_clock seen, catalog_clock heard);

/* Whether entries may be taken from a message: not if it is stamped lower than our horizon. Of a key that is absent here the
 * entry may have been removed. Of one that is present the message may lack pairs that its sender has not seen yet, and the
 * merge would take them for superseded, as it rightly does between two at one horizon. (docs/PROTOCOL.md) */
bool gossip__horizon_takes(catalog_clock horizon, catalog_clock stamped);

#endif
