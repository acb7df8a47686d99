/* recv_digest.c - a member asks whether our catalogs are the same: say what ours is, and, if they differ, where to begin.
 *
 * Nothing is kept for the exchange: every request that follows says all that its answer needs. If the member's horizon is
 * above ours, ours is raised first, and the answer waits until that is on disk: before, the roots say nothing.
 */
#include "gossip/engine.h"

void gossip__recv_digest(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__message *message) {
    const struct gossip__digest *digest = &message->digest;
    bool tables_equal;
    enum gossip__comparison comparison =
        gossip__digest_note(engine, session->member, digest, &tables_equal);
    if (session->closing) {
        return; /* what it told made this node start over */
    }
    if (comparison == GOSSIP__INCOMPARABLE && !gossip__horizon_settled(engine)) {
        struct gossip__waiter waiter = {
            .ticket = gossip__flight_ticket(engine),
            .type = GOSSIP__WAIT_DIGEST,
            .connection = session->connection,
            .exchange = digest->exchange,
        };
        if (waiter.ticket != 0 && gossip__flight_wait(engine, &waiter)) {
            PROBE("gossip.answer_waits_for_raise");
            return;
        }
    }
    gossip__digest_answer(engine, session->connection, digest->exchange);
}
