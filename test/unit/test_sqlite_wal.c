/* test_sqlite_wal.c - before a WAL is read, it is written again and synced, and so is its name. */
#include "catalog/sqlite_store.h"
#include "test/sim/vfs.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <sys/stat.h>

static struct store_kit_place place;
static struct store_kit_model model;
static struct vfs vfs;

/* A killed process leaves a WAL. */
static void setup(void) {
    store_kit_place_open(&place);
    vfs_open(&vfs, place.directory, 1);
    catalog__store_vfs = "recording";
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    store_kit_fill(store, &model, 0, 5, 400);
    catalog__store_disconnect(store, false);
    catalog_store_close(store);
    vfs.recording = true;
}

static void teardown(void) {
    catalog__store_vfs = NULL;
    vfs_close(&vfs);
    store_kit_model_close(&model);
    store_kit_place_close(&place);
}

static const struct vfs_step *find_step(enum vfs_operation operation) {
    for (size_t i = vfs.step_first; i < vfs.step_count; i++) {
        const struct vfs_step *step = vfs_step(&vfs, i);
        if (step->operation == operation && step->file == VFS_WAL) {
            return step;
        }
    }
    return NULL;
}

/* G11: what an opening shows outlasts a power cut: all of the WAL is written and synced, and its directory too. */
START_TEST(wal_is_written_and_named_again) {
    struct stat status;
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db-wal"), &status), 0);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    store_kit_model_compare(&model, load);
    const struct vfs_step *write = find_step(VFS_WRITE), *sync = find_step(VFS_SYNC);
    const struct vfs_step *directory_sync = find_step(VFS_DIRECTORY_SYNC);
    ck_assert_ptr_nonnull(write);
    ck_assert_uint_eq(write->offset, 0);
    ck_assert_uint_eq(write->size_bytes, (size_t)status.st_size);
    ck_assert_ptr_nonnull(sync);
    ck_assert_ptr_nonnull(directory_sync);
    ck_assert(write < sync && sync < directory_sync);
    catalog_load_free(load);
    catalog_store_close(store);
}
END_TEST

/* Without a WAL nothing is made in its place. */
START_TEST(no_wal_is_made) {
    struct catalog_load *load = NULL;
    catalog_store_close(store_kit_open(&place, &load));
    catalog_load_free(load);
    ck_assert(!store_kit_file_exists(&place, "catalog.db-wal"));
    struct catalog_store store = {.allocator = &merkle_allocator_libc};
    struct catalog_problem problem;
    ck_assert_int_eq(catalog__directory_open(place.inside, &store.directory, &problem), 0);
    ck_assert_int_eq(catalog__store_renew_wal(&store, &problem), 0);
    catalog__directory_close(&store.directory);
    ck_assert(!store_kit_file_exists(&place, "catalog.db-wal"));
}
END_TEST

Suite *sqlite_wal_suite(void);

Suite *sqlite_wal_suite(void) {
    Suite *suite = suite_create("sqlite_wal");
    TCase *renew = tcase_create("catalog__store_renew_wal");
    tcase_add_checked_fixture(renew, setup, teardown);
    tcase_add_test(renew, wal_is_written_and_named_again);
    tcase_add_test(renew, no_wal_is_made);
    suite_add_tcase(suite, renew);
    return suite;
}
