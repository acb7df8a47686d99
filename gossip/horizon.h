/* horizon.h - the horizon and what hangs on it: raises, comparisons, starting over (private to gossip/; included by
 * engine.h).
 *
 *   horizon_rule.h   the rules, as functions of numbers        digest.c          roots are compared at one horizon
 *   horizon.c        raising, pruning                          flight_remove.c   entries that leave
 *   lineage.c        old disks, removed ids, new ids
 */
#ifndef GOSSIP_HORIZON_H
#define GOSSIP_HORIZON_H

#include "gossip/engine.h"

/* --- horizon.c: what all have seen is forgotten -------------------------------------------------------------------- */

/* A message bears this horizon. Raises ours; or, if this disk is too old for it, starts over (EMPTY, NEW_ID: the session may
 * be closed then, and nothing of the message is taken). */
enum gossip__horizon_verdict
gossip__horizon_heard(struct gossip *engine, struct gossip__member *member, catalog_clock heard);
void gossip__horizon_raise(struct gossip *engine, catalog_clock horizon);
/* Whether the root on disk is that of the horizon on disk: only then it is compared. */
bool gossip__horizon_settled(const struct gossip *engine);
/* At the end of each step: prunes some of what is left. */
void gossip__horizon_prune(struct gossip *engine);
/* Each interval: whether it can rise. */
void gossip__horizon_follow(struct gossip *engine);
/* Who holds it back; NULL: no member. */
const struct gossip__member *gossip__horizon_holder(const struct gossip *engine);

/* --- lineage.c: a new id, and starting again ------------------------------------------------------------------------ */

/* This newcomer forgets what it has fetched, and waits for an ADMIT; nothing happens while the store takes nothing. */
void gossip__lineage_start_again(struct gossip *engine, const char *member, const char *why);
/* The removed member that has admitted this newcomer, which is not ready by what it was given; else NULL. */
const struct gossip__member *gossip__lineage_admitter_removed(struct gossip *engine);
/* When a member is removed, and each interval: such a newcomer starts again. */
void gossip__lineage_follow(struct gossip *engine);
/* A member's digest says a lower horizon than ours: if it has admitted this newcomer, that starts again. */
void gossip__lineage_behind(struct gossip *engine, const struct gossip__member *member);
/* This node takes a new id and joins empty; what it alone had is worked out once it is ready. */
void gossip__lineage_replace(struct gossip *engine, const char *member, const char *why);
/* The new id is on disk (or not). */
void gossip__lineage_stored(struct gossip *engine, int result);
/* This node was told that it is removed. */
void gossip__lineage_removed(struct gossip *engine, const char *member);
/* At the start, before anything else: an id that was removed, and what was kept. */
void gossip__lineage_start(struct gossip *engine);
/* This node is ready, on disk too. */
void gossip__lineage_ready(struct gossip *engine);
/* The driver has written what was kept. */
void gossip__lineage_kept_written(struct gossip *engine);
/* At the end of each step: tells the driver what is to be written, at most once an interval. */
void gossip__lineage_tell(struct gossip *engine);
int gossip__lineage_load(struct gossip *engine, const struct catalog_load *load);
/* The store works again: what is kept on disk becomes what is kept here. GOSSIP_EBUSY, GOSSIP_ENOMEM. */
int gossip__lineage_reopened(struct gossip *engine, const struct catalog_load *load);
void gossip__lineage_free_all(struct gossip *engine);

/* --- digest.c: comparing roots --------------------------------------------------------------------------------------- */

/* How two roots stand to each other. INCOMPARABLE: at another horizon, or one of both is about to raise it. */
enum gossip__comparison {
    GOSSIP__EQUAL = 1,
    GOSSIP__DIFFERENT = 2,
    GOSSIP__INCOMPARABLE = 3,
};
/* Notes what a member said of itself in either; its horizon may raise ours. */
enum gossip__comparison gossip__digest_note(struct gossip *engine, struct gossip__member *member,
                                            const struct gossip__digest *digest,
                                            bool *tables_equal);
/* The same with what it said last. */
enum gossip__comparison gossip__digest_compare(const struct gossip *engine,
                                               const struct gossip__member *member);
/* The answer to a DIGEST, now or when what its horizon asked for is on disk. */
void gossip__digest_answer(struct gossip *engine, uint32_t connection, uint32_t exchange);
/* An answer could not be compared: again once our own horizon has settled. */
void gossip__exchange_compare_again(struct gossip *engine, struct gossip__exchange *exchange);
void gossip__exchange_compare_stored(struct gossip *engine, const struct gossip__waiter *waiter,
                                     int result);

/* --- flight_remove.c: entries that leave ------------------------------------------------------------------------------ */

/* Takes an entry of the pending layer away, with this step's batch. Errors as of gossip__flight_put. */
int gossip__flight_remove(struct gossip *engine, struct catalog_entry *entry);
/* Takes the row of a key away that memory has no entry of. The same errors. */
int gossip__flight_remove_row(struct gossip *engine, struct catalog_entry *entry);
/* Writes what is kept here (held) to the disk again. The same errors. */
int gossip__flight_keep(struct gossip *engine, struct catalog_entry *const *kept,
                        size_t kept_count);
/* Takes all entries away, and forgets what this step's batch had; takes over `kept` (held entries). Without memory the
 * engine is finished: the disk is right. */
void gossip__flight_reset(struct gossip *engine, struct catalog_entry **kept, size_t kept_count);
/* What was kept is to be forgotten with this step's batch. False if there can be none now. */
bool gossip__flight_kept_cleared(struct gossip *engine);
/* For flight_remove.c: this step's flight, opened if need be; NULL if there can be none now. */
struct gossip__flight *gossip__flight_open(struct gossip *engine);
/* Releases entries, and their array. */
void gossip__entries_release(struct gossip *engine, struct catalog_entry **entries, size_t count);

#endif
