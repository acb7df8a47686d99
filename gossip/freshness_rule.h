/* freshness_rule.h - how old this copy may be (DESIGN 7.7), as functions of instants alone, which the model checker calls as
 * the engine does (private to gossip/).
 *
 * A moment is an instant on this node's monotonic clock at or after which every answer that counted was still to be given:
 * at least what the other side had then is on disk here. What is claimed: at some instant not before the moment a majority of
 * the members, this node included, had nothing that this node lacks now.
 */
#ifndef GOSSIP_FRESHNESS_RULE_H
#define GOSSIP_FRESHNESS_RULE_H

#include "gossip/gossip.h"

/* The moment at or after which at least `needed` of the members had nothing that this node lacks: the needed-th latest of
 * those that are known of the others. Sorts them. False if they are fewer. needed > 0. */
bool gossip__freshness_majority(gossip_time_ms *moments, size_t count, size_t needed,
                                gossip_time_ms *moment);

/* The moment that follows from another's word: its answer, to a request sent here at `sent_ms`, said that its own was
 * `age_ms` ago when it answered, and that this node has all it had. It answered after `sent_ms`; so its moment was not
 * before `sent_ms - age_ms`. False if that is before this node's clock began: nothing is said then, for to take the beginning
 * would make the copy younger than it is. */
bool gossip__freshness_lifted(gossip_time_ms sent_ms, gossip_duration_ms age_ms,
                              gossip_time_ms *moment);

#endif
