/* test_recv_pull.c - the answers to PULL: what is here, what is missing, and where an answer ends. */
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { SALT = 77, PRINTS_MAX = 64 };

/* A node with entries e0, e1, ... of this size, and a peer. */
static struct solo *solo_with(unsigned count, size_t size_bytes) {
    struct solo *solo = solo_new();
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
    return solo;
}

static struct merkle_fingerprint print_of(struct solo *solo, unsigned i) {
    char entity[8];
    (void)snprintf(entity, sizeof entity, "e%u", i);
    struct catalog_entry *entry = solo_find(solo, entity);
    ck_assert_ptr_nonnull(entry);
    return merkle_fingerprint_of_item(entry->slot, &entry->digest, SALT);
}

static void pull(struct solo *solo, const struct merkle_fingerprint *prints, size_t count) {
    const struct gossip__pull_path path = {.fingerprints = prints, .fingerprint_count = count};
    solo_receive(
        solo, 1,
        &(struct gossip__message){
            .type = GOSSIP__PULL,
            .pull = {.exchange = SALT, .sequence = 4, .paths = &path, .path_count = count > 0}});
}

static const struct gossip__entries *answer(struct solo *solo) {
    const struct gossip__entries *entries = &solo_sent_last(solo, 1, GOSSIP__ENTRIES)->entries;
    ck_assert_uint_eq(entries->exchange, SALT);
    ck_assert_uint_eq(entries->sequence, 4);
    ck_assert(!entries->more);
    return entries;
}

START_TEST(whole_entries_of_the_prints) {
    /* Each item that was asked for comes whole; one that is not here any more is counted as missing. */
    struct solo *solo = solo_with(5, 300);
    struct merkle_fingerprint prints[3] = {print_of(solo, 3), {{9, 9, 9, 9, 9}}, print_of(solo, 1)};
    pull(solo, prints, 3);
    const struct gossip__entries *entries = answer(solo);
    ck_assert_uint_eq(entries->missing, 1);
    ck_assert_uint_eq(entries->entry_count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct catalog_entry *entry = solo_find(solo, i == 0 ? "e3" : "e1");
        ck_assert_uint_eq(entries->entries[i].size_bytes, entry->size_bytes);
        ck_assert_mem_eq(entries->entries[i].data, entry->bytes, entry->size_bytes);
    }
    ck_assert_uint_eq(solo->engine->counters.entries_sent, 2);
    solo_free(solo);
}
END_TEST

START_TEST(ends_at_the_soft_size) {
    /* G8: the answer ends after the entry that reaches the soft size; the rest is neither in it nor missing. */
    struct solo *solo = solo_with(20, 30 * 1024);
    struct merkle_fingerprint prints[20];
    for (unsigned i = 0; i < 20; i++) {
        prints[i] = print_of(solo, i);
    }
    pull(solo, prints, 20);
    ck_assert_uint_eq(answer(solo)->entry_count, 9);
    ck_assert_uint_eq(answer(solo)->missing, 0);
    solo_free(solo);
}
END_TEST

START_TEST(all_missing_and_nothing) {
    /* Prints of nothing, more than are looked up at once, are all missing; no prints have an empty answer. */
    struct solo *solo = solo_with(2, 300);
    struct merkle_fingerprint prints[PRINTS_MAX * 2 + 1] = {{{0}}};
    for (size_t i = 0; i < PRINTS_MAX * 2 + 1; i++) {
        prints[i] = (struct merkle_fingerprint){{1, 2, 3, 4, (uint8_t)i}};
    }
    pull(solo, prints, PRINTS_MAX * 2 + 1);
    ck_assert_uint_eq(answer(solo)->missing, PRINTS_MAX * 2 + 1);
    ck_assert_uint_eq(answer(solo)->entry_count, 0);
    pull(solo, prints, 0);
    ck_assert_uint_eq(answer(solo)->missing, 0);
    solo_free(solo);
}
END_TEST

START_TEST(only_what_is_stored) {
    /* G11: what is in flight is not given away. */
    struct solo *solo = solo_with(1, 300);
    const struct merkle_fingerprint before = print_of(solo, 0);
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, "e0", solo_clock(9), 1, 400);
    struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 1,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 1, .entries = &span, .entry_count = 1}});
    pull(solo, &before, 1);
    ck_assert_uint_eq(answer(solo)->missing, 0);
    solo_store_all(solo);
    const struct merkle_fingerprint after = print_of(solo, 0);
    pull(solo, &before, 1);
    ck_assert_uint_eq(answer(solo)->missing, 1);
    pull(solo, &after, 1);
    ck_assert_uint_eq(answer(solo)->missing, 0);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

Suite *recv_pull_suite(void);
Suite *recv_pull_suite(void) {
    Suite *suite = suite_create("recv_pull");
    TCase *receive = tcase_create("recv_pull");
    tcase_add_test(receive, whole_entries_of_the_prints);
    tcase_add_test(receive, ends_at_the_soft_size);
    tcase_add_test(receive, all_missing_and_nothing);
    tcase_add_test(receive, only_what_is_stored);
    suite_add_tcase(suite, receive);
    return suite;
}
