/* recv_push.c - entries that a member gives: merged, stored, acknowledged when they are on disk (never before: G11). */
#include "gossip/engine.h"

void gossip__push_acknowledge(struct gossip *engine, struct gossip__session *session,
                              uint64_t sequence, uint64_t refused) {
    struct gossip__message message = {
        .type = GOSSIP__PUSH_ACK,
        .push_ack = {.sequence = sequence,
                     .root = merkle_tree_root(catalog_tree(engine->catalog)),
                     .horizon = engine->stored.horizon,
                     .refused = refused},
    };
    gossip__send(engine, session, &message);
}

void gossip__recv_push(struct gossip *engine, struct gossip__session *session,
                       const struct gossip__message *message) {
    const struct gossip__push *push = &message->push;
    if (session->pushes_unstored >= GOSSIP__PUSHES_UNSTORED_MAX) {
        PROBE("gossip.pushes_unstored_limit");
        return; /* it sends faster than the disk stores, and repeats what is not acknowledged */
    }
    enum gossip_cause cause =
        push->exchange == 0 ? GOSSIP_CAUSE_COUNT : gossip__entries_cause(engine);
    struct gossip__intake intake = gossip__entries_take(
        engine, session->member, push->entries, push->entry_count, push->horizon, cause, NULL);
    if (session->closing) {
        return; /* its horizon made this node start over */
    }
    if (intake.refused > 0 && engine->state.horizon != engine->stored.horizon) {
        PROBE("gossip.refusal_waits_for_raise");
        intake.ticket = gossip__flight_ticket(engine); /* then it says to which horizon */
    }
    if (intake.ticket == 0 || PLANTED(ATTUNE_B06)) {
        PROBE("gossip.push_brings_nothing");
        gossip__push_acknowledge(engine, session, push->sequence, intake.refused);
        return;
    }
    struct gossip__waiter waiter = {
        .ticket = intake.ticket,
        .type = GOSSIP__WAIT_ACK,
        .connection = session->connection,
        .sequence = push->sequence,
        .refused = intake.refused,
    };
    /* Without memory there is no answer: it is sent again. */
    session->pushes_unstored += gossip__flight_wait(engine, &waiter);
}
