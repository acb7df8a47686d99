/* recv_walk.c - a member walks our tree: answer its frontier. Stateless: all that the answer needs is in the request. */
#include "gossip/engine.h"

void gossip__recv_walk(struct gossip *engine, struct gossip__session *session,
                       const struct gossip__message *message) {
    const struct gossip__walk *walk = &message->walk;
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, engine->allocator);
    int result =
        merkle_walk_answer(catalog_tree(engine->catalog), walk->exchange, walk->request.data,
                           walk->request.size_bytes, GOSSIP__WALK_ANSWER_SIZE_MAX, &bytes);
    if (result == MERKLE_EMALFORMED) {
        PROBE("gossip.walk_malformed");
        engine->counters.rejected[GOSSIP_REJECT_WALK]++;
        gossip__session_close(engine, session, GOSSIP_CLOSE_MALFORMED, true);
    } else if (result == 0) {
        struct gossip__message answer = {
            .type = GOSSIP__WALK_ANSWER,
            .walk_answer = {.exchange = walk->exchange,
                            .sequence = walk->sequence,
                            .answer = {.data = bytes.data, .size_bytes = bytes.size_bytes}},
        };
        gossip__send(engine, session, &answer);
    }
    merkle_buffer_close(&bytes);
}
