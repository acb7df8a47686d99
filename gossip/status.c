/* status.c - what operators, metrics and tests read of an engine between steps. */
#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

static gossip_duration_ms age(bool known, gossip_time_ms since_ms, gossip_time_ms now_ms) {
    return known ? now_ms - since_ms : GOSSIP_NEVER;
}

static struct gossip_member_status self_status(struct gossip *engine) {
    enum gossip_member_state state =
        engine->state.ready ? GOSSIP_MEMBER_ALIVE : GOSSIP_MEMBER_JOINING;
    return (struct gossip_member_status){
        .id = engine->state.node_id,
        .name = engine->node_name,
        .address = engine->address,
        .incarnation = engine->state.incarnation,
        .state = engine->removed ? GOSSIP_MEMBER_REMOVED : state,
        .self = true,
        .root_known = true,
        .root = merkle_tree_root(catalog_tree(engine->catalog)),
        .agrees = GOSSIP_YES,
    };
}

static struct gossip_member_status
member_status(struct gossip *engine, const struct gossip__member *member, gossip_time_ms now_ms) {
    return (struct gossip_member_status){
        .id = member->row.id,
        .name = member->row.name,
        .address = member->row.address,
        .incarnation = member->row.incarnation,
        .state = member->state,
        .root_known = member->root_known,
        .root = member->root,
        .agrees = gossip__member_agrees(engine, member),
        .heard_age_ms = age(member->heard, member->heard_ms, now_ms),
        .agreed_age_ms = age(member->agreed_known, member->agreed_ms, now_ms),
        .skew_ms = member->skew_known ? member->skew_ms : 0,
        .rtt_ms = member->rtt_ms,
        .push_queue_count = (uint32_t)member->push.count,
        .doubled = member->doubled_ms != 0 &&
                   now_ms - member->doubled_ms <=
                       GOSSIP__DUPLICATE_ALARM_INTERVALS * gossip__swim_interval(engine),
    };
}

static int by_name(const void *a, const void *b) {
    const struct gossip_member_status *left = a;
    const struct gossip_member_status *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : catalog_id_compare(&left->id, &right->id);
}

size_t gossip_members(struct gossip *engine, gossip_time_ms now_ms,
                      struct gossip_member_status *members, size_t max) {
    size_t count = 0;
    if (max > 0) {
        members[count++] = self_status(engine);
    }
    for (size_t i = 0; i < engine->member_count && count < max; i++) {
        members[count++] = member_status(engine, engine->members[i], now_ms);
    }
    if (count > 2) {
        qsort(&members[1], count - 1, sizeof *members, by_name);
    }
    return engine->member_count + 1;
}

/* Roots that are known to stand somewhere now, this node's included. Members that cannot be reached are left out, as is
 * what was said before our own root changed: it may be the same as ours by now. */
static bool root_counts(struct gossip *engine, const struct gossip__member *member) {
    bool reachable = member->state == GOSSIP_MEMBER_ALIVE ||
                     member->state == GOSSIP_MEMBER_JOINING ||
                     member->state == GOSSIP_MEMBER_SUSPECT;
    return reachable && member->root_known &&
           gossip__member_agrees(engine, member) != GOSSIP_UNKNOWN;
}

static size_t distinct_roots(struct gossip *engine) {
    struct merkle_digest own = merkle_tree_root(catalog_tree(engine->catalog));
    size_t distinct = 1;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        bool fresh = root_counts(engine, member) && !merkle_digest_equal(&own, &member->root);
        for (size_t j = 0; j < i && fresh; j++) {
            const struct gossip__member *earlier = engine->members[j];
            fresh = !root_counts(engine, earlier) ||
                    !merkle_digest_equal(&earlier->root, &member->root);
        }
        distinct += fresh;
    }
    return distinct;
}

static size_t connection_count(const struct gossip *engine) {
    size_t count = 0;
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        count += session->state == GOSSIP__SESSION_ESTABLISHED;
    }
    return count;
}

