/* test_sqlite_kept.c - rows that leave: removals, a start from empty, and what is kept of it until it is in a file. */
#include "catalog/sqlite_store.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <string.h>

enum { BATCHES = 4 };

static struct store_kit_place place;
static struct store_kit_model model;
static struct catalog_store *store;
static struct catalog_load *load;

static void setup(void) {
    store_kit_place_open(&place);
    model = (struct store_kit_model){.state = {.incarnation = 0}};
    store = store_kit_open(&place, &load);
    store_kit_fill(store, &model, 0, 12, 100);
}

static void teardown(void) {
    catalog_load_free(load);
    catalog_store_close(store);
    store_kit_model_close(&model);
    store_kit_place_close(&place);
}

static void again(void) {
    catalog_load_free(load);
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
}

/* The file is sound, and holds the model. */
static void expect_model(void) {
    again();
    ck_assert(!load->damaged && !load->rows_missing);
    ck_assert_uint_eq(load->quarantined_count, 0);
    store_kit_model_compare(&model, load);
    ck_assert_int_eq(store_kit_sql(&place, NULL, "SELECT count(*) FROM entries"),
                     (int64_t)model.state.sum.entry_count);
}

/* Batches with room for what they are given. */
struct batches {
    struct catalog_entry *entries[BATCHES][STORE_KIT_KEYS], *removed[BATCHES][STORE_KIT_KEYS];
    struct catalog_batch all[BATCHES];
    struct catalog_batch *order[BATCHES];
};

static struct batches *batches_open(void) {
    static struct batches batches;
    for (size_t i = 0; i < BATCHES; i++) {
        batches.all[i] =
            (struct catalog_batch){.entries = batches.entries[i], .removed = batches.removed[i]};
        batches.order[i] = &batches.all[i];
    }
    return &batches;
}

static void commit(struct batches *batches, size_t count) {
    batches->all[count - 1].state = model.state;
    ck_assert_int_eq(catalog_store_commit(store, batches->order, count), 0);
}

/* --- removals ------------------------------------------------------------------------------------------------------ */

/* A row leaves by its key, whatever stands in it; a key that has none is no fault; the sum still fits the rows. */
START_TEST(rows_leave_by_their_key) {
    struct batches *batches = batches_open();
    store_kit_model_remove(&model, 3, &batches->all[0]);
    struct catalog_entry *old = model.removed[3];
    commit(batches, 1);
    expect_model();
    batches = batches_open();
    batches->removed[0][0] = old; /* not there any more */
    batches->all[0].removed_count = 1;
    commit(batches, 1);
    expect_model();
    batches = batches_open();
    store_kit_model_put(&model, 3, 200, &batches->all[0]);
    commit(batches, 1);
    expect_model();
    batches = batches_open();
    store_kit_model_remove(&model, 3, &batches->all[0]); /* by the entry of long ago */
    ck_assert_ptr_eq(batches->removed[0][0], old);
    commit(batches, 1);
    expect_model();
}
END_TEST

/* Within a batch removals come before entries; between batches the order is that of the batches. */
START_TEST(removed_and_put_in_order) {
    struct batches *batches = batches_open();
    store_kit_model_remove(&model, 1, &batches->all[0]);
    store_kit_model_put(&model, 1, 300, &batches->all[0]); /* stays */
    store_kit_model_remove(&model, 2, &batches->all[0]);
    store_kit_model_put(&model, 2, 300, &batches->all[1]); /* stays */
    struct catalog_entry *held = catalog_entry_hold(batches->entries[1][0]);
    store_kit_model_put(&model, 20, 300, &batches->all[1]);
    store_kit_model_remove(&model, 20, &batches->all[2]); /* gone */
    store_kit_model_remove(&model, 4, &batches->all[2]);
    commit(batches, 3);
    catalog_entry_release(held);
    expect_model();
    ck_assert_uint_eq(model.state.sum.entry_count, 11);
}
END_TEST

/* --- a start from empty -------------------------------------------------------------------------------------------- */

/* One transaction forgets all entries, keeps them aside, bears the new id and the first entries of the new life; a commit
 * later they are still there, and gone when they are cleared. */
START_TEST(starts_empty_and_keeps) {
    struct batches *batches = batches_open();
    store_kit_model_put(&model, 30, 100, &batches->all[0]);
    model.state.replaced_id = model.state.node_id;
    model.state.node_id.bytes[3] = 9;
    store_kit_model_reset(&model, &batches->all[1]);
    store_kit_model_put(&model, 5, 100, &batches->all[1]);
    store_kit_model_put(&model, 6, 100, &batches->all[2]);
    store_kit_model_remove(&model, 5, &batches->all[3]);
    commit(batches, 4);
    expect_model();
    ck_assert_uint_eq(load->kept_count, 13);
    ck_assert_uint_eq(load->entry_count, 1);
    store_kit_fill(store, &model, 0, 5, 100);
    expect_model();
    batches = batches_open();
    store_kit_model_clear_kept(&model, &batches->all[0]);
    commit(batches, 1);
    expect_model();
    ck_assert_int_eq(store_kit_sql(&place, NULL, "SELECT count(*) FROM kept"), 0);
}
END_TEST

