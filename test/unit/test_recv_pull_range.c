/* test_recv_pull_range.c - the answers to PULL_RANGE: a run of slots in pages, in order, each entry once. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>

enum { ENTRIES = 200 };

static void fill(struct solo *solo, unsigned count, size_t size_bytes) {
    char entity[8];
    for (unsigned i = 0; i < count; i++) {
        struct merkle_buffer bytes;
        struct catalog_entry *entry;
        merkle_buffer_init(&bytes, &merkle_allocator_libc);
        (void)snprintf(entity, sizeof entity, "e%u", i);
        solo_entry(&bytes, entity, solo_clock(i + 1), 1, size_bytes);
        ck_assert_int_eq(
            catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry), 0);
        ck_assert_int_eq(catalog_load(solo->engine->catalog, entry), 0);
        catalog_entry_release(entry);
        merkle_buffer_close(&bytes);
    }
    (void)solo_peer(solo, 1);
    solo_clear(solo);
}

static void pull(struct solo *solo, struct gossip__pull_range range) {
    range.exchange = 5;
    range.sequence = 6;
    solo_receive(solo, 1,
                 &(struct gossip__message){.type = GOSSIP__PULL_RANGE, .pull_range = range});
}

static const struct gossip__entries *answer(struct solo *solo) {
    const struct gossip__entries *entries = &solo_sent_last(solo, 1, GOSSIP__ENTRIES)->entries;
    ck_assert_uint_eq(entries->exchange, 5);
    ck_assert_uint_eq(entries->sequence, 6);
    return entries;
}

/* Takes a page; returns how many entries, and where the next begins. Slots must rise. */
static size_t page(struct solo *solo, struct gossip__pull_range *range, uint64_t *slot,
                   bool *more) {
    pull(solo, *range);
    const struct gossip__entries *entries = answer(solo);
    for (size_t i = 0; i < entries->entry_count; i++) {
        struct catalog_entry *entry;
        ck_assert_int_eq(catalog_entry_decode(&merkle_allocator_libc, entries->entries[i].data,
                                              entries->entries[i].size_bytes, &entry),
                         0);
        ck_assert(entry->slot > *slot || *slot == 0);
        *slot = entry->slot;
        catalog_entry_release(entry);
    }
    ck_assert_uint_eq(entries->next_skip, entries->more); /* of slots that hold one item each */
    *more = entries->more;
    range->slot_first = entries->next_slot;
    range->skip = entries->next_skip;
    return entries->entry_count;
}

START_TEST(pages_hold_each_entry_once) {
    /* Resumed where each answer ended, the pages together hold every entry once, in slot order, whatever their size. */
    static const uint64_t sizes[] = {0, 1, 700, 10000, 1 << 20};
    struct solo *solo = solo_new();
    fill(solo, ENTRIES, 300);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct gossip__pull_range range = {.slot_last = UINT64_MAX, .size_max = sizes[i]};
        uint64_t slot = 0;
        size_t count = 0;
        size_t pages = 0;
        bool more = true;
        while (more) {
            size_t taken = page(solo, &range, &slot, &more);
            ck_assert(taken > 0);
            count += taken;
            pages++;
            ck_assert_uint_le(pages, ENTRIES);
        }
        ck_assert_uint_eq(count, ENTRIES);
        if (sizes[i] <= 1) {
            ck_assert_uint_eq(pages, ENTRIES); /* one entry at least, and no more */
        }
        solo_clear(solo);
    }
    solo_free(solo);
}
END_TEST

START_TEST(soft_size_is_the_most) {
    /* G8: whatever the other side asks for, an answer ends after the entry that reaches the soft size. */
    struct solo *solo = solo_new();
    fill(solo, 20, 30 * 1024);
    pull(solo, (struct gossip__pull_range){.slot_last = UINT64_MAX, .size_max = UINT64_MAX});
    ck_assert_uint_eq(answer(solo)->entry_count, 9);
    ck_assert(answer(solo)->more);
    solo_free(solo);
}
END_TEST

START_TEST(ends_of_the_range) {
    /* Both ends belong to the range; `skip` leaves out the first of its first slot; an empty one has an empty answer; one that
     * ends before it begins is no message (G9). */
    struct solo *solo = solo_new();
    fill(solo, 10, 300);
    uint64_t slot = solo_find(solo, "e4")->slot;
    struct gossip__pull_range one = {.slot_first = slot, .slot_last = slot, .size_max = 1 << 20};
    pull(solo, one);
    ck_assert_uint_eq(answer(solo)->entry_count, 1);
    ck_assert(!answer(solo)->more);
    one.skip = 1;
    pull(solo, one);
    ck_assert_uint_eq(answer(solo)->entry_count, 0);
    ck_assert(!answer(solo)->more);
    one.skip = UINT64_MAX;
    pull(solo, one);
    ck_assert_uint_eq(answer(solo)->entry_count, 0);
    pull(solo, (struct gossip__pull_range){.slot_first = slot, .slot_last = slot - 1});
    ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_MALFORMED);
    solo_free(solo);
}
END_TEST

START_TEST(short_memory_never_sends_nonsense) {
    /* An answer that says more has at least one entry, whichever allocation fails: else the other side would hang up. */
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.paused = true, .allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct solo *solo = solo_new_with(&allocator);
        ck_assert_int_eq(solo->result, 0);
        solo_store_all(solo);
        fill(solo, 20, 300);
        fault.paused = false;
        pull(solo, (struct gossip__pull_range){.slot_last = UINT64_MAX, .size_max = 1 << 20});
        fault.paused = true;
        ck_assert_int_eq(solo->result, 0);
        size_t entry_count = 0;
        if (solo_sent(solo, 1, GOSSIP__ENTRIES) > 0) {
            entry_count = answer(solo)->entry_count;
            ck_assert(entry_count > 0);
            ck_assert(answer(solo)->more == (entry_count < 20));
        }
        size_t fired = fault.fired;
        solo_free(solo);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (fired == 0) {
            ck_assert_uint_gt(allowed, 2);
            ck_assert_uint_eq(entry_count, 20);
            break;
        }
    }
}
END_TEST

Suite *recv_pull_range_suite(void);
Suite *recv_pull_range_suite(void) {
    Suite *suite = suite_create("recv_pull_range");
    TCase *receive = tcase_create("recv_pull_range");
    tcase_add_test(receive, pages_hold_each_entry_once);
    tcase_add_test(receive, soft_size_is_the_most);
    tcase_add_test(receive, ends_of_the_range);
    tcase_add_test(receive, short_memory_never_sends_nonsense);
    suite_add_tcase(suite, receive);
    return suite;
}
