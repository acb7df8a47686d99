/* agreement.h - agreements that are waited for (private to agreement*.c, staged*.c).
 *
 *   begun --> asking: each target, again and again, until it confirms --> done: all required have, or the deadline
 *               ^                                     |
 *               +--- it said hello under another origin, or that it is not ready: its confirmation is forgotten
 *
 * An agreement belongs to a local caller (token) or to a step of a staged change. It is judged at the end of a step, from
 * the member table of that instant (gossip__agreements_settle), so that nothing which the step brought is overlooked.
 */
#ifndef GOSSIP_AGREEMENT_H
#define GOSSIP_AGREEMENT_H

#include "gossip/engine.h"

/* One member that is asked. Sorted by id, as the table is. */
struct gossip__agreement_target {
    struct catalog_id id;
    bool confirmed;
    struct catalog_id origin;    /* of the process that confirmed */
    gossip_time_ms confirmed_ms; /* when */
    gossip_time_ms asked_ms;     /* first */
    gossip_time_ms due_ms;       /* to be asked again */
    unsigned tries;
    bool lagging;            /* its last answer was no */
    bool waits_for_exchange; /* as many are under way as may be */
    bool tables_sent;        /* its table was another: ours was sent to it */
};

struct gossip__agreement {
    struct gossip__agreement *next;
    uint64_t number; /* bears the questions and their answers */
    uint64_t token;  /* of the caller; with `internal` of nobody */
    bool internal;   /* a step of a staged change: it looks for `done`, and frees it */
    struct gossip__agreement_terms terms;
    bool from_known; /* a timeout of 0: nobody is asked */
    gossip_time_ms begun_ms, reply_by_ms;

    bool exact; /* a step is to follow: in these versions and no others */
    bool whole; /* the whole catalog, as it stood here at begun_ms */
    /* else: an entry, in these versions */
    struct catalog_key key; /* into `texts` */
    char texts[2 * CATALOG_NAME_SIZE_MAX];
    struct gossip__agreement_pair *pairs;
    size_t pair_count;

    bool own_stored; /* it is on our own disk */
    gossip_time_ms own_stored_ms;
    struct gossip__agreement_target *targets;
    size_t target_count, target_capacity;
    uint64_t members_changes; /* of the table that the targets were made from */
    bool targets_made;
    bool targets_missing;  /* memory was short: tried again */
    gossip_time_ms due_ms; /* the soonest of the targets' */
    bool touched;          /* something happened: to be judged */

    bool done;
    int code;
    /* of the reply: room for each target and this node */
    struct gossip_agreement_member *lines;
    size_t line_count, line_capacity;
};

struct gossip__agreement_request {
    struct catalog_entry *entry; /* NULL: the whole catalog */
    struct gossip__agreement_terms terms;
    gossip_time_ms reply_by_ms;
    bool from_known; /* a timeout of 0 */
    bool internal;   /* a step of a staged change: these have room of their own */
    bool exact;      /* a step is to follow */
    uint64_t token;  /* of the caller, else */
};
/* Begins one; asks at the end of this step. GOSSIP_ENOMEM, GOSSIP_EBUSY, CATALOG_ETOOMANYVERSIONS. */
int gossip__agreement_begin(struct gossip *engine, const struct gossip__agreement_request *request,
                            struct gossip__agreement **agreement);
/* Takes an internal one off the list, with its lines; the caller frees it. */
void gossip__agreement_detach(struct gossip *engine, struct gossip__agreement *agreement);
void gossip__agreement_free(struct gossip *engine, struct gossip__agreement *agreement);
/* When a timeout that begins now is over. */
gossip_time_ms gossip__agreement_reply_by(const struct gossip *engine,
                                          gossip_duration_ms timeout_ms);

/* agreement_ask.c */
/* Makes a target of each member that is not one yet, and asks whoever is due. */
void gossip__agreement_ask(struct gossip *engine, struct gossip__agreement *agreement);
struct gossip__agreement_target *
gossip__agreement_target_find(const struct gossip__agreement *agreement,
                              const struct catalog_id *id);
/* Whether this member's last digest says all that a confirmation would: our root, our table, this process. */
bool gossip__agreement_known(struct gossip *engine, const struct gossip__member *member);

/* agreement_tell.c: the lines of the reply. */
void gossip__agreement_tell(struct gossip *engine, struct gossip__agreement *agreement);
/* Orders all but the first, which is this node's, by name. count > 0. */
void gossip__agreement_lines_sort(struct gossip_agreement_member *lines, size_t count);

#endif
