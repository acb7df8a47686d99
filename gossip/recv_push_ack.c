/* recv_push_ack.c - a push of ours is on the other side's disk. Its root says whether it agrees now; its horizon, why it may
 * have refused some of it: what it lacks it takes from nobody who has not come to its horizon. */
#include "gossip/engine.h"

void gossip__recv_push_ack(struct gossip *engine, struct gossip__session *session,
                           const struct gossip__message *message) {
    const struct gossip__push_ack *ack = &message->push_ack;
    struct gossip__member *member = session->member;
    member->root_known = true;
    member->root = ack->root;
    member->root_ms = engine->now_ms;
    member->horizon = ack->horizon;
    engine->agreement_dirty = true;
    (void)gossip__horizon_heard(engine, member, ack->horizon);
    if (session->closing) {
        return; /* this node starts over */
    }
    gossip__push_acknowledged(engine, member, ack->sequence, ack->refused);
    gossip__agreements_pushed(engine, member);
}
