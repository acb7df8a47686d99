/* recv_walk_answer.c - the nodes that a request of ours asked for: the walk goes on from them. */
#include "gossip/engine.h"

void gossip__recv_walk_answer(struct gossip *engine, struct gossip__session *session,
                              const struct gossip__message *message) {
    const struct gossip__walk_answer *answer = &message->walk_answer;
    struct gossip__exchange *exchange = gossip__exchange_find(session->member, answer->exchange);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_WALK) {
        return;
    }
    struct gossip__request *request =
        gossip__exchange_request_find(exchange, answer->sequence, GOSSIP__WALK);
    if (request == NULL) {
        PROBE("gossip.walk_answered_twice");
        return; /* the answer to a repeat, after that to the first */
    }
    int result = merkle_walk_receive(exchange->walk, request->walk.data, request->walk.size_bytes,
                                     answer->answer.data, answer->answer.size_bytes);
    if (result == MERKLE_EMALFORMED) {
        PROBE("gossip.walk_answer_malformed");
        engine->counters.rejected[GOSSIP_REJECT_WALK]++;
        gossip__session_close(engine, session, GOSSIP_CLOSE_MALFORMED, true);
        return; /* which has ended the exchange */
    }
    if (result != 0) {
        return; /* memory is short: as if the answer had been lost */
    }
    gossip__exchange_request_done(engine, exchange, request);
    gossip__exchange_advance(engine, exchange);
}
