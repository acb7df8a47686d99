/* exchange_walk.c - the state WALK of an exchange: finds what differs and pulls what this node lacks, all at once.
 *
 * Three kinds of requests share the places of GOSSIP__REQUESTS_IN_FLIGHT, so that pulling begins while the walk goes on:
 *   PULL_RANGE   a subtree that is empty here, whole, resumed where an answer ended
 *   PULL         single items, by path and fingerprint
 *   WALK         the frontier
 * Pulls come first: they drain what the walk has piled up. What was pulled and is not on disk yet is bounded; above the
 * bound no pull is asked for, and above GOSSIP__WANTS_MAX no walk.
 */
#include "gossip/engine.h"

static bool range_append(struct gossip *engine, struct gossip__exchange *exchange,
                         const struct gossip__range *range) {
    if (exchange->range_count == exchange->range_capacity) {
        size_t capacity = exchange->range_capacity == 0 ? 16 : exchange->range_capacity * 2;
        void *ranges = merkle_reallocate(engine->allocator, exchange->ranges, capacity,
                                         sizeof *exchange->ranges);
        if (ranges == NULL) {
            exchange->incomplete = true;
            return false;
        }
        exchange->ranges = ranges;
        exchange->range_capacity = capacity;
    }
    exchange->ranges[exchange->range_count++] = *range;
    return true;
}

void gossip__exchange_range_resume(struct gossip *engine, struct gossip__exchange *exchange,
                                   const struct gossip__range *range) {
    (void)range_append(engine, exchange, range);
}

static void ranges_take(struct gossip *engine, struct gossip__exchange *exchange) {
    struct merkle_path path;
    while (merkle_walk_take_ranges(exchange->walk, &path, 1) > 0) {
        PROBE("gossip.range_found");
        struct gossip__range range = {
            .slot_first = merkle_path_slot_first(path),
            .slot_last = merkle_path_slot_last(path),
            .round = exchange->rounds,
        };
        (void)range_append(engine, exchange, &range);
    }
}

static bool range_request(struct gossip *engine, struct gossip__exchange *exchange) {
    struct gossip__request *request =
        gossip__exchange_request_new(engine, exchange, GOSSIP__PULL_RANGE);
    if (request == NULL) {
        return false;
    }
    request->range = exchange->ranges[--exchange->range_count];
    request->round = request->range.round + 1;
    struct gossip__message message = {
        .type = GOSSIP__PULL_RANGE,
        .pull_range = {.exchange = exchange->number,
                       .sequence = request->sequence,
                       .slot_first = request->range.slot_first,
                       .slot_last = request->range.slot_last,
                       .skip = request->range.skip,
                       .size_max = PLANTED(ATTUNE_B15) ? 1024 : GOSSIP__ENTRIES_SIZE_SOFT},
    };
    if (!gossip__exchange_request_send(engine, exchange, request, &message)) {
        gossip__exchange_request_drop(request);
        exchange->incomplete = true;
    }
    return true;
}

/* Wants of one path stand together: one array of fingerprints for each path. The arrays live in `memory`. */
static bool pull_group(const struct merkle_allocator *allocator,
                       const struct merkle_walk_want *wants, size_t count,
                       struct gossip__pull *pull, struct merkle_buffer *fingerprints,
                       struct merkle_buffer *paths) {
    merkle_buffer_init(fingerprints, allocator);
    merkle_buffer_init(paths, allocator);
    struct merkle_fingerprint *prints =
        (struct merkle_fingerprint *)merkle_buffer_reserve(fingerprints, count * sizeof *prints);
    struct gossip__pull_path *groups =
        (struct gossip__pull_path *)(void *)merkle_buffer_reserve(paths, count * sizeof *groups);
    if (prints == NULL || groups == NULL) {
        return false;
    }
    size_t group_count = 0;
    for (size_t i = 0; i < count; i++) {
        prints[i] = wants[i].fingerprint;
        bool same = i > 0 && wants[i].path.prefix == wants[i - 1].path.prefix &&
                    wants[i].path.depth == wants[i - 1].path.depth;
        if (!same) {
            groups[group_count++] =
                (struct gossip__pull_path){.path = wants[i].path, .fingerprints = &prints[i]};
        }
        groups[group_count - 1].fingerprint_count++;
    }
    pull->paths = groups;
    pull->path_count = group_count;
    return true;
}

bool gossip__exchange_pull(struct gossip *engine, struct gossip__exchange *exchange,
                           const struct merkle_walk_want *wants, size_t count, unsigned round) {
    struct gossip__request *request = gossip__exchange_request_new(engine, exchange, GOSSIP__PULL);
    if (request == NULL) {
        return false;
    }
    struct gossip__message message = {
        .type = GOSSIP__PULL,
        .pull = {.exchange = exchange->number, .sequence = request->sequence},
    };
    struct merkle_buffer fingerprints;
    struct merkle_buffer paths;
    request->round = round;
    bool sent = pull_group(engine->allocator, wants, count, &message.pull, &fingerprints, &paths) &&
                merkle_buffer_append(&request->wants, wants, count * sizeof *wants) == 0 &&
                gossip__exchange_request_send(engine, exchange, request, &message);
    merkle_buffer_close(&paths);
    merkle_buffer_close(&fingerprints);
    if (!sent) {
        gossip__exchange_request_drop(request);
        exchange->incomplete = true;
    }
    return true;
}

