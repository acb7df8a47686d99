/* recv_entries.c - entries that this node pulled: merged, stored, and the exchange goes on when they are on disk. */
#include "gossip/engine.h"

#include <string.h>

/* The answer ended early: asks again for the wants that it does not hold. An entry that was sent is recognised by the
 * fingerprint that it was asked for with. An answer that holds none of them is not asked for again: it would never end. */
static void pull_rest(struct gossip *engine, struct gossip__exchange *exchange,
                      struct gossip__request *request, const struct gossip__entries *entries) {
    struct merkle_walk_want *wants = (struct merkle_walk_want *)(void *)request->wants.data;
    size_t count = request->wants.size_bytes / sizeof *wants;
    size_t asked = count;
    for (size_t i = 0; i < entries->entry_count; i++) {
        struct catalog_entry *entry;
        if (catalog_entry_decode(engine->allocator, entries->entries[i].data,
                                 entries->entries[i].size_bytes, &entry) != 0) {
            continue;
        }
        struct merkle_fingerprint print =
            merkle_fingerprint_of_item(entry->slot, &entry->digest, exchange->number);
        for (size_t j = 0; j < count; j++) {
            if (memcmp(&wants[j].fingerprint, &print, sizeof print) == 0) {
                wants[j] = wants[--count];
                break;
            }
        }
        catalog_entry_release(entry);
    }
    struct merkle_walk_want rest[GOSSIP__PULL_WANTS_PER_REQUEST];
    assert(count <= GOSSIP__PULL_WANTS_PER_REQUEST);
    memcpy(rest, wants, count * sizeof *rest);
    unsigned round = request->round + 1;
    gossip__exchange_request_done(engine, exchange, request); /* its place is free for the next */
    if (count == asked) {
        PROBE("gossip.pull_answered_beside");
        exchange->incomplete = true;
    } else if (count > 0) {
        PROBE("gossip.pull_rest_asked");
        (void)gossip__exchange_pull(engine, exchange, rest, count, round);
    }
}

/* False if the answer has more than was asked for, or if what it says of its end makes no sense. */
static bool is_sane(const struct gossip__request *request, const struct gossip__entries *entries) {
    const struct gossip__range *range = &request->range;
    size_t asked = request->wants.size_bytes / sizeof(struct merkle_walk_want);
    if (request->type == GOSSIP__PULL) {
        return entries->entry_count <= asked && entries->missing <= asked - entries->entry_count;
    }
    if (!entries->more) {
        return true;
    }
    bool forward = entries->next_slot > range->slot_first ||
                   (entries->next_slot == range->slot_first && entries->next_skip > range->skip);
    return forward && entries->next_slot <= range->slot_last && entries->entry_count > 0;
}

static void take(struct gossip *engine, struct gossip__exchange *exchange,
                 const struct gossip__entries *entries) {
    struct gossip__member *member = exchange->member;
    struct gossip__intake intake =
        gossip__entries_take(engine, member, entries->entries, entries->entry_count,
                             entries->horizon, gossip__entries_cause(engine), &exchange->settled);
    exchange->pulled += intake.changed;
    if (intake.refused > 0) {
        PROBE("gossip.pulled_refused");
        exchange->incomplete = true;
    }
    if (intake.ticket == 0) {
        return;
    }
    struct gossip__waiter waiter = {
        .ticket = intake.ticket,
        .type = GOSSIP__WAIT_EXCHANGE,
        .member_id = member->row.id,
        .exchange = exchange->number,
        .size_bytes = intake.size_bytes,
    };
    if (!gossip__flight_wait(engine, &waiter)) {
        exchange->incomplete = true;
        return;
    }
    exchange->unstored_batches++;
    exchange->unstored_bytes += intake.size_bytes;
}

static void take_range(struct gossip *engine, struct gossip__exchange *exchange,
                       struct gossip__request *request, const struct gossip__entries *entries) {
    struct gossip__range next = {
        .slot_first = entries->next_slot,
        .slot_last = request->range.slot_last,
        .skip = entries->next_skip,
        .round = request->round,
    };
    if (entries->missing > 0) {
        PROBE("gossip.range_withheld");
        exchange->incomplete = true;
    }
    gossip__exchange_request_done(engine, exchange, request);
    if (entries->more && !PLANTED(ATTUNE_B15)) {
        gossip__exchange_range_resume(engine, exchange, &next);
    }
}

static void take_wanted(struct gossip *engine, struct gossip__exchange *exchange,
                        struct gossip__request *request, const struct gossip__entries *entries) {
    size_t asked = request->wants.size_bytes / sizeof(struct merkle_walk_want);
    if (entries->missing > 0) {
        PROBE("gossip.pulled_missing");
        exchange->incomplete =
            true; /* it changed there meanwhile: the next walk finds what it is now */
    }
    if (PLANTED(ATTUNE_B15)) {
        asked = entries->entry_count + entries->missing;
    }
    if (entries->entry_count > 0 && entries->entry_count + entries->missing < asked) {
        pull_rest(engine, exchange, request, entries);
        return;
    }
    if (entries->entry_count + entries->missing < asked) {
        exchange->incomplete = true;
    }
    gossip__exchange_request_done(engine, exchange, request);
}

void gossip__recv_entries(struct gossip *engine, struct gossip__session *session,
                          const struct gossip__message *message) {
    const struct gossip__entries *entries = &message->entries;
    (void)gossip__horizon_heard(engine, session->member, entries->horizon);
    if (session->closing) {
        return; /* this node starts over */
    }
    struct gossip__exchange *exchange = gossip__exchange_find(session->member, entries->exchange);
    if (exchange == NULL || exchange->state != GOSSIP__EXCHANGE_WALK) {
        return;
    }
    struct gossip__request *request =
        gossip__exchange_request_find(exchange, entries->sequence, GOSSIP__PULL_RANGE);
    bool range = request != NULL;
    if (!range) {
        request = gossip__exchange_request_find(exchange, entries->sequence, GOSSIP__PULL);
    }
    if (request == NULL) {
        PROBE("gossip.pull_answered_twice");
        return; /* the answer to a repeat, after that to the first */
    }
    if (!is_sane(request, entries)) {
        PROBE("gossip.pull_answer_malformed");
        engine->counters.rejected[GOSSIP_REJECT_MESSAGE]++;
        gossip__session_close(engine, session, GOSSIP_CLOSE_MALFORMED, true);
        return;
    }
    if (exchange->purpose == GOSSIP__PURPOSE_DIFF) {
        gossip__diff_take(engine, exchange, entries->entries, entries->entry_count);
    } else {
        take(engine, exchange, entries);
    }
    if (range) {
        take_range(engine, exchange, request, entries);
    } else {
        take_wanted(engine, exchange, request, entries);
    }
    gossip__exchange_advance(engine, exchange);
}
