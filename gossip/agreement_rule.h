/* agreement_rule.h - the rules of agreement (DESIGN 7.5), apart from the machinery that asks (private to gossip/).
 *
 * Plain arguments, no engine, no memory, no time but what is passed in: the model checker calls these functions as the
 * engine does.
 *
 *   a confirmer:   entry on its disk, versions asked for --> has, lacks, not ready           gossip__agreement_confirm
 *   an initiator:  each member of its table, one after the other --> tally --> success?      gossip__agreement_count, ..._succeeds
 *
 * What the machinery owes to the rules: a confirmation counts only if the table that came with it was equal to ours when it
 * came; it is forgotten when its member says hello under another origin, or says that it is not ready; and the tally is made
 * of the table of the very instant at which success is told.
 */
#ifndef GOSSIP_AGREEMENT_RULE_H
#define GOSSIP_AGREEMENT_RULE_H

#include "gossip/gossip.h"

/* One version that is asked for: (origin, clock) names it for ever. */
struct gossip__agreement_pair {
    struct catalog_id origin;
    catalog_clock clock;
};

/* What a confirmer says; numbers on the wire. */
enum gossip__confirmation_result {
    GOSSIP__CONFIRMATION_HAS = 1,
    GOSSIP__CONFIRMATION_LACKS = 2,
    GOSSIP__CONFIRMATION_NOT_READY = 3,
};

/* Who answers. */
struct gossip__confirmer {
    bool ready;            /* a member that has been ready, and was not removed */
    bool healing;          /* rows are missing on its disk */
    catalog_clock horizon; /* stored */
};

/* Whether an entry holds these versions, or what superseded them. `entry` may be NULL: absent. An absent pair of a present
 * entry counts as the horizon; an absent entry is one that was dropped and removed: at or below the horizon every member
 * had the drop. A node that lost rows does not know why an entry is absent. */
bool gossip__agreement_covers(const struct catalog_entry *entry,
                              const struct gossip__agreement_pair *pairs, size_t pair_count,
                              catalog_clock horizon, bool healing);
/* Whether it holds these versions and no other. */
bool gossip__agreement_exact(const struct catalog_entry *entry,
                             const struct gossip__agreement_pair *pairs, size_t pair_count);
/* What a confirmer answers with this entry on its disk. `exact`: a step of a staged change hangs on it (decision 0024). */
enum gossip__confirmation_result gossip__agreement_confirm(
    const struct gossip__confirmer *confirmer, const struct catalog_entry *stored,
    const struct gossip__agreement_pair *pairs, size_t pair_count, bool exact);

/* Where a member of the initiator's table stands, the initiator itself among them. */
struct gossip__agreement_standing {
    bool removed;   /* by the operator, or replaced: not required */
    bool gone;      /* dead or left, as far as the initiator knows */
    bool confirmed; /* under the incarnation at hand */
    /* how long ago it was last heard; if never, how long the initiator's process has run */
    gossip_duration_ms silent_ms;
};

/* What the caller accepts. */
struct gossip__agreement_terms {
    bool skip_dead;
    /* who is gone is skipped only if it has been silent for longer than this (a staged change: the freshness limit; else 0) */
    gossip_duration_ms patience_ms;
};

struct gossip__agreement_tally {
    size_t required;  /* all but removed ones */
    size_t confirmed; /* of those */
    size_t skipped;   /* of those: gone and not confirmed */
};
void gossip__agreement_count(struct gossip__agreement_tally *tally,
                             const struct gossip__agreement_standing *standing,
                             const struct gossip__agreement_terms *terms);
/* All have confirmed; or all but the skipped ones, and a majority of all. */
bool gossip__agreement_succeeds(const struct gossip__agreement_tally *tally);

#endif
