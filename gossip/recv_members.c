/* recv_members.c - the sender's member table (or one row of it: a good-bye, an accusation that we may refute).
 *
 * Tables are exchanged when their digests differ: after both sides have merged the other's, they are equal.
 */
#include "gossip/engine.h"

void gossip__recv_members(struct gossip *engine, struct gossip__session *session,
                          const struct gossip__message *message) {
    struct gossip__member *member = session->member;
    gossip__member_updates(engine, &message->members.updates, member);
    if (message->members.answer_wanted && !session->closing) {
        gossip__member_send_table(engine, member, false);
    }
}
