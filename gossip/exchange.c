/* exchange.c - exchanges that this node initiates: their life, their deadlines (the states are drawn in engine.h).
 *
 * An exchange belongs to a member, one at a time. What it does between its digests is in exchange_walk.c (finding and
 * pulling) and exchange_push.c (giving what the other lacks). Requests are stateless for the answering side, so a lost
 * one is simply sent again.
 */
#include "gossip/engine.h"

static void request_close(struct gossip__request *request) {
    merkle_buffer_close(&request->frame);
    merkle_buffer_close(&request->walk);
    merkle_buffer_close(&request->wants);
    *request = (struct gossip__request){0};
}

static void exchange_free(struct gossip *engine, struct gossip__exchange *exchange) {
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT; i++) {
        if (exchange->requests[i].sequence != 0) {
            request_close(&exchange->requests[i]);
        }
    }
    gossip__diff_free(engine, exchange);
    merkle_walk_free(exchange->walk);
    merkle_buffer_close(&exchange->have_batch);
    merkle_buffer_close(&exchange->settled);
    merkle_release(engine->allocator, exchange->ranges);
    merkle_release(engine->allocator, exchange);
}

static size_t free_place(const struct gossip *engine) {
    size_t place = 0;
    while (place < GOSSIP__EXCHANGES_MAX && engine->exchanges[place] != NULL) {
        place++;
    }
    return place;
}

struct gossip__exchange *gossip__exchange_start(struct gossip *engine,
                                                struct gossip__member *member,
                                                enum gossip__exchange_purpose purpose) {
    size_t place = free_place(engine);
    bool backing_off =
        purpose == GOSSIP__PURPOSE_TIMER && engine->now_ms < member->exchange_after_ms;
    if (place == GOSSIP__EXCHANGES_MAX) {
        PROBE("gossip.exchanges_limit");
    }
    if (backing_off) {
        PROBE("gossip.exchange_backs_off");
    }
    if (member->exchange != NULL || place == GOSSIP__EXCHANGES_MAX || backing_off ||
        engine->removed || engine->stopping || member->state == GOSSIP_MEMBER_REMOVED) {
        return NULL;
    }
    struct gossip__exchange *exchange = merkle_allocate(engine->allocator, 1, sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    *exchange = (struct gossip__exchange){
        .purpose = purpose,
        .state = GOSSIP__EXCHANGE_CONNECT,
        .member = member,
        .started_ms = engine->now_ms,
        .progress_ms = engine->now_ms,
    };
    merkle_buffer_init(&exchange->settled, engine->allocator);
    merkle_buffer_init(&exchange->have_batch, engine->allocator);
    engine->exchanges[place] = exchange;
    member->exchange = exchange;
    engine->counters.exchanges_started++;
    if (member->session != NULL) {
        gossip__exchange_send_digest(engine, exchange);
    } else {
        gossip__session_dial_member(engine, member);
    }
    return exchange;
}

struct gossip__exchange *gossip__exchange_find(struct gossip__member *member, uint32_t number) {
    struct gossip__exchange *exchange = member->exchange;
    return exchange != NULL && exchange->number == number ? exchange : NULL;
}

static void round_trips_count(struct gossip *engine, const struct gossip__exchange *exchange) {
    struct gossip_counters *counters = &engine->counters;
    counters->round_trips_count++;
    counters->round_trips_sum += exchange->rounds;
    for (size_t i = 0; i < GOSSIP_ROUND_TRIP_BUCKETS; i++) {
        if (exchange->rounds <= gossip_round_trip_bounds[i]) {
            counters->round_trips_buckets[i]++;
            return;
        }
    }
}

/* Walks that find nothing to move although the roots differ must never happen; if they do, they must not burn the link. */
static void futile(struct gossip *engine, struct gossip__member *member) {
    if (member->futile_count < 6) {
        member->futile_count++;
    }
    member->exchange_after_ms =
        engine->now_ms + (gossip__swim_interval(engine) << member->futile_count);
    gossip__notice(engine, GOSSIP_NOTICE_FUTILE, GOSSIP_ERROR, member->row.name,
                   "a finished walk left the roots unequal although neither side changed");
}

void gossip__exchange_end(struct gossip *engine, struct gossip__exchange *exchange,
                          enum gossip_exchange_result result) {
    struct gossip__member *member = exchange->member;
    assert(member->exchange == exchange);
    member->exchange = NULL;
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        if (engine->exchanges[i] == exchange) {
            engine->exchanges[i] = NULL;
        }
    }
    engine->counters.exchanges[result]++;
    round_trips_count(engine, exchange);
    if (exchange->pulled + exchange->pushed > 0) {
        PROBE("gossip.exchange_moved_entries");
        gossip__notice(engine, GOSSIP_NOTICE_REPAIRED, GOSSIP_INFO, member->row.name,
                       "pulled %llu and pushed %llu entries in %u round trips",
                       (unsigned long long)exchange->pulled, (unsigned long long)exchange->pushed,
                       exchange->rounds);
    }
    if (result == GOSSIP_EXCHANGE_FUTILE) {
        futile(engine, member);
    } else if (result == GOSSIP_EXCHANGE_EQUAL || result == GOSSIP_EXCHANGE_REPAIRED) {
        member->futile_count = 0;
    }
    bool unanswered = result == GOSSIP_EXCHANGE_TIMEOUT || result == GOSSIP_EXCHANGE_LOST;
    if (unanswered && exchange->purpose == GOSSIP__PURPOSE_TIMER) {
        gossip__swim_no_answer(engine, member);
    }
    gossip__operation_exchange_ended(engine, exchange, result);
    gossip__agreements_exchange_ended(engine);
    exchange_free(engine, exchange);
}

