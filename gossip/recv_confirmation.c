/* recv_confirmation.c - a member says whether it has on disk what an agreement of ours is about; see agreement_ask.c.
 *
 * Up to its horizon it takes what it lacks for superseded and forgotten. That is so for us only if we have seen all up to there:
 * a disk that was put back, with a clock that is behind, may write below a horizon that it has not heard of yet.
 */
#include "gossip/engine.h"

void gossip__recv_confirmation(struct gossip *engine, struct gossip__session *session,
                               const struct gossip__message *message) {
    const struct gossip__confirmation *confirmation = &message->confirmation;
    struct gossip__member *member = session->member;
    member->horizon = confirmation->horizon;
    enum gossip__horizon_verdict verdict =
        gossip__horizon_heard(engine, member, confirmation->horizon);
    if (session->closing || verdict == GOSSIP__HORIZON_NEW_ID) {
        PROBE("gossip.confirmation_past_what_we_have_seen");
        return;
    }
    gossip__agreements_confirmation(engine, member, confirmation);
}
