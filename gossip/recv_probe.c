/* recv_probe.c - a member had no answer from another and asks us to try: whatever we hear from that one is passed on. */
#include "gossip/engine.h"

static struct gossip__relay *relay_free(struct gossip *engine) {
    for (size_t i = 0; i < GOSSIP__PROBE_RELAYS_MAX; i++) {
        if (engine->relays[i].until_ms <= engine->now_ms) {
            return &engine->relays[i];
        }
    }
    return NULL;
}

void gossip__recv_probe(struct gossip *engine, struct gossip__session *session,
                        const struct gossip__message *message) {
    const struct gossip__probe *probe = &message->probe;
    struct gossip__member *target = gossip__member_find(engine, &probe->target);
    struct gossip__relay *relay = relay_free(engine);
    if (target == NULL || relay == NULL || target->state == GOSSIP_MEMBER_REMOVED) {
        PROBE("gossip.probe_not_relayed");
        return;
    }
    PROBE("gossip.probe_relayed");
    *relay = (struct gossip__relay){
        .until_ms = engine->now_ms + gossip__swim_interval(engine),
        .sequence = probe->sequence,
        .connection = session->connection,
        .target = probe->target,
    };
    struct gossip__message ping = {.type = GOSSIP__PING, .ping = {.sequence = probe->sequence}};
    if (!gossip__send_member(engine, target, &ping)) {
        gossip__session_dial_member(engine, target);
    }
}
