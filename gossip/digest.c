/* digest.c - what two nodes tell each other of their catalogs, and what follows from the answer.
 *
 *   initiator                                   answering side
 *     DIGEST {root, count, clock, seen...}  -->
 *                                           <-- DIGEST_ANSWER {the same of itself, and if roots differ the first walk answer}
 *
 * Roots travel whole; the number of the exchange salts everything that travels truncated.
 */
#include "gossip/engine.h"

#include <string.h>

enum { WALL_TOLD_EVERY_MS = 60000 };

void gossip__digest_fill(struct gossip *engine, uint32_t exchange, struct gossip__digest *digest,
                         struct merkle_buffer *rows) {
    struct merkle_tree *tree = catalog_tree(engine->catalog);
    int64_t age_ms = gossip__agreement_age(engine, engine->now_ms);
    *digest = (struct gossip__digest){
        .exchange = exchange,
        .root = merkle_tree_root(tree),
        .count = merkle_tree_count(tree),
        .clock = engine->stored.high_water,
        .seen = engine->stored.seen,
        .horizon = engine->stored.horizon,
        .changes = catalog_count(engine->catalog).changes,
        .table = gossip__member_table_fingerprint(engine, exchange),
        .ready = engine->state.ready,
        .healing = engine->state.healing,
        .settling = !gossip__horizon_settled(engine),
        .whole = gossip__seen_whole(engine),
        .age_known = age_ms >= 0,
        .age_ms = age_ms >= 0 ? (gossip_duration_ms)age_ms : 0,
        .updates = gossip__member_riders(engine, rows),
    };
}

enum gossip__comparison gossip__digest_compare(const struct gossip *engine,
                                               const struct gossip__member *member) {
    struct merkle_digest own = merkle_tree_root(catalog_tree(engine->catalog));
    if (member->horizon != engine->stored.horizon || member->settling ||
        !gossip__horizon_settled(engine)) {
        return GOSSIP__INCOMPARABLE;
    }
    bool equal = merkle_digest_equal(&own, &member->root) ||
                 (PLANTED(ATTUNE_B23) && own.bytes[0] == member->root.bytes[0]);
    return equal ? GOSSIP__EQUAL : GOSSIP__DIFFERENT;
}

enum gossip__comparison gossip__digest_note(struct gossip *engine, struct gossip__member *member,
                                            const struct gossip__digest *digest,
                                            bool *tables_equal) {
    gossip__member_updates(engine, &digest->updates, member);
    struct merkle_fingerprint table = gossip__member_table_fingerprint(engine, digest->exchange);
    *tables_equal = memcmp(&table, &digest->table, sizeof table) == 0;
    member->root_known = true;
    member->root = digest->root;
    member->root_ms = engine->now_ms;
    member->changes = digest->changes;
    member->clock = digest->clock;
    if (*tables_equal) {
        /* Who has another table has perhaps stored a newcomer that we do not know, and has seen on with it: the horizon
         * would pass that one. */
        member->seen = digest->seen;
    }
    member->horizon = digest->horizon;
    member->settling = digest->settling;
    member->peer_healing = digest->healing;
    gossip__agreements_told(engine, member, digest, *tables_equal);
    engine->agreement_dirty = true;
    if (digest->ready && member->session != NULL) {
        member->session->peer_ready = true; /* it needs no ADMIT any more */
    }
    if (digest->wall_s != 0 && digest->wall_s < CATALOG_CLOCK_MS_MAX / 1000) {
        gossip__skew_told(engine, member, digest->wall_s);
    }
    /* DESIGN 4.7: every clock that a newcomer hears raises its own, stored before it is ready. */
    if (!engine->state.ready && digest->clock > engine->state.high_water &&
        digest->clock <= CATALOG_CLOCK_MAX) {
        PROBE("gossip.newcomer_raises_clock");
        engine->state.high_water = digest->clock;
        gossip__flight_state_dirty(engine);
    }
    if (gossip__horizon_heard(engine, member, digest->horizon) == GOSSIP__HORIZON_BEHIND) {
        gossip__lineage_behind(engine, member);
    }
    enum gossip__comparison comparison = gossip__digest_compare(engine, member);
    if (comparison == GOSSIP__EQUAL) {
        gossip__push_satisfied(engine, member);
    } else if (comparison == GOSSIP__INCOMPARABLE) {
        PROBE("gossip.roots_incomparable");
    }
    return comparison;
}