void gossip__exchange_session_up(struct gossip *engine, struct gossip__member *member) {
    struct gossip__exchange *exchange = member->exchange;
    if (exchange != NULL && exchange->state == GOSSIP__EXCHANGE_CONNECT) {
        gossip__exchange_send_digest(engine, exchange);
    }
}

void gossip__exchange_session_down(struct gossip *engine, struct gossip__member *member) {
    if (member->exchange != NULL) {
        PROBE("gossip.exchange_lost");
        gossip__exchange_end(engine, member->exchange, GOSSIP_EXCHANGE_LOST);
    }
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

gossip_duration_ms gossip__exchange_timeout(const struct gossip__member *member, unsigned tries) {
    gossip_duration_ms timeout_ms = member->rtt_ms == 0 ? 500 : 4 * member->rtt_ms;
    if (timeout_ms < GOSSIP__REQUEST_TIMEOUT_MS_MIN) {
        timeout_ms = GOSSIP__REQUEST_TIMEOUT_MS_MIN;
    }
    timeout_ms <<= tries - 1;
    return timeout_ms < GOSSIP__REQUEST_TIMEOUT_MS_MAX ? timeout_ms
                                                       : GOSSIP__REQUEST_TIMEOUT_MS_MAX;
}

struct gossip__request *gossip__exchange_request_find(struct gossip__exchange *exchange,
                                                      uint64_t sequence,
                                                      enum gossip__message_type type) {
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT && sequence != 0; i++) {
        if (exchange->requests[i].sequence == sequence && exchange->requests[i].type == type) {
            return &exchange->requests[i];
        }
    }
    return NULL;
}

struct gossip__request *gossip__exchange_request_new(struct gossip *engine,
                                                     struct gossip__exchange *exchange,
                                                     enum gossip__message_type type) {
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT; i++) {
        struct gossip__request *request = &exchange->requests[i];
        if (request->sequence == 0) {
            *request =
                (struct gossip__request){.sequence = ++exchange->sequence_last, .type = type};
            merkle_buffer_init(&request->frame, engine->allocator);
            merkle_buffer_init(&request->walk, engine->allocator);
            merkle_buffer_init(&request->wants, engine->allocator);
            return request;
        }
    }
    return NULL;
}

void gossip__exchange_request_drop(struct gossip__request *request) {
    request_close(request);
}

bool gossip__exchange_request_send(struct gossip *engine, struct gossip__exchange *exchange,
                                   struct gossip__request *request,
                                   const struct gossip__message *message) {
    struct gossip__member *member = exchange->member;
    if (member->session == NULL || gossip__message_encode(message, &request->frame) != 0) {
        return false;
    }
    request->tries = 1;
    request->sent_ms = engine->now_ms;
    request->due_ms = engine->now_ms + gossip__exchange_timeout(member, 1);
    if (request->round > exchange->rounds) {
        exchange->rounds = request->round;
    }
    gossip__send_frame(engine, member->session, request->frame.data, request->frame.size_bytes,
                       request->type);
    return true;
}

