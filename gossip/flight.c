/* flight.c - batches on their way to the disk, and who waits for them.
 *
 * A step opens at most one batch. It leaves with the update, comes back as `stored`, in order; what it bears is on the
 * catalog's pending layer meanwhile:
 *
 *   flight_put, flight_member     update          GOSSIP_STORED             waiters: replies, acknowledgements,
 *   ---------------------> open ---------> flying -------------> stored --> admissions, exchanges that go on
 *                                              |  failed
 *                                              +-------------> all behind it fail too; nothing is taken any more
 *                                                              until GOSSIP_REOPENED (store_error)
 *
 * Memory for the flight is taken while it is filled, so that closing a batch and storing it cannot fail for memory.
 */
#include "gossip/engine.h"

#include <string.h>

static struct gossip__flight *flight_at(const struct gossip *engine, size_t index) {
    assert(index < engine->flight_count);
    return &engine->flights[(engine->flight_first + index) % engine->flight_capacity];
}

static struct gossip__waiter *waiter_at(const struct gossip *engine, size_t index) {
    assert(index < engine->waiter_count);
    return &engine->waiters[(engine->waiter_first + index) % engine->waiter_capacity];
}

/* Makes room for one more in a ring; the ring is laid out from 0 anew. */
static bool ring_grow(const struct merkle_allocator *allocator, void **ring, size_t *first,
                      size_t count, size_t *capacity, size_t item_size_bytes) {
    if (count < *capacity) {
        return true;
    }
    size_t grown = *capacity == 0 ? 16 : *capacity * 2;
    uint8_t *items = merkle_allocate(allocator, grown, item_size_bytes);
    if (items == NULL) {
        return false;
    }
    if (count > 0) {
        const uint8_t *old = *ring;
        size_t tail = *capacity - *first;
        memcpy(items, old + *first * item_size_bytes, tail * item_size_bytes);
        memcpy(items + tail * item_size_bytes, old, *first * item_size_bytes);
    }
    merkle_release(allocator, *ring);
    *ring = items;
    *first = 0;
    *capacity = grown;
    return true;
}

void gossip__entries_release(struct gossip *engine, struct catalog_entry **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(entries[i]);
    }
    merkle_release(engine->allocator, entries);
}

static void flight_close(struct gossip *engine, struct gossip__flight *flight) {
    gossip__entries_release(engine, flight->entries, flight->entry_count);
    gossip__entries_release(engine, flight->removed, flight->removed_count);
    gossip__entries_release(engine, flight->kept, flight->kept_count);
    merkle_release(engine->allocator, flight->arrivals);
}

struct gossip__flight *gossip__flight_open(struct gossip *engine) {
    if (engine->batch_open) {
        return flight_at(engine, engine->flight_count - 1);
    }
    void *ring = engine->flights;
    if (engine->store_error != 0 || engine->flight_count >= GOSSIP__BATCHES_IN_FLIGHT ||
        !ring_grow(engine->allocator, &ring, &engine->flight_first, engine->flight_count,
                   &engine->flight_capacity, sizeof(struct gossip__flight))) {
        return NULL;
    }
    engine->flights = ring;
    engine->flight_count++;
    engine->batch_open = true;
    struct gossip__flight *flight = flight_at(engine, engine->flight_count - 1);
    *flight = (struct gossip__flight){.ticket = ++engine->ticket_last};
    return flight;
}

uint64_t gossip__flight_ticket(struct gossip *engine) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    return flight == NULL ? 0 : flight->ticket;
}

uint64_t gossip__flight_newest(const struct gossip *engine) {
    return engine->flight_count == 0 ? 0 : engine->ticket_last;
}

static bool flight_reserve(struct gossip *engine, struct gossip__flight *flight) {
    if (flight->entry_count < flight->entry_capacity) {
        return true;
    }
    size_t capacity = flight->entry_capacity == 0 ? 4 : flight->entry_capacity * 2;
    void *entries =
        merkle_reallocate(engine->allocator, flight->entries, capacity, sizeof *flight->entries);
    if (entries == NULL) {
        return false;
    }
    flight->entries = entries;
    void *arrivals =
        merkle_reallocate(engine->allocator, flight->arrivals, capacity, sizeof *flight->arrivals);
    if (arrivals == NULL) {
        return false;
    }
    flight->arrivals = arrivals;
    flight->entry_capacity = capacity;
    return true;
}

