/* recv_confirmation.c - a member says whether it has on disk what an agreement of ours is about; see agreement_ask.c. */
#include "gossip/engine.h"

void gossip__recv_confirmation(struct gossip *engine, struct gossip__session *session,
                               const struct gossip__message *message) {
    gossip__agreements_confirmation(engine, session->member, &message->confirmation);
}