/* A second start from empty forgets what the first one kept, and keeps what was there then. */
START_TEST(starts_empty_twice) {
    struct batches *batches = batches_open();
    store_kit_model_reset(&model, &batches->all[0]);
    commit(batches, 1);
    store_kit_fill(store, &model, 40, 3, 100);
    batches = batches_open();
    store_kit_model_reset(&model, &batches->all[0]);
    commit(batches, 1);
    expect_model();
    ck_assert_uint_eq(load->kept_count, 3);
}
END_TEST

/* --- damage -------------------------------------------------------------------------------------------------------- */

static const char *const damages[] = {
    "UPDATE kept SET digest = x'00112233445566778899aabbccddeeff' WHERE id = 2",
    "UPDATE kept SET bytes = zeroblob(60) WHERE id = 2",
    "UPDATE kept SET slot = slot + 1 WHERE id = 2",
    "UPDATE kept SET key = 'x' WHERE id = 2",
    "DELETE FROM kept WHERE id = 2",
    "UPDATE kept SET bytes = (SELECT bytes FROM kept WHERE id = 3), key = (SELECT key FROM kept "
    "WHERE id = 3), slot = (SELECT slot FROM kept WHERE id = 3), digest = (SELECT digest FROM kept "
    "WHERE id = 3) WHERE id = 2",
};
enum { DAMAGE_COUNT = sizeof damages / sizeof damages[0] };

/* A row of what was kept that is bad, gone or another's is told, and left out if it is bad; nothing else suffers, nothing has to be
 * healed, the row stays for whoever wants to look, until the table is cleared. */
START_TEST(bad_rows_are_told) {
    struct batches *batches = batches_open();
    store_kit_model_reset(&model, &batches->all[0]);
    store_kit_model_put(&model, 1, 100, &batches->all[0]);
    commit(batches, 1);
    (void)store_kit_sql(&place, NULL, damages[_i]);
    again();
    again(); /* told at each start */
    ck_assert(!load->damaged && !load->rows_missing && !load->state.healing);
    ck_assert_uint_eq(load->quarantined_count, 0);
    ck_assert_uint_eq(load->entry_count, 1);
    ck_assert_uint_eq(load->kept_lost_count, 1);
    ck_assert_uint_eq(load->kept_count, _i == DAMAGE_COUNT - 1 ? 12 : 11);
    for (size_t i = 0; i < load->kept_count; i++) {
        ck_assert(_i == DAMAGE_COUNT - 1 ||
                  load->kept[i]->clock != 2); /* the second key's, of the clock 2 */
    }
    batches = batches_open();
    store_kit_model_clear_kept(&model, &batches->all[0]);
    commit(batches, 1);
    expect_model();
}
END_TEST

/* Short memory while it is read: an error, nothing leaked, and all is there afterwards. */
START_TEST(reading_survives_short_memory) {
    struct batches *batches = batches_open();
    store_kit_model_reset(&model, &batches->all[0]);
    store_kit_model_put(&model, 1, 100, &batches->all[0]);
    commit(batches, 1);
    catalog_load_free(load);
    catalog_store_close(store);
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        int result = catalog_store_open(&allocator, place.inside, "", &store, &load, NULL);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 12);
            catalog_load_free(load);
            catalog_store_close(store);
            ck_assert_uint_eq(fault.live_blocks, 0);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.live_blocks, 0);
    }
    store = store_kit_open(&place, &load);
    expect_model();
}
END_TEST

Suite *sqlite_kept_suite(void);
Suite *sqlite_kept_suite(void) {
    Suite *suite = suite_create("sqlite_kept");
    TCase *removed = tcase_create("rows_removed");
    tcase_add_checked_fixture(removed, setup, teardown);
    tcase_add_test(removed, rows_leave_by_their_key);
    tcase_add_test(removed, removed_and_put_in_order);
    suite_add_tcase(suite, removed);
    TCase *kept = tcase_create("catalog__kept_put");
    tcase_add_checked_fixture(kept, setup, teardown);
    tcase_add_test(kept, starts_empty_and_keeps);
    tcase_add_test(kept, starts_empty_twice);
    suite_add_tcase(suite, kept);
    TCase *damage = tcase_create("catalog__kept_read");
    tcase_add_checked_fixture(damage, setup, teardown);
    tcase_add_loop_test(damage, bad_rows_are_told, 0, DAMAGE_COUNT);
    tcase_add_test(damage, reading_survives_short_memory);
    suite_add_tcase(suite, damage);
    return suite;
}
