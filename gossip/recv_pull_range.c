/* recv_pull_range.c - a member asks for all entries of a run of slots, from where its last answer ended.
 *
 * Entries go in slot order, which is the order in which the other side's store loads them fastest. The answer says where
 * to resume: a slot, and how many of its items were looked at; and how many entries were withheld (healing.c).
 */
#include "gossip/engine.h"

enum { ITEMS_AT_ONCE = 64 };

struct answering {
    struct gossip *engine;
    const struct gossip__member *member;
    struct merkle_buffer spans; /* struct gossip__span */
    uint64_t slot, skip;        /* where the next item is read */
    size_t size_bytes, size_max;
    uint64_t missing; /* withheld: a walk that asks for it is not finished */
    bool more;
};

/* Takes one item into the answer; false if the answer is full or memory is short, and the item stays for the next. */
static bool answer_item(struct answering *answering, const struct merkle_item *item) {
    struct catalog_entry *entry = catalog_entry_of_handle(answering->engine->catalog, item->handle);
    assert(entry != NULL);
    struct gossip__span span = {.data = entry->bytes, .size_bytes = entry->size_bytes};
    if (gossip__healing_withholds(answering->engine, answering->member, entry)) {
        answering->missing++;
    } else if (answering->size_bytes >= answering->size_max ||
               merkle_buffer_append(&answering->spans, &span, sizeof span) != 0) {
        return false;
    } else {
        answering->size_bytes += entry->size_bytes;
    }
    answering->skip = item->slot == answering->slot ? answering->skip + 1 : 1;
    answering->slot = item->slot;
    return true;
}

static void answer_range(struct answering *answering, uint64_t slot_last) {
    struct merkle_item items[ITEMS_AT_ONCE];
    for (;;) {
        size_t count = merkle_tree_range(catalog_tree(answering->engine->catalog), answering->slot,
                                         slot_last, (size_t)answering->skip, items, ITEMS_AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            if (!answer_item(answering, &items[i])) {
                PROBE("gossip.range_goes_on");
                answering->more = true;
                return;
            }
        }
        if (count < ITEMS_AT_ONCE) {
            return;
        }
    }
}

void gossip__recv_pull_range(struct gossip *engine, struct gossip__session *session,
                             const struct gossip__message *message) {
    const struct gossip__pull_range *pull = &message->pull_range;
    struct answering answering = {
        .engine = engine,
        .member = session->member,
        .slot = pull->slot_first,
        .skip = pull->skip,
        .size_max = pull->size_max < GOSSIP__ENTRIES_SIZE_SOFT ? (size_t)pull->size_max
                                                               : GOSSIP__ENTRIES_SIZE_SOFT,
    };
    answering.size_max = answering.size_max == 0 ? 1 : answering.size_max; /* one entry at least */
    merkle_buffer_init(&answering.spans, engine->allocator);
    answer_range(&answering, pull->slot_last);
    if (answering.more && answering.size_bytes == 0) {
        merkle_buffer_close(&answering.spans);
        return; /* memory is short: as if the request had been lost */
    }
    struct gossip__message answer = {
        .type = GOSSIP__ENTRIES,
        .entries = {.exchange = pull->exchange,
                    .sequence = pull->sequence,
                    .horizon = engine->stored.horizon,
                    .missing = answering.missing,
                    .more = answering.more,
                    .next_slot = answering.more ? answering.slot : 0,
                    .next_skip = answering.more ? answering.skip : 0,
                    .entries = (const struct gossip__span *)(const void *)answering.spans.data,
                    .entry_count = answering.spans.size_bytes / sizeof(struct gossip__span)},
    };
    engine->counters.entries_sent += answer.entries.entry_count;
    gossip__send(engine, session, &answer);
    merkle_buffer_close(&answering.spans);
}
