/* recv_digest_answer.c - the other side's digest: equal roots end the exchange, others begin a walk.
 *
 * What may be concluded, and when (DESIGN 4.7, 7.2):
 *   equal roots                         counts at once, with the clock of this answer
 *   a walk finished, then equal roots   the same
 *   a walk finished, roots unequal      nothing yet: a truncated digest may have hidden a difference
 *   a second walk finished              counts, with the clock of the answer that began the first (exchange_push.c)
 *   of a member that is not whole       its clock does not (seen.c)
 *   another horizon                     nothing: asked again when both are at one (digest.c)
 */
#include "gossip/engine.h"

void gossip__exchange_conclude(struct gossip *engine, struct gossip__exchange *exchange,
                               catalog_clock clock, catalog_clock seen, gossip_time_ms sent_ms) {
    struct gossip__member *member = exchange->member;
    gossip__healing_concluded(engine, exchange);
    if (exchange->answer_healing) {
        PROBE("gossip.answer_of_healing");
        return; /* it confirms nothing until it has healed */
    }
    gossip__agreements_concluded(engine, exchange, sent_ms);
    engine->walked_since_start = true;
    gossip__freshness_agreed(engine, member, PLANTED(ATTUNE_B33) ? engine->now_ms : sent_ms);
    if (exchange->tables_equal || PLANTED(ATTUNE_B34)) {
        gossip__freshness_told(engine, sent_ms, exchange->answer_age_ms);
        member->met = true;
        if (!exchange->answer_whole) {
            PROBE("gossip.answer_of_not_whole");
        }
        gossip__seen_count(engine, member, exchange->answer_whole ? clock : 0, seen);
        gossip__join_counted(engine, member, sent_ms);
    }
}

static void rtt_note(struct gossip *engine, struct gossip__exchange *exchange) {
    struct gossip__member *member = exchange->member;
    if (exchange->digest_tries > 1) {
        PROBE("gossip.rtt_unknown");
        return; /* Karn: of a repeated request nobody knows which one was answered */
    }
    gossip_duration_ms sample_ms = engine->now_ms - exchange->digest_sent_ms;
    sample_ms = sample_ms == 0 ? 1 : sample_ms;
    member->rtt_ms = member->rtt_ms == 0 ? sample_ms : (7 * member->rtt_ms + sample_ms + 4) / 8;
}

/* A walk before this one has finished, nothing has changed on either side since, and yet the roots differ. */
static bool is_futile(const struct gossip__exchange *exchange, uint64_t own_changes,
                      uint64_t answer_changes) {
    return exchange->finished_once && !exchange->incomplete && !exchange->withheld &&
           own_changes == exchange->own_changes && answer_changes == exchange->answer_changes;
}

static void walk_begin(struct gossip *engine, struct gossip__exchange *exchange,
                       const struct gossip__digest *digest) {
    int result = merkle_walk_new(engine->allocator, catalog_tree(engine->catalog), exchange->number,
                                 &exchange->walk);
    if (result == 0) {
        result = merkle_walk_start(exchange->walk, digest->walk.data, digest->walk.size_bytes);
    }
    if (result == MERKLE_EMALFORMED) {
        PROBE("gossip.walk_start_malformed");
        engine->counters.rejected[GOSSIP_REJECT_WALK]++;
        gossip__session_close(engine, exchange->member->session, GOSSIP_CLOSE_MALFORMED, true);
        return; /* which has ended the exchange */
    }
    if (result != 0) {
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
        return;
    }
    if (exchange->walks == 0) {
        exchange->first_clock = digest->clock;
        exchange->first_seen = digest->seen;
        exchange->first_tables_equal = exchange->tables_equal;
        exchange->first_healing = exchange->answer_healing;
        exchange->first_whole = exchange->answer_whole;
        exchange->first_age_ms = exchange->answer_age_ms;
        exchange->first_ms = exchange->digest_sent_ms;
    }
    exchange->walks++;
    exchange->incomplete = false;
    exchange->withheld = false;
    exchange->state = GOSSIP__EXCHANGE_WALK;
    gossip__exchange_advance(engine, exchange);
}

