/* recv_probe_answer.c - a helper has heard the member that did not answer us: it is not suspect in this interval. */
#include "gossip/engine.h"

void gossip__recv_probe_answer(struct gossip *engine, struct gossip__session *session,
                               const struct gossip__message *message) {
    (void)session;
    const struct gossip__probe *probe = &message->probe;
    if (engine->probe_target != NULL && probe->sequence == engine->probe_sequence &&
        catalog_id_equal(&probe->target, &engine->probe_target->row.id)) {
        PROBE("gossip.probe_answered_by_helper");
        engine->probe_answered = true;
    }
}
