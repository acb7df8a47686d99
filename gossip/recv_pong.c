/* recv_pong.c - the answer to a PING. That it came is all it mostly says, and that was noted before (gossip__member_heard).
 *
 * It says more where a session was doubted (recv_hello.c): no message but this one can have been sent after the doubt.
 */
#include "gossip/engine.h"

void gossip__recv_pong(struct gossip *engine, struct gossip__session *session,
                       const struct gossip__message *message) {
    if (session->doubt_sequence != 0 && message->ping.sequence == session->doubt_sequence) {
        PROBE("gossip.doubt_answered");
        session->doubt_sequence = 0;
        session->deadline_ms = 0;
        session->proved_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    }
}