int gossip__flight_put(struct gossip *engine, struct catalog_entry *entry,
                       const struct gossip__arrival *arrival) {
    if (engine->store_error != 0) {
        return engine->store_error;
    }
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        PROBE("gossip.flights_limit");
        return GOSSIP_EBUSY;
    }
    if (!flight_reserve(engine, flight) ||
        catalog_pending_put(engine->catalog, entry, flight->ticket) != 0) {
        return GOSSIP_ENOMEM;
    }
    flight->entries[flight->entry_count] = catalog_entry_hold(entry);
    flight->arrivals[flight->entry_count] = *arrival;
    flight->entry_count++;
    if (entry->clock_highest > engine->state.high_water) {
        engine->state.high_water = entry->clock_highest;
    }
    engine->state.had_entry = true;
    return 0;
}

uint64_t gossip__flight_member(struct gossip *engine, const struct catalog_member_row *row) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        return 0;
    }
    if (merkle_buffer_append(&engine->out.member_rows, row, sizeof *row) != 0) {
        engine->out.member_rows.failed = false;
        return 0;
    }
    return flight->ticket;
}

void gossip__flight_members_cleared(struct gossip *engine) {
    engine->batch_members_cleared = true;
    engine->state_dirty = true;
    merkle_buffer_clear(&engine->out.member_rows);
}

void gossip__flight_state_dirty(struct gossip *engine) {
    engine->state_dirty = true;
}

void gossip__flight_take_back(struct gossip *engine) {
    assert(engine->batch_open);
    struct gossip__flight *flight = flight_at(engine, engine->flight_count - 1);
    catalog_pending_abandon(engine->catalog, flight->ticket);
    while (engine->waiter_count > 0 &&
           waiter_at(engine, engine->waiter_count - 1)->ticket == flight->ticket) {
        engine->waiter_count--;
    }
    flight_close(engine, flight);
    engine->flight_count--;
    engine->ticket_last--;
    engine->batch_open = false;
}

bool gossip__flight_wait(struct gossip *engine, const struct gossip__waiter *waiter) {
    assert(engine->flight_count > 0 && waiter->ticket <= engine->ticket_last);
    void *ring = engine->waiters;
    if (!ring_grow(engine->allocator, &ring, &engine->waiter_first, engine->waiter_count,
                   &engine->waiter_capacity, sizeof *waiter)) {
        return false;
    }
    engine->waiters = ring;
    engine->waiter_count++;
    size_t place = engine->waiter_count - 1;
    /* Tickets mostly rise; one that waits for an older batch goes before those of newer ones. */
    for (; place > 0 && waiter_at(engine, place - 1)->ticket > waiter->ticket; place--) {
        PROBE("gossip.waiter_goes_before");
        *waiter_at(engine, place) = *waiter_at(engine, place - 1);
    }
    *waiter_at(engine, place) = *waiter;
    return true;
}

void gossip__flight_close_batch(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    if (engine->state_dirty && gossip__flight_open(engine) == NULL) {
        PROBE("gossip.state_stays_dirty");
        return; /* it stays dirty, for a step that has room */
    }
    if (!engine->batch_open) {
        return;
    }
    struct gossip__flight *flight = flight_at(engine, engine->flight_count - 1);
    engine->state.sum = catalog_pending_sum(engine->catalog);
    flight->state = engine->state;
    out->batch = (struct catalog_batch){
        .ticket = flight->ticket,
        .reset = flight->reset,
        .kept = flight->kept,
        .kept_count = flight->kept_count,
        .kept_cleared = flight->kept_cleared,
        .removed = flight->removed,
        .removed_count = flight->removed_count,
        .entries = flight->entries,
        .entry_count = flight->entry_count,
        .members_cleared = engine->batch_members_cleared,
        .members = (const struct catalog_member_row *)(const void *)out->member_rows.data,
        .member_count = out->member_rows.size_bytes / sizeof(struct catalog_member_row),
        .state = engine->state,
    };
    if (PLANTED(ATTUNE_B30)) {
        out->batch.state.high_water &= UINT32_MAX;
    }
    out->update.batches = &out->batch;
    out->update.batch_count = 1;
    engine->batch_open = false;
    engine->batch_members_cleared = false;
    engine->state_dirty = false;
}

