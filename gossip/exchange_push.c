/* exchange_push.c - the state PUSH of an exchange: gives the other side what the walk found that it lacks.
 *
 * The walk says "we have" for an item that differs on both sides, too. Where what was pulled superseded ours there is
 * nothing to give (`settled`). Everything else goes as PUSH messages that bear the exchange's number, through the member's
 * push queue, with its repeats; when all are acknowledged the walk is finished and a new digest is asked for.
 */
#include "gossip/engine.h"

#include <stdlib.h>

static int by_slot(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static bool is_settled(const struct gossip__exchange *exchange, uint64_t slot) {
    size_t count = exchange->settled.size_bytes / sizeof slot;
    return count > 0 && bsearch(&slot, exchange->settled.data, count, sizeof slot, by_slot) != NULL;
}

/* The next item of the whole path that is being pushed. */
static bool path_next(struct gossip *engine, struct gossip__exchange *exchange,
                      struct merkle_item *item) {
    uint64_t slot_last = merkle_path_slot_last(exchange->have_path);
    if (merkle_tree_range(catalog_tree(engine->catalog), exchange->have_slot, slot_last,
                          exchange->have_skip, item, 1) == 0) {
        exchange->have_path_active = false;
        return false;
    }
    exchange->have_skip = item->slot == exchange->have_slot ? exchange->have_skip + 1 : 1;
    exchange->have_slot = item->slot;
    return true;
}

/* The next item that the other side lacks. */
static bool have_next(struct gossip *engine, struct gossip__exchange *exchange,
                      struct merkle_item *item) {
    struct merkle_walk_have have;
    while (!exchange->have_path_active || !path_next(engine, exchange, item)) {
        if (merkle_walk_take_haves(exchange->walk, &have, 1) == 0) {
            return false;
        }
        if (!have.whole_path) {
            *item = (struct merkle_item){.slot = have.slot, .handle = have.handle};
            return true;
        }
        exchange->have_path = have.path;
        exchange->have_path_active = true;
        exchange->have_slot = merkle_path_slot_first(have.path);
        exchange->have_skip = 0;
    }
    return true;
}

static bool batch_full(const struct gossip__exchange *exchange) {
    return exchange->have_batch.size_bytes >= GOSSIP__PUSH_ENTRIES_MAX * sizeof(uint32_t) ||
           exchange->have_batch_size_bytes >= GOSSIP__ENTRIES_SIZE_SOFT;
}

/* Fills the next message. */
static void batch_fill(struct gossip *engine, struct gossip__exchange *exchange) {
    struct merkle_item item;
    while (!batch_full(exchange) && have_next(engine, exchange, &item)) {
        struct catalog_entry *entry = catalog_entry_of_handle(engine->catalog, item.handle);
        if (entry == NULL || is_settled(exchange, item.slot)) {
            PROBE("gossip.have_settled");
            continue;
        }
        if (gossip__healing_withholds(engine, exchange->member, entry)) {
            gossip__healing_lacked(engine, exchange, entry);
            exchange->withheld = true;
            continue;
        }
        if (PLANTED(ATTUNE_B35) && entry->clock_highest <= engine->state.horizon &&
            gossip__flight_remove(engine, entry) == 0) {
            continue;
        }
        if (merkle_buffer_append(&exchange->have_batch, &item.handle, sizeof item.handle) != 0) {
            exchange->have_batch.failed = false;
            exchange->incomplete = true;
            return;
        }
        exchange->have_batch_size_bytes += entry->size_bytes;
    }
}

/* Whoever could not take an entry now cannot take it a moment later either; when it can, it fetches it by itself. */
static void refused_back_off(struct gossip *engine, struct gossip__exchange *exchange) {
    PROBE("gossip.have_refused_backs_off");
    exchange->member->exchange_after_ms =
        engine->now_ms + GOSSIP__REFUSED_INTERVALS * gossip__swim_interval(engine);
    gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
}

static void walk_finished(struct gossip *engine, struct gossip__exchange *exchange) {
    if (exchange->have_refused) {
        refused_back_off(engine, exchange);
        return;
    }
    if (!exchange->incomplete && !exchange->withheld) {
        if (exchange->finished_once) {
            /* The clock is that of the first answer: what holds of this one must have held of that, too. */
            exchange->tables_equal = exchange->tables_equal && exchange->first_tables_equal;
            exchange->answer_healing = exchange->answer_healing || exchange->first_healing;
            exchange->answer_whole = exchange->answer_whole && exchange->first_whole;
            exchange->answer_age_ms = exchange->first_age_ms;
            PROBE("gossip.second_walk_counts");
            gossip__exchange_conclude(engine, exchange, exchange->first_clock, exchange->first_seen,
                                      exchange->first_ms);
        }
        exchange->finished_once = true;
    }
    gossip__exchange_send_digest(engine, exchange);
}

void gossip__exchange_push(struct gossip *engine, struct gossip__exchange *exchange) {
    assert(exchange->state == GOSSIP__EXCHANGE_PUSH);
    if (exchange->member->session == NULL || exchange->member->session->closing) {
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_LOST);
        return;
    }
    if (exchange->pushes_waiting == 0 && exchange->settled.size_bytes > 0) {
        qsort(exchange->settled.data, exchange->settled.size_bytes / sizeof(uint64_t),
              sizeof(uint64_t), by_slot);
    }
    for (;;) {
        batch_fill(engine, exchange);
        size_t count = exchange->have_batch.size_bytes / sizeof(uint32_t);
        if (count == 0) {
            break;
        }
        const uint32_t *handles = (const uint32_t *)(const void *)exchange->have_batch.data;
        if (!gossip__push_have(engine, exchange->member, exchange->number, handles, count)) {
            if (exchange->pushes_waiting == 0) {
                break; /* memory is short or fresh pushes hold the places: tried again at a tick */
            }
            return;
        }
        if (exchange->pushes_waiting == 0) {
            exchange->rounds++;
        }
        exchange->pushes_waiting++;
        exchange->pushed += count;
        merkle_buffer_clear(&exchange->have_batch);
        exchange->have_batch_size_bytes = 0;
    }
    if (exchange->pushes_waiting == 0 && exchange->have_batch.size_bytes == 0) {
        walk_finished(engine, exchange);
    }
}

void gossip__exchange_pushed(struct gossip *engine, struct gossip__member *member, uint32_t number,
                             bool acknowledged, uint64_t refused) {
    struct gossip__exchange *exchange = gossip__exchange_find(member, number);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_PUSH) {
        return;
    }
    assert(exchange->pushes_waiting > 0);
    exchange->pushes_waiting--;
    exchange->progress_ms = engine->now_ms;
    if (!acknowledged) {
        PROBE("gossip.have_unacknowledged");
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_TIMEOUT);
        return;
    }
    if (refused > 0) {
        PROBE("gossip.have_refused");
        exchange->have_refused = true;
        exchange->pushed -= refused < exchange->pushed ? refused : exchange->pushed;
    }
    gossip__exchange_push(engine, exchange);
}