void gossip__digest_answer(struct gossip *engine, uint32_t connection, uint32_t exchange) {
    struct gossip__session *session = gossip__session_find(engine, connection);
    if (session == NULL || session->closing || session->member == NULL) {
        return; /* it has gone meanwhile */
    }
    struct merkle_buffer rows;
    struct merkle_buffer walk;
    merkle_buffer_init(&rows, engine->allocator);
    merkle_buffer_init(&walk, engine->allocator);
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    gossip__digest_fill(engine, exchange, &answer.digest, &rows);
    if (gossip__digest_compare(engine, session->member) == GOSSIP__DIFFERENT &&
        merkle_walk_answer_root(catalog_tree(engine->catalog), exchange, &walk) == 0) {
        answer.digest.walk =
            (struct gossip__span){.data = walk.data, .size_bytes = walk.size_bytes};
    }
    gossip__send(engine, session, &answer);
    merkle_buffer_close(&walk);
    merkle_buffer_close(&rows);
}

static void digest_transmit(struct gossip *engine, struct gossip__exchange *exchange) {
    struct gossip__member *member = exchange->member;
    struct merkle_buffer rows;
    merkle_buffer_init(&rows, engine->allocator);
    struct gossip__message message = {.type = GOSSIP__DIGEST};
    gossip__digest_fill(engine, exchange->number, &message.digest, &rows);
    /* It counts as told when the digest is answered. */
    exchange->wall_sent =
        member->wall_told_ms == 0 || engine->now_ms - member->wall_told_ms >= WALL_TOLD_EVERY_MS;
    message.digest.wall_s = exchange->wall_sent ? engine->wall_ms / 1000 : 0;
    (void)gossip__send_member(engine, member, &message);
    merkle_buffer_close(&rows);
    exchange->digest_due_ms =
        engine->now_ms + gossip__exchange_timeout(member, exchange->digest_tries);
}

void gossip__exchange_send_digest(struct gossip *engine, struct gossip__exchange *exchange) {
    merkle_walk_free(exchange->walk);
    exchange->walk = NULL;
    merkle_buffer_clear(&exchange->settled);
    exchange->state = GOSSIP__EXCHANGE_DIGEST;
    exchange->number = (uint32_t)gossip__random_below(engine, UINT32_MAX) + 1;
    exchange->digest_tries = 1;
    exchange->digest_sent_ms = engine->now_ms;
    exchange->progress_ms = engine->now_ms;
    exchange->rounds++;
    digest_transmit(engine, exchange);
}

void gossip__exchange_compare_again(struct gossip *engine, struct gossip__exchange *exchange) {
    assert(exchange->state == GOSSIP__EXCHANGE_DIGEST);
    struct gossip__waiter waiter = {
        .ticket = gossip__horizon_settled(engine) ? 0 : gossip__flight_ticket(engine),
        .type = GOSSIP__WAIT_COMPARE,
        .member_id = exchange->member->row.id,
        .exchange = exchange->number,
    };
    bool again =
        !exchange->member->settling && ++exchange->comparisons < GOSSIP__COMPARISONS_PER_EXCHANGE;
    if (again && gossip__horizon_settled(engine)) {
        gossip__exchange_send_digest(engine, exchange); /* it hears ours, and raises its own */
    } else if (again && waiter.ticket != 0 && gossip__flight_wait(engine, &waiter)) {
        exchange->digest_due_ms = engine->now_ms + GOSSIP__REQUEST_TIMEOUT_MS_MAX;
    } else {
        PROBE("gossip.compared_later");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
    }
}

void gossip__exchange_compare_stored(struct gossip *engine, const struct gossip__waiter *waiter,
                                     int result) {
    struct gossip__member *member = gossip__member_find(engine, &waiter->member_id);
    struct gossip__exchange *exchange =
        member == NULL ? NULL : gossip__exchange_find(member, waiter->exchange);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_DIGEST || member->session == NULL) {
        PROBE("gossip.raised_for_nobody");
        return;
    }
    if (result != 0 || !gossip__horizon_settled(engine)) {
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
        return;
    }
    PROBE("gossip.compared_after_raise");
    gossip__exchange_send_digest(engine, exchange);
}

void gossip__exchange_digest_tick(struct gossip *engine, struct gossip__exchange *exchange) {
    assert(exchange->state == GOSSIP__EXCHANGE_DIGEST);
    if (exchange->digest_due_ms > engine->now_ms) {
        return;
    }
    if (exchange->digest_tries >= GOSSIP__REQUEST_TRIES) {
        PROBE("gossip.digest_timeout");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_TIMEOUT);
        return;
    }
    PROBE("gossip.digest_repeated");
    exchange->digest_tries++;
    digest_transmit(engine, exchange);
}