void gossip__exchange_request_done(struct gossip *engine, struct gossip__exchange *exchange,
                                   struct gossip__request *request) {
    exchange->progress_ms = engine->now_ms;
    request_close(request);
}

/* False if the exchange has ended. While answers come in, the others stand in line behind them: asking again would have
 * the same entries sent twice, so a request's time begins with the last answer. */
static bool request_tick(struct gossip *engine, struct gossip__exchange *exchange,
                         struct gossip__request *request) {
    if (request->sequence == 0 || request->due_ms > engine->now_ms) {
        return true;
    }
    gossip_time_ms patience_ms =
        exchange->progress_ms + gossip__exchange_timeout(exchange->member, request->tries);
    if (patience_ms > engine->now_ms) {
        PROBE("gossip.request_stands_in_line");
        request->due_ms = patience_ms;
        return true;
    }
    if (request->tries >= GOSSIP__REQUEST_TRIES || exchange->member->session == NULL) {
        PROBE("gossip.request_timeout");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_TIMEOUT);
        return false;
    }
    PROBE("gossip.request_repeated");
    request->tries++;
    request->due_ms = engine->now_ms + gossip__exchange_timeout(exchange->member, request->tries);
    gossip__send_frame(engine, exchange->member->session, request->frame.data,
                       request->frame.size_bytes, request->type);
    return true;
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

/* When the exchange is given up for want of progress, whatever its state. */
static gossip_time_ms silence_deadline(const struct gossip__exchange *exchange) {
    if (PLANTED(ATTUNE_B18)) {
        return GOSSIP_NEVER;
    }
    gossip_duration_ms silence_ms =
        exchange->state == GOSSIP__EXCHANGE_CONNECT
            ? (gossip_duration_ms)GOSSIP__CONNECT_TIMEOUT_MS + GOSSIP__HELLO_TIMEOUT_MS
            : (gossip_duration_ms)GOSSIP__EXCHANGE_SILENCE_MS_MAX;
    return exchange->progress_ms + silence_ms;
}

static void exchange_tick(struct gossip *engine, struct gossip__exchange *exchange) {
    if (PLANTED(ATTUNE_B19) && exchange->member->exchange != exchange) {
        return;
    }
    if (silence_deadline(exchange) <= engine->now_ms) {
        PROBE("gossip.exchange_silent");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_TIMEOUT);
        return;
    }
    if (exchange->state == GOSSIP__EXCHANGE_DIGEST) {
        gossip__exchange_digest_tick(engine, exchange);
        return;
    }
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT; i++) {
        if (!request_tick(engine, exchange, &exchange->requests[i])) {
            return;
        }
    }
    if (exchange->state == GOSSIP__EXCHANGE_WALK || exchange->state == GOSSIP__EXCHANGE_PUSH) {
        gossip__exchange_advance(engine,
                                 exchange); /* what memory or a full queue held up goes on */
    }
}

void gossip__exchange_tick(struct gossip *engine) {
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        if (engine->exchanges[i] != NULL) {
            exchange_tick(engine, engine->exchanges[i]);
        }
    }
}

static gossip_time_ms sooner(gossip_time_ms a, gossip_time_ms b) {
    return a < b ? a : b;
}

gossip_time_ms gossip__exchange_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        const struct gossip__exchange *exchange = engine->exchanges[i];
        if (exchange == NULL || (PLANTED(ATTUNE_B19) && exchange->member->exchange != exchange)) {
            continue;
        }
        deadline_ms = sooner(deadline_ms, silence_deadline(exchange));
        if (exchange->state == GOSSIP__EXCHANGE_DIGEST) {
            deadline_ms = sooner(deadline_ms, exchange->digest_due_ms);
        }
        for (size_t j = 0; j < GOSSIP__REQUESTS_IN_FLIGHT; j++) {
            if (exchange->requests[j].sequence != 0) {
                deadline_ms = sooner(deadline_ms, exchange->requests[j].due_ms);
            }
        }
    }
    return deadline_ms;
}

void gossip__exchange_free_all(struct gossip *engine) {
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        if (engine->exchanges[i] != NULL) {
            engine->exchanges[i]->member->exchange = NULL;
            exchange_free(engine, engine->exchanges[i]);
            engine->exchanges[i] = NULL;
        }
    }
}
