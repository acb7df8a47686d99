/* forward.c - a staged change that belongs to another member: passed on to it, and its answer waited for.
 *
 *   FORWARD, again after 4 RTT, doubling up to the interval --FORWARD_ANSWER--> the caller is answered
 *        |  the owner is dead or has left, or does not answer in time --------> GOSSIP_EUNREACHABLE
 *        +- the owner was removed --------------------------------------------> decided here
 *
 * The owner is given a little less time than there is, so that its answer comes before the caller's deadline.
 */
#include "gossip/staged.h"

#include <stdio.h>

void gossip__forward_unreachable(struct gossip *engine, struct gossip__staged *staged,
                                 const char *name) {
    PROBE("gossip.forward_unreachable");
    (void)snprintf(staged->text, sizeof staged->text,
                   "its staged change belongs to the member %s, which does not answer", name);
    gossip__staged_end(engine, staged, GOSSIP_EUNREACHABLE, staged->text);
}

static gossip_duration_ms time_left(const struct gossip *engine,
                                    const struct gossip__staged *staged,
                                    const struct gossip__member *owner) {
    if (staged->from_known || staged->reply_by_ms <= engine->now_ms) {
        return 0;
    }
    gossip_duration_ms left_ms = staged->reply_by_ms - engine->now_ms;
    gossip_duration_ms way_ms = 2 * owner->rtt_ms + GOSSIP__ASK_AGAIN_MS_MIN;
    left_ms -= way_ms < left_ms / 2 ? way_ms : left_ms / 2;
    return left_ms;
}

static void forward_send(struct gossip *engine, struct gossip__staged *staged,
                         struct gossip__member *owner) {
    struct gossip__message message = {
        .type = GOSSIP__FORWARD,
        .forward = {.sequence = staged->sequence,
                    .staged = staged->change,
                    .skip_dead = staged->skip_dead,
                    .cascade = staged->cascade,
                    .number_expected = staged->number_expected,
                    .number = staged->number,
                    .timeout_ms = time_left(engine, staged, owner),
                    .key = staged->key,
                    .body = {staged->body, staged->body_size_bytes}},
    };
    gossip_duration_ms most_ms = gossip__swim_interval(engine);
    gossip_duration_ms pause_ms = gossip__exchange_timeout(owner, staged->tries + 1);
    staged->tries += pause_ms < most_ms;
    staged->due_ms = engine->now_ms + (pause_ms < most_ms ? pause_ms : most_ms);
    if (!gossip__send_member(engine, owner, &message)) {
        gossip__session_dial_member(engine, owner);
    }
}

void gossip__forward_begin(struct gossip *engine, struct gossip__staged *staged,
                           struct catalog_text owner) {
    struct gossip__member *member = gossip__member_by_name(engine, owner);
    assert(member != NULL && member->state != GOSSIP_MEMBER_REMOVED);
    PROBE("gossip.staged_passed_on");
    gossip__agreement_free(engine, staged->last); /* it was about what stood before */
    staged->last = NULL;
    staged->asking = true;
    staged->owner = member->row.id;
    staged->sequence = gossip__random(engine); /* no process before this one has used it */
    staged->tries = 0;
    staged->due_ms = engine->now_ms;
    staged->ask_until_ms = staged->from_known
                               ? gossip__agreement_reply_by(engine, GOSSIP__FORWARD_MS_MIN)
                               : staged->reply_by_ms;
    (void)gossip__forward_settle(engine, staged);
}

bool gossip__forward_settle(struct gossip *engine, struct gossip__staged *staged) {
    struct gossip__member *owner = gossip__member_find(engine, &staged->owner);
    if (owner == NULL || owner->state == GOSSIP_MEMBER_REMOVED) {
        PROBE("gossip.forward_owner_removed");
        staged->asking = false;
        return true;
    }
    if (owner->state == GOSSIP_MEMBER_DEAD || owner->state == GOSSIP_MEMBER_LEFT ||
        staged->ask_until_ms <= engine->now_ms) {
        gossip__forward_unreachable(engine, staged, owner->row.name);
    } else if (staged->due_ms <= engine->now_ms) {
        forward_send(engine, staged, owner);
    }
    return false;
}
