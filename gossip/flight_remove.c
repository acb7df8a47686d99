/* flight_remove.c - entries that leave: by the horizon, one by one, or all of them, where this node starts empty.
 *
 * They stand in the batch of the step beside what is put. A batch is done in the order of its fields (reset, kept, removed,
 * entries), not of the calls: so what a step put and takes away again must not be among its entries any more.
 */
#include "gossip/engine.h"

/* What this step put for a key and takes away again never was in its batch. That may be several, and may be what is stored
 * already: a store that was opened again gets it once more (reopen.c). */
static void puts_forget(struct gossip__flight *flight, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    size_t kept = 0;
    for (size_t i = 0; i < flight->entry_count; i++) {
        struct catalog_entry *put = flight->entries[i];
        struct catalog_key other =
            put->slot == entry->slot ? catalog_entry_key(put) : (struct catalog_key){.kind = 0};
        if (catalog_key_equal(&key, &other)) {
            PROBE("gossip.removed_in_flight");
            catalog_entry_release(put);
            continue;
        }
        flight->entries[kept] = put;
        flight->arrivals[kept] = flight->arrivals[i];
        kept++;
    }
    flight->entry_count = kept;
}

static bool removed_reserve(struct gossip *engine, struct gossip__flight *flight) {
    if (flight->removed_count < flight->removed_capacity) {
        return true;
    }
    size_t capacity = flight->removed_capacity == 0 ? 4 : flight->removed_capacity * 2;
    void *removed =
        merkle_reallocate(engine->allocator, flight->removed, capacity, sizeof *flight->removed);
    if (removed == NULL) {
        return false;
    }
    flight->removed = removed;
    flight->removed_capacity = capacity;
    return true;
}

int gossip__flight_remove(struct gossip *engine, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        return engine->store_error != 0 ? engine->store_error : GOSSIP_EBUSY;
    }
    if (!removed_reserve(engine, flight)) {
        return GOSSIP_ENOMEM;
    }
    flight->removed[flight->removed_count] = catalog_entry_hold(entry);
    if (catalog_pending_remove(engine->catalog, &key, flight->ticket) != 0) {
        catalog_entry_release(entry);
        return GOSSIP_ENOMEM;
    }
    flight->removed_count++;
    puts_forget(flight, entry);
    return 0;
}

int gossip__flight_remove_row(struct gossip *engine, struct catalog_entry *entry) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        return engine->store_error != 0 ? engine->store_error : GOSSIP_EBUSY;
    }
    if (!removed_reserve(engine, flight)) {
        return GOSSIP_ENOMEM;
    }
    flight->removed[flight->removed_count++] = catalog_entry_hold(entry);
    return 0;
}

int gossip__flight_keep(struct gossip *engine, struct catalog_entry *const *kept,
                        size_t kept_count) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        return engine->store_error != 0 ? engine->store_error : GOSSIP_EBUSY;
    }
    assert(flight->kept == NULL && kept_count > 0);
    flight->kept = merkle_allocate(engine->allocator, kept_count, sizeof(struct catalog_entry *));
    if (flight->kept == NULL) {
        return GOSSIP_ENOMEM;
    }
    for (; flight->kept_count < kept_count; flight->kept_count++) {
        flight->kept[flight->kept_count] = catalog_entry_hold(kept[flight->kept_count]);
    }
    return 0;
}

void gossip__flight_reset(struct gossip *engine, struct catalog_entry **kept, size_t kept_count) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight == NULL) {
        engine->fatal = true;
        gossip__entries_release(engine, kept, kept_count);
        return;
    }
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    struct catalog_entry *entry = catalog_pending_next(engine->catalog, 0, all, NULL);
    while (entry != NULL) {
        struct catalog_key key = catalog_entry_key(entry);
        if (catalog_pending_remove(engine->catalog, &key, flight->ticket) != 0) {
            engine->fatal = true; /* half of it is gone already */
            break;
        }
        entry = catalog_pending_next(engine->catalog, 0, all, &key);
    }
    gossip__entries_release(engine, flight->entries, flight->entry_count);
    gossip__entries_release(engine, flight->removed, flight->removed_count);
    gossip__entries_release(engine, flight->kept, flight->kept_count);
    merkle_release(engine->allocator, flight->arrivals);
    *flight = (struct gossip__flight){
        .ticket = flight->ticket,
        .reset = true,
        .kept = kept,
        .kept_count = kept_count,
    };
    gossip__flight_state_dirty(engine);
}

bool gossip__flight_kept_cleared(struct gossip *engine) {
    struct gossip__flight *flight = gossip__flight_open(engine);
    if (flight != NULL) {
        flight->kept_cleared = true;
    }
    return flight != NULL;
}
