/* recv_ping.c - are you there? Answered from memory: liveness never waits for the disk. */
#include "gossip/engine.h"

void gossip__recv_ping(struct gossip *engine, struct gossip__session *session,
                       const struct gossip__message *message) {
    struct gossip__message pong = {
        .type = GOSSIP__PONG,
        .ping = {.sequence = message->ping.sequence},
    };
    gossip__send(engine, session, &pong);
}
