/* test_sqlite_shrink.c - what removals leave empty is given back to the file system. */
#include "catalog/sqlite_store.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <sys/stat.h>

static struct store_kit_place place;
static struct store_kit_model model;

static void setup(void) {
    model = (struct store_kit_model){0};
    store_kit_place_open(&place);
}

static void teardown(void) {
    store_kit_model_close(&model);
    store_kit_place_close(&place);
}

static off_t file_size(void) {
    struct stat status;
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db"), &status), 0);
    return status.st_size;
}

static void remove_keys(struct catalog_store *store, unsigned first, unsigned count) {
    struct catalog_entry *removed[STORE_KIT_KEYS];
    struct catalog_batch batch = {.ticket = 1, .removed = removed};
    for (unsigned i = 0; i < count; i++) {
        store_kit_model_remove(&model, first + i, &batch);
    }
    ck_assert_uint_eq(batch.removed_count, count);
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
}

/* Opens again, compares with the model, and returns the size of the file. */
static off_t reopened_size(struct catalog_store *store) {
    struct catalog_load *load;
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
    catalog_store_close(store);
    return file_size();
}

static struct catalog_store *filled(size_t body_size_bytes) {
    struct catalog_load *load;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    store_kit_fill(store, &model, 0, STORE_KIT_KEYS, body_size_bytes);
    return store;
}

/* What removals leave empty is cut off the file at the next checkpoint, and the rest is whole. */
START_TEST(file_becomes_small_again) {
    off_t large = reopened_size(filled(30000));
    ck_assert_int_gt(large, 1000000);
    struct catalog_load *load;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    remove_keys(store, 2, STORE_KIT_KEYS - 2);
    ck_assert_int_lt(file_size(), large / 8); /* at once, not when it is closed */
    ck_assert_int_lt(reopened_size(store), large / 8);
}
END_TEST

/* One commit moves a bounded number of pages; the next ones go on. */
START_TEST(work_of_a_commit_is_bounded) {
    catalog__shrink_limits = (struct catalog__shrink_limits){16, 32};
    struct catalog_store *store = filled(30000);
    int64_t pages = store_kit_sql(&place, NULL, "PRAGMA page_count");
    for (unsigned i = 0; i < STORE_KIT_KEYS; i += 4) {
        remove_keys(store, i, 4);
        int64_t left = store_kit_sql(&place, NULL, "PRAGMA page_count");
        ck_assert_int_le(pages - left, 32);
        ck_assert_int_lt(left, pages);
        pages = left;
    }
    (void)reopened_size(store);
    catalog__shrink_limits = (struct catalog__shrink_limits){16, 512};
}
END_TEST

/* A few free pages are left for rows to come. */
START_TEST(a_little_is_left) {
    struct catalog_store *store = filled(3000);
    int64_t pages = store_kit_sql(&place, NULL, "PRAGMA page_count");
    remove_keys(store, 0, 4);
    ck_assert_int_eq(store_kit_sql(&place, NULL, "PRAGMA page_count"), pages);
    ck_assert_int_gt(store_kit_sql(&place, NULL, "PRAGMA freelist_count"), 0);
    (void)reopened_size(store);
}
END_TEST

Suite *sqlite_shrink_suite(void);
Suite *sqlite_shrink_suite(void) {
    Suite *suite = suite_create("sqlite_shrink");
    TCase *shrink = tcase_create("store_shrink");
    tcase_add_checked_fixture(shrink, setup, teardown);
    tcase_add_test(shrink, file_becomes_small_again);
    tcase_add_test(shrink, work_of_a_commit_is_bounded);
    tcase_add_test(shrink, a_little_is_left);
    suite_add_tcase(suite, shrink);
    return suite;
}
