/* test_flight_remove.c - entries that leave beside what is put in the same batch. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>

static struct solo *solo;

static void set_up(void) {
    solo = solo_new();
}

static void tear_down(void) {
    solo_free(solo);
}

static struct catalog_entry *entry_of(const char *entity, catalog_clock clock, uint8_t state) {
    const struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, entity, "c");
    const struct made_line line = {4, clock, state, 'f'};
    return entry_maker_lines(&key, &line, 1);
}

static void put(struct catalog_entry *entry) {
    static const struct gossip__arrival local = {.local = true};
    ck_assert_int_eq(gossip__flight_put(solo->engine, entry, &local), 0);
}

static struct catalog_entry *newest(const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    return catalog_pending_find(solo->engine->catalog, &key);
}

static void store(void) {
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    solo_store_all(solo);
}

START_TEST(put_and_removed_in_one_step) {
    /* What a step puts, however often, and then takes away is not on the disk after its batch, which does removals first. */
    struct catalog_entry *first = entry_of("a", 5, CATALOG_ACTIVE);
    struct catalog_entry *second = entry_of("a", 6, CATALOG_ACTIVE);
    struct catalog_entry *other = entry_of("b", 7, CATALOG_ACTIVE);
    put(first);
    put(other);
    put(second);
    ck_assert_int_eq(gossip__flight_remove(solo->engine, second), 0);
    ck_assert_ptr_null(newest(second));
    store();
    ck_assert_uint_eq(solo->disk.entry_count, 1);
    ck_assert(merkle_digest_equal(&solo->disk.entries[0]->digest, &other->digest));
    ck_assert_uint_eq(solo->disk.state.sum.entry_count, 1);
    catalog_entry_release(first);
    catalog_entry_release(second);
    catalog_entry_release(other);
}
END_TEST

START_TEST(stored_put_again_and_removed) {
    /* The same of an entry that is stored already and put once more, as after the store was opened again. */
    struct catalog_entry *entry = entry_of("a", 5, CATALOG_DROPPED);
    put(entry);
    store();
    ck_assert_uint_eq(solo->disk.entry_count, 1);
    put(entry);
    ck_assert_int_eq(gossip__flight_remove(solo->engine, entry), 0);
    store();
    ck_assert_uint_eq(solo->disk.entry_count, 0);
    ck_assert_uint_eq(catalog_count(solo->engine->catalog).all, 0);
    catalog_entry_release(entry);
}
END_TEST

START_TEST(removed_and_put_in_one_step) {
    /* What is taken away and then put again stands. */
    struct catalog_entry *entry = entry_of("a", 5, CATALOG_ACTIVE);
    struct catalog_entry *again = entry_of("a", 9, CATALOG_ACTIVE);
    put(entry);
    store();
    ck_assert_int_eq(gossip__flight_remove(solo->engine, entry), 0);
    put(again);
    store();
    ck_assert_uint_eq(solo->disk.entry_count, 1);
    ck_assert_ptr_eq(newest(again), again);
    catalog_entry_release(entry);
    catalog_entry_release(again);
}
END_TEST

START_TEST(row_without_entry) {
    /* A row that only the disk has leaves it; memory, which has no entry of it, does not change. */
    struct catalog_entry *entry = entry_of("a", 5, CATALOG_DROPPED);
    pair_disk_store(
        &solo->disk,
        &(struct catalog_batch){.entries = &entry, .entry_count = 1, .state = solo->disk.state});
    uint64_t changes = catalog_count(solo->engine->catalog).changes;
    ck_assert_int_eq(gossip__flight_remove_row(solo->engine, entry), 0);
    store();
    ck_assert_uint_eq(solo->disk.entry_count, 0);
    ck_assert_uint_eq(catalog_count(solo->engine->catalog).changes, changes);
    catalog_entry_release(entry);
}
END_TEST

Suite *flight_remove_suite(void);
Suite *flight_remove_suite(void) {
    Suite *suite = suite_create("flight_remove");
    TCase *removed = tcase_create("flight_remove");
    tcase_add_checked_fixture(removed, set_up, tear_down);
    tcase_add_test(removed, put_and_removed_in_one_step);
    tcase_add_test(removed, stored_put_again_and_removed);
    tcase_add_test(removed, removed_and_put_in_one_step);
    tcase_add_test(removed, row_without_entry);
    suite_add_tcase(suite, removed);
    return suite;
}
