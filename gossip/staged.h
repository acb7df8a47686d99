/* staged.h - staged changes under way (private to staged*.c, forward*.c, recv_forward*.c).
 *
 *   begun --> deciding --> waits for an agreement --agreed--> deciding --> ... --> ended: reply, or FORWARD_ANSWER
 *                |
 *                +--> forwarded: waits for the owner's answer; deciding again once the owner was removed
 *
 * A change belongs to a local caller (token), or to a member that has passed it on (a record, below). Decisions are
 * staged_rule.c's; they are made at the end of a step, as verdicts on agreements are.
 */
#ifndef GOSSIP_STAGED_H
#define GOSSIP_STAGED_H

#include "gossip/agreement.h"
#include "gossip/staged_rule.h"

/* A change that was passed on to this node. A repeat of it finds this one: it joins what runs, or gets the answer again. */
struct gossip__forward_record {
    struct catalog_id sender; /* none: free */
    struct catalog_id origin; /* of its process: with the sequence the name of the change */
    uint64_t sequence;
    bool running;
    uint64_t ended;              /* rises with each answer: the lowest is forgotten first */
    struct merkle_buffer answer; /* the frame */
};

struct gossip__staged {
    struct gossip__staged *next;
    uint64_t token;
    struct gossip__forward_record *record; /* NULL: a local caller's */
    enum gossip_staged change;
    bool skip_dead, cascade;
    bool number_expected; /* until it was looked at */
    uint64_t number;
    bool from_known; /* a timeout of 0 */
    gossip_time_ms reply_by_ms;

    bool begun;
    bool write_waits; /* this step's batch is another's: decided again in the next */
    struct gossip__agreement *agreement;   /* that it waits for; on the engine's list */
    struct gossip__agreement *last;        /* the one before, which was reached */
    struct gossip__agreement_pair *agreed; /* all members have these */
    size_t agreed_count;
    /* what hangs on a schema has changed with it: the whole catalog is still to be agreed upon */
    bool others_wanted;

    /* forwarded */
    bool asking;
    struct catalog_id owner;
    uint64_t sequence;
    gossip_time_ms due_ms, ask_until_ms;
    unsigned tries;

    /* the reply; the lines are the agreement's, or (told by the owner) `told` */
    struct gossip_agreement_member *told;
    size_t told_count;
    struct catalog_plan *plan;
    struct catalog_entry *entry; /* held */
    char text[GOSSIP__FORWARD_TEXT_SIZE_MAX + 1];

    struct catalog_key key; /* into `bytes`, as the body */
    const uint8_t *body;
    size_t body_size_bytes;
    uint8_t bytes[];
};

/* What is asked for, by whoever. Memory is borrowed. */
struct gossip__staged_request {
    enum gossip_staged change;
    struct catalog_key key;
    const uint8_t *body;
    size_t body_size_bytes;
    bool skip_dead, cascade, number_expected;
    uint64_t number;
    gossip_duration_ms timeout_ms;
};
/* Takes a change; it is decided at the end of this step. GOSSIP_ENOMEM, GOSSIP_EBUSY, CATALOG_ESTATE, CATALOG_EMALFORMED, or
 * why this node takes none. */
int gossip__staged_begin(struct gossip *engine, const struct gossip__staged_request *request,
                         struct gossip__staged **staged);
/* Ends it with this code and a sentence (NULL: that of the code): the caller, or whoever passed it on, is told. */
void gossip__staged_end(struct gossip *engine, struct gossip__staged *staged, int code,
                        const char *text);
void gossip__staged_free(struct gossip *engine, struct gossip__staged *staged);

/* staged_step.c: takes what was agreed, if anything was, and goes on until it waits for something, or has ended. */
void gossip__staged_decide(struct gossip *engine, struct gossip__staged *staged);

/* forward.c: the side that passes a change on. */
void gossip__forward_begin(struct gossip *engine, struct gossip__staged *staged,
                           struct catalog_text owner);
/* True if it is to be decided anew: its owner is no member any more. */
bool gossip__forward_settle(struct gossip *engine, struct gossip__staged *staged);
void gossip__forward_unreachable(struct gossip *engine, struct gossip__staged *staged,
                                 const char *name);
/* recv_forward.c: the owner's side. Sends the answer, and keeps it for repeats. */
void gossip__forward_answer(struct gossip *engine, struct gossip__staged *staged, int code,
                            const char *text);

#endif
