/* staged_rule.h - the rules of a staged change (DESIGN 4.3, 7.6), apart from the machinery (private to gossip/).
 *
 *   set    what stands --agreed--> pending_add  --agreed--> active  --agreed--> done
 *   drop   active      --agreed--> pending_drop --agreed--> dropped --agreed--> done
 *   abort  pending_add --> active (its `previous`) or dropped;  pending_drop --> active;  then --agreed--> done
 *
 * Before each step all members have what stands ("agreed"), so at no moment are two of them more than one state apart. The
 * owner's abort needs no agreement before it: whoever has not seen the pending state yet stands where the abort leads. Of who
 * takes over from an owner that was removed it does: others may still take that one's next step (decision 0024).
 *
 * One function, called again after each step with what stands then. Nothing is remembered but that the change has begun, so
 * a change goes on where it was after a deadline, after a restart, and from another node. Plain arguments, no memory: the
 * model checker calls it as the engine does.
 */
#ifndef GOSSIP_STAGED_RULE_H
#define GOSSIP_STAGED_RULE_H

#include "gossip/gossip.h"

/* What stands at the node that is asked, with what is on its way to its disk. */
struct gossip__staged_view {
    bool present; /* there is an entry, if only a dropped one */
    bool conflict;
    enum catalog_state state; /* of the version in force */
    bool same_body;           /* as is wanted (set) */
    bool has_previous;        /* pending_add over an active one */
    /* the version in force was written by this node, or by one that is no member any more */
    bool owned;
    bool own;    /* by this node */
    bool agreed; /* all members have just the versions that stand: this change has waited for it */
};

enum gossip__staged_move {
    /* wait until all members have what stands; just that and nothing beside, if a step is to follow (`exact`) */
    GOSSIP__STAGED_AGREE = 1,
    GOSSIP__STAGED_WRITE =
        2, /* write `state`, with the body that is wanted, that is in force, or `previous` */
    GOSSIP__STAGED_DONE = 3,
    GOSSIP__STAGED_FORWARD = 4, /* the step belongs to the member that wrote what stands */
    GOSSIP__STAGED_REFUSE = 5,  /* with `code` and `text` */
};

enum gossip__staged_body {
    GOSSIP__STAGED_BODY_WANTED = 1,
    GOSSIP__STAGED_BODY_IN_FORCE = 2,
    GOSSIP__STAGED_BODY_PREVIOUS = 3,
};

struct gossip__staged_step {
    enum gossip__staged_move move;
    bool exact;                    /* AGREE */
    enum catalog_state state;      /* WRITE */
    enum gossip__staged_body body; /* WRITE of a state other than dropped */
    int code;                      /* REFUSE */
    const char *text;              /* REFUSE: one sentence */
};

/* The next step. `begun`: this change has written or found its pending state before. */
struct gossip__staged_step gossip__staged_next(enum gossip_staged change, bool begun,
                                               const struct gossip__staged_view *view);

#endif