static void waiter_run(struct gossip *engine, struct gossip__waiter *waiter, int result) {
    struct gossip__session *session;
    switch (waiter->type) {
    case GOSSIP__WAIT_WRITE:
    case GOSSIP__WAIT_REMOVE:
        gossip__operation_stored(engine, waiter, result);
        break;
    case GOSSIP__WAIT_ACK:
        session = gossip__session_find(engine, waiter->connection);
        if (session == NULL) {
            PROBE("gossip.push_sender_gone");
        }
        if (session != NULL && session->pushes_unstored > 0) {
            session->pushes_unstored--;
        }
        if (result == 0 && session != NULL) {
            gossip__push_acknowledge(engine, session, waiter->sequence, waiter->refused);
        }
        break;
    case GOSSIP__WAIT_EXCHANGE:
        gossip__exchange_stored(engine, waiter, result);
        break;
    case GOSSIP__WAIT_ADMIT:
        if (result == 0) {
            gossip__join_admit(engine, waiter->connection);
        }
        break;
    case GOSSIP__WAIT_CONFIRM:
        gossip__confirm_stored(engine, waiter, result);
        break;
    case GOSSIP__WAIT_JOIN:
        if (result == 0) {
            gossip__join_admitted(engine, waiter->connection);
        }
        break;
    case GOSSIP__WAIT_DIGEST:
        gossip__digest_answer(engine, waiter->connection, waiter->exchange);
        break;
    case GOSSIP__WAIT_COMPARE:
        gossip__exchange_compare_stored(engine, waiter, result);
        break;
    case GOSSIP__WAIT_LINEAGE:
        gossip__lineage_stored(engine, result);
        break;
    }
}

/* Runs the waiters of all tickets up to this one. They may leave new ones, which wait for newer tickets. */
static void waiters_run(struct gossip *engine, uint64_t ticket, int result) {
    while (engine->waiter_count > 0 && waiter_at(engine, 0)->ticket <= ticket) {
        struct gossip__waiter waiter = *waiter_at(engine, 0);
        engine->waiter_first = (engine->waiter_first + 1) % engine->waiter_capacity;
        engine->waiter_count--;
        waiter_run(engine, &waiter, result);
    }
}

static void propagation_count(struct gossip *engine, const struct catalog_entry *entry) {
    struct gossip_counters *counters = &engine->counters;
    uint64_t made_ms = entry->clock >> 16;
    uint64_t elapsed_ms = engine->wall_ms > made_ms ? engine->wall_ms - made_ms : 0;
    counters->propagation_count++;
    counters->propagation_sum_ms += elapsed_ms;
    for (size_t i = 0; i < GOSSIP_PROPAGATION_BUCKETS; i++) {
        if (elapsed_ms <= gossip_propagation_bounds_ms[i]) {
            counters->propagation_buckets[i]++;
            return;
        }
    }
}

/* Schemas are told before the constraints that need them, whatever the order of the batch; unknown kinds come last. */
static void notices_changed(struct gossip *engine, const struct gossip__flight *flight) {
    for (uint16_t kind = CATALOG_SCHEMA; kind <= CATALOG_INDEX + 1; kind++) {
        for (size_t i = 0; i < flight->entry_count; i++) {
            uint16_t own = flight->entries[i]->kind;
            if (!flight->arrivals[i].same &&
                (own == kind || (kind > CATALOG_INDEX && own > CATALOG_INDEX))) {
                gossip__notice_changed(engine, flight->entries[i]);
            }
        }
    }
}

static void flight_landed(struct gossip *engine, struct gossip__flight *flight) {
    for (size_t i = 0; i < flight->entry_count; i++) {
        if (!flight->arrivals[i].local && !flight->arrivals[i].pruned) {
            propagation_count(engine, flight->entries[i]);
        }
    }
    notices_changed(engine, flight);
    gossip__push_stored(engine, flight);
}