static size_t requests_in_flight(const struct gossip__exchange *exchange) {
    size_t count = 0;
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT; i++) {
        count += exchange->requests[i].sequence != 0;
    }
    return count;
}

static bool wants_request(struct gossip *engine, struct gossip__exchange *exchange) {
    struct merkle_walk_want wants[GOSSIP__PULL_WANTS_PER_REQUEST];
    if (requests_in_flight(exchange) == GOSSIP__REQUESTS_IN_FLIGHT) {
        return false;
    }
    size_t count = merkle_walk_take_wants(exchange->walk, wants, GOSSIP__PULL_WANTS_PER_REQUEST);
    return gossip__exchange_pull(engine, exchange, wants, count, exchange->rounds + 1);
}

static bool walk_request(struct gossip *engine, struct gossip__exchange *exchange) {
    struct gossip__request *request = gossip__exchange_request_new(engine, exchange, GOSSIP__WALK);
    if (request == NULL) {
        return false;
    }
    int taken = merkle_walk_request(exchange->walk, GOSSIP__WALK_NODES_PER_REQUEST, &request->walk);
    struct gossip__message message = {
        .type = GOSSIP__WALK,
        .walk = {.exchange = exchange->number,
                 .sequence = request->sequence,
                 .request = {.data = request->walk.data, .size_bytes = request->walk.size_bytes}},
    };
    request->round = exchange->rounds + 1;
    if (taken <= 0) {
        gossip__exchange_request_drop(request);
        return false; /* memory is short: the nodes wait for the next tick */
    }
    if (!gossip__exchange_request_send(engine, exchange, request, &message)) {
        gossip__exchange_request_drop(request);
        exchange->incomplete = true;
    }
    return true;
}

/* Sends one request of the kind that is due; false if nothing waits or nothing more may be in flight. */
static bool request_next(struct gossip *engine, struct gossip__exchange *exchange) {
    bool pull_allowed = exchange->unstored_bytes < GOSSIP__UNSTORED_SIZE_MAX;
    if (exchange->range_count > 0 && pull_allowed) {
        return range_request(engine, exchange);
    }
    if (merkle_walk_wants_count(exchange->walk) > 0 && pull_allowed) {
        return wants_request(engine, exchange);
    }
    if (merkle_walk_frontier_count(exchange->walk) > 0 &&
        merkle_walk_wants_count(exchange->walk) < GOSSIP__WANTS_MAX) {
        return walk_request(engine, exchange);
    }
    return false;
}

static bool walk_done(const struct gossip__exchange *exchange) {
    return exchange->range_count == 0 && exchange->unstored_batches == 0 &&
           merkle_walk_wants_count(exchange->walk) == 0 &&
           merkle_walk_frontier_count(exchange->walk) == 0 && requests_in_flight(exchange) == 0;
}

void gossip__exchange_advance(struct gossip *engine, struct gossip__exchange *exchange) {
    if (exchange->state == GOSSIP__EXCHANGE_PUSH) {
        gossip__exchange_push(engine, exchange);
        return;
    }
    assert(exchange->state == GOSSIP__EXCHANGE_WALK);
    if (exchange->member->session == NULL || exchange->member->session->closing) {
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_LOST);
        return;
    }
    ranges_take(engine, exchange);
    while (request_next(engine, exchange)) {
    }
    if (!walk_done(exchange)) {
        return;
    }
    if (exchange->purpose == GOSSIP__PURPOSE_DIFF) {
        gossip__diff_finish(engine, exchange);
        return;
    }
    exchange->state = GOSSIP__EXCHANGE_PUSH;
    gossip__exchange_push(engine, exchange);
}

void gossip__exchange_stored(struct gossip *engine, const struct gossip__waiter *waiter,
                             int result) {
    struct gossip__member *member = gossip__member_find(engine, &waiter->member_id);
    struct gossip__exchange *exchange =
        member == NULL ? NULL : gossip__exchange_find(member, waiter->exchange);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_WALK) {
        PROBE("gossip.pulled_stored_late");
        return;
    }
    assert(exchange->unstored_batches > 0 && exchange->unstored_bytes >= waiter->size_bytes);
    exchange->unstored_batches--;
    exchange->unstored_bytes -= waiter->size_bytes;
    exchange->progress_ms = engine->now_ms;
    if (result != 0) {
        exchange->incomplete = true;
        PROBE("gossip.pulled_not_stored");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
        return;
    }
    gossip__exchange_advance(engine, exchange);
}