/* A newcomer that lacks everything fetches it from one member at a time; whoever is next has less to send, and is asked
 * again as soon as this one is through (join.c). */
static bool waits_its_turn(const struct gossip *engine, const struct gossip__exchange *exchange) {
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX && !engine->state.ready; i++) {
        const struct gossip__exchange *other = engine->exchanges[i];
        if (other != NULL && other != exchange && other->state == GOSSIP__EXCHANGE_WALK &&
            other->purpose != GOSSIP__PURPOSE_DIFF &&
            other->progress_ms + GOSSIP__TURN_MS > engine->now_ms) {
            PROBE("gossip.newcomer_waits_its_turn");
            return exchange->purpose != GOSSIP__PURPOSE_DIFF;
        }
    }
    return false;
}

static void roots_differ(struct gossip *engine, struct gossip__exchange *exchange,
                         const struct gossip__digest *digest, uint64_t own_changes) {
    bool futile = is_futile(exchange, own_changes, digest->changes);
    exchange->own_changes = own_changes;
    exchange->answer_changes = digest->changes;
    /* A newcomer fetches for itself; what it lacks is not pushed to it twice. */
    bool newcomer =
        !digest->ready && engine->state.ready && exchange->purpose != GOSSIP__PURPOSE_DIFF;
    if (exchange->walks >= GOSSIP__WALKS_PER_EXCHANGE) {
        PROBE("gossip.walks_limit");
    }
    bool store_down = engine->store_error != 0 && exchange->purpose != GOSSIP__PURPOSE_DIFF;
    if (futile) {
        PROBE("gossip.exchange_futile");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_FUTILE);
    } else if (newcomer || store_down || waits_its_turn(engine, exchange) ||
               exchange->walks >= GOSSIP__WALKS_PER_EXCHANGE || digest->walk.size_bytes == 0) {
        PROBE("gossip.exchange_not_now");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
    } else {
        walk_begin(engine, exchange, digest);
    }
}

void gossip__recv_digest_answer(struct gossip *engine, struct gossip__session *session,
                                const struct gossip__message *message) {
    const struct gossip__digest *digest = &message->digest;
    struct gossip__exchange *exchange = gossip__exchange_find(session->member, digest->exchange);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_DIGEST) {
        PROBE("gossip.digest_answer_late");
        return; /* an answer to a question that is over */
    }
    rtt_note(engine, exchange);
    exchange->progress_ms = engine->now_ms;
    if (exchange->wall_sent) {
        session->member->wall_told_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    }
    bool tables_equal;
    enum gossip__comparison comparison =
        gossip__digest_note(engine, session->member, digest, &tables_equal);
    if (session->closing || gossip__exchange_find(session->member, digest->exchange) == NULL) {
        PROBE("gossip.answer_ends_exchange");
        return; /* what it told of members ended the exchange: it may have told that it was removed */
    }
    exchange->tables_equal = tables_equal;
    exchange->answer_healing = digest->healing;
    if (digest->healing) {
        gossip__healing_answered(engine);
    }
    exchange->answer_whole = digest->whole;
    exchange->answer_age_ms = digest->age_known ? (int64_t)digest->age_ms : -1;
    if (!tables_equal) {
        gossip__member_send_table(engine, session->member, true);
    }
    if (comparison == GOSSIP__INCOMPARABLE) {
        gossip__exchange_compare_again(engine, exchange);
        return;
    }
    if (comparison == GOSSIP__DIFFERENT) {
        roots_differ(engine, exchange, digest, catalog_count(engine->catalog).changes);
        return;
    }
    gossip__exchange_conclude(engine, exchange, digest->clock, digest->seen,
                              exchange->digest_sent_ms);
    gossip__exchange_end(engine, exchange,
                         exchange->pulled + exchange->pushed > 0 ? GOSSIP_EXCHANGE_REPAIRED
                                                                 : GOSSIP_EXCHANGE_EQUAL);
}
