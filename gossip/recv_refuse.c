/* recv_refuse.c - the peer closes the connection and says why. Most reasons are for the operator; two are for this node.
 *
 * Before its hello a stranger can say what it likes: only a peer that showed itself as a member is believed.
 */
#include "gossip/engine.h"

#include <stdio.h>
#include <string.h>

void gossip__recv_refuse(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__message *message) {
    enum gossip_close_reason reason = message->refuse.reason;
    assert(reason < GOSSIP_CLOSE_REASON_COUNT);
    bool established = session->state == GOSSIP__SESSION_ESTABLISHED;
    struct gossip__member *member = session->member;
    engine->counters.refused_by[reason]++;

    const char *name = member != NULL ? member->row.name : session->address;
    char text[96];
    (void)snprintf(text, sizeof text, "the peer refused us: %s", gossip_close_reason_name(reason));
    if (reason != GOSSIP_CLOSE_STOPPING && reason != GOSSIP_CLOSE_NONE) {
        gossip__session_notice_refusal(
            engine, reason, merkle_slot_of(name, strnlen(name, sizeof session->address)) ^ 1,
            name[0] == '\0' ? NULL : name, text);
    }
    if (reason == GOSSIP_CLOSE_DUPLICATE_ID && established) {
        PROBE("gossip.told_duplicate_id");
        engine->duplicate_id = true;
        engine->duplicate_id_until_ms =
            engine->now_ms + GOSSIP__DUPLICATE_ALARM_INTERVALS * gossip__swim_interval(engine);
    }
    if (reason == GOSSIP_CLOSE_REMOVED && established && !engine->removed) {
        PROBE("gossip.told_removed_by_refusal");
        struct gossip__member_update own = gossip__member_own_update(engine);
        own.state = GOSSIP_MEMBER_REMOVED;
        gossip__member_update(engine, &own, member);
    }
}