/* What is kept on disk is kept here; what was there before is among it. */
static void kept_take(struct gossip *engine, struct gossip__flight *flight) {
    bool ready =
        engine->kept_ready && !flight->reset; /* written again (reopen.c): it is the same */
    bool written = ready && engine->kept_written;
    gossip__lineage_free_all(engine);
    engine->kept_ready = ready;
    engine->kept_written = written;
    engine->kept = flight->kept;
    engine->kept_count = flight->kept_count;
    flight->kept = NULL;
    flight->kept_count = 0;
}

/* The store failed at this ticket: everything that flies is lost, and the state is what the disk has. */
static void flights_failed(struct gossip *engine, int result) {
    PROBE("gossip.flights_failed");
    uint64_t first = flight_at(engine, 0)->ticket;
    engine->store_error = result;
    engine->counters.batches_failed += engine->flight_count;
    catalog_pending_abandon(engine->catalog, first);
    for (size_t i = 0; i < engine->flight_count; i++) {
        flight_close(engine, flight_at(engine, i));
    }
    engine->flight_count = 0;
    engine->batch_open = false;
    /* Clocks and incarnations that were given out and lost must not be given out again: they only rise. */
    catalog_clock high_water = engine->state.high_water;
    uint64_t incarnation = engine->state.incarnation;
    engine->state = engine->stored;
    engine->state.high_water = high_water;
    engine->state.incarnation = incarnation;
    for (size_t i = 0; i < engine->member_count; i++) {
        engine->members[i]->row_ticket = 0;
    }
    engine->horizon_unsettled = true; /* what was pruned is back */
    gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_ERROR, NULL,
                   "the store failed (%s); writes are refused", gossip_error_message(result));
    waiters_run(engine, engine->ticket_last, result);
}

void gossip__flight_stored(struct gossip *engine, uint64_t ticket, int result) {
    if (engine->flight_count == 0 || flight_at(engine, 0)->ticket > ticket) {
        PROBE("gossip.flight_failed_behind");
        return; /* one of those that failed behind another */
    }
    assert(flight_at(engine, 0)->ticket == ticket && !engine->batch_open);
    if (result != 0 && !PLANTED(ATTUNE_B07)) {
        flights_failed(engine, result);
        return;
    }
    if (catalog_pending_stored(engine->catalog, ticket) != 0) {
        engine->fatal = true;
        return;
    }
    struct gossip__flight flight = *flight_at(engine, 0);
    engine->flight_first = (engine->flight_first + 1) % engine->flight_capacity;
    engine->flight_count--;
    bool raised = flight.state.horizon > engine->stored.horizon;
    engine->stored = flight.state;
    engine->ticket_stored = ticket;
    if (raised) {
        gossip__push_raised(engine);
    }
    engine->counters.batches_stored++;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (member->row_ticket == ticket) {
            member->row_ticket = 0;
            member->row_stored = true;
        }
    }
    if (flight.kept_count > 0) {
        kept_take(engine, &flight);
    }
    if (flight.entry_count > 0 || flight.removed_count > 0 || flight.reset) {
        engine->root_changed_ms = engine->now_ms;
        engine->agreement_dirty = true;
    }
    gossip__agreements_touch(engine);
    if (flight.reset) {
        gossip__notice(engine, GOSSIP_NOTICE_EMPTIED, GOSSIP_WARNING, NULL,
                       "this node has forgotten its catalog, and fetches that of the cluster");
    }
    flight_landed(engine, &flight);
    waiters_run(engine, ticket, 0);
    flight_close(engine, &flight);
}

void gossip__flight_free_all(struct gossip *engine) {
    for (size_t i = 0; i < engine->waiter_count; i++) {
        catalog_plan_free(waiter_at(engine, i)->plan);
    }
    for (size_t i = 0; i < engine->flight_count; i++) {
        flight_close(engine, flight_at(engine, i));
    }
    merkle_release(engine->allocator, engine->waiters);
    merkle_release(engine->allocator, engine->flights);
}