struct gossip_status gossip_status(struct gossip *engine, gossip_time_ms now_ms, uint64_t wall_ms) {
    struct gossip_status status = {
        .node_id = engine->state.node_id,
        .origin = engine->config.origin,
        .cluster_id = engine->state.cluster_id,
        .node_name = engine->node_name,
        .cluster_name = engine->cluster_name,
        .address = engine->address,
        .ready = engine->state.ready && !engine->removed,
        .healing = engine->state.healing,
        .removed = engine->removed,
        .store_error = engine->store_error,
        .clock_ahead = engine->clock_ahead,
        .duplicate_id = engine->duplicate_id,
        .write_refusal = gossip__write_refusal(engine),
        .root = merkle_tree_root(catalog_tree(engine->catalog)),
        .counts = catalog_count(engine->catalog),
        .agreed_since_wall_ms = engine->agreed_since_wall_ms,
        .agreed_last_wall_ms = engine->agreed_last_wall_ms,
        .distinct_roots = distinct_roots(engine),
        .agreement_age_ms = gossip__agreement_age(engine, now_ms),
        .high_water = engine->stored.high_water,
        .seen = engine->stored.seen,
        .horizon = engine->stored.horizon,
        .horizon_age_ms = engine->stored.horizon < engine->stored.high_water
                              ? now_ms - engine->horizon_rose_ms
                              : 0,
        .quarantined_count = engine->quarantined_count,
        .connection_count = connection_count(engine),
        .store_batches_in_flight = engine->flight_count,
    };
    const struct gossip__member *holder = gossip__horizon_holder(engine);
    status.horizon_holder = holder != NULL ? holder->row.name : NULL;
    status.horizon_held_self = holder == NULL && engine->stored.seen < engine->stored.high_water;
    status.agreed = gossip__all_agree(engine, &status.disagreeing_count);
    if (status.agreed == GOSSIP_YES) {
        status.agreed_last_wall_ms = wall_ms;
        status.agreed_since_wall_ms =
            engine->agreed_since_wall_ms != 0 ? engine->agreed_since_wall_ms : wall_ms;
    } else {
        status.agreed_since_wall_ms = 0;
    }
    return status;
}

const struct gossip_counters *gossip_counters(const struct gossip *engine) {
    return &engine->counters;
}

/* --- invariants between steps ----------------------------------------------------------------------------------------- */

static void verify_sessions(struct gossip *engine) {
    size_t count = 0;
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        bool established = session->state == GOSSIP__SESSION_ESTABLISHED;
        count++;
        assert(!session->closing);
        assert(!established || session->member != NULL);
        assert(!established || session->member->session == session);
    }
    assert(count == engine->session_count);
    assert(count <= GOSSIP__SESSIONS_MAX);
}

static void verify_exchanges(struct gossip *engine) {
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        const struct gossip__exchange *exchange = engine->exchanges[i];
        if (exchange == NULL) {
            continue;
        }
        if (PLANTED(ATTUNE_B19) && exchange->member->exchange != exchange) {
            continue;
        }
        assert(exchange->member->exchange == exchange);
        assert(exchange->state == GOSSIP__EXCHANGE_CONNECT || exchange->member->session != NULL);
        assert(exchange->walks <= GOSSIP__WALKS_PER_EXCHANGE);
    }
}

static void verify_members(struct gossip *engine) {
    assert(engine->member_count <= GOSSIP__MEMBERS_MAX);
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        assert(member->push.count <= GOSSIP__PUSH_QUEUE_MAX);
        assert(!catalog_id_equal(&member->row.id, &engine->state.node_id));
        assert(i == 0 || catalog_id_compare(&engine->members[i - 1]->row.id, &member->row.id) < 0);
    }
}

void gossip_verify(struct gossip *engine) {
    assert(engine->flight_count <= GOSSIP__BATCHES_IN_FLIGHT);
    assert(!engine->batch_open);
    assert(engine->flight_count > 0 || engine->waiter_count == 0);
    assert(engine->stored.seen <= engine->state.seen || engine->store_error != 0 ||
           !engine->state.ready);
    assert(engine->stored.horizon <= engine->state.horizon || !engine->state.ready);
    assert(engine->state.horizon <= engine->state.seen || PLANTED(ATTUNE_B05));
    verify_sessions(engine);
    verify_exchanges(engine);
    verify_members(engine);
    gossip__agreements_verify(engine);
}
