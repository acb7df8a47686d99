/* test_sqlite_store.c - the store as its owner sees it: open, commit, reopen, close, and who is refused. */
#include "catalog/sqlite_store.h"
#include "test/sim/vfs.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_kit_place place;
static struct store_kit_model model;
static struct catalog_store *store;
static struct catalog_load *load;

static void open_store(void) {
    model = (struct store_kit_model){.state = {.incarnation = 0}};
    store = store_kit_open(&place, &load);
}

static void setup(void) {
    store_kit_place_open(&place);
    open_store();
}

static void teardown(void) {
    catalog_load_free(load);
    catalog_store_close(store);
    store_kit_model_close(&model);
    store_kit_place_close(&place);
}

/* Closes and opens; the load is the new one. */
static void again(void) {
    catalog_load_free(load);
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
}

static mode_t mode_of(const char *path) {
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_mode & 07777;
}

/* A store that was made now has nothing, says so, and says so again until something was committed. */
START_TEST(open_makes_a_fresh_store) {
    ck_assert(load->fresh);
    ck_assert(!load->damaged);
    ck_assert_uint_eq(load->entry_count, 0);
    ck_assert_uint_eq(load->member_count, 0);
    again();
    ck_assert(load->fresh);
}
END_TEST

/* Nobody but the owner can read a data directory (DESIGN 9). */
START_TEST(open_makes_private_files) {
    store_kit_fill(store, &model, 0, 1, 100);
    ck_assert_uint_eq(mode_of(place.inside), 0700);
    ck_assert_uint_eq(mode_of(store_kit_file(&place, "catalog.db")), 0600);
    ck_assert_uint_eq(mode_of(store_kit_file(&place, "catalog.db-wal")), 0600);
    ck_assert_uint_eq(mode_of(store_kit_file(&place, "catalog.db-shm")), 0600);
    ck_assert_uint_eq(mode_of(store_kit_file(&place, "lock")), 0600);
}
END_TEST

/* G2: what was committed is there after a close, every field of the state included, and no WAL is left. */
START_TEST(commit_survives_a_close) {
    model.state = (struct catalog_node_state){.node_id = {.bytes = {1, 2}},
                                              .cluster_id = {.bytes = {3}},
                                              .cluster_name = "attune",
                                              .node_name = "n1",
                                              .incarnation = UINT64_MAX,
                                              .high_water = CATALOG_CLOCK_MAX - 100,
                                              .seen = 7,
                                              .horizon = 5,
                                              .ready = true,
                                              .had_entry = true,
                                              .removed = true,
                                              .admitter_id = {.bytes = {4}},
                                              .replaced_id = {.bytes = {[15] = 5}}};
    store_kit_fill(store, &model, 0, STORE_KIT_KEYS, 500);
    catalog_store_close(store);
    ck_assert(!store_kit_file_exists(&place, "catalog.db-wal"));
    catalog_load_free(load);
    store = store_kit_open(&place, &load);
    ck_assert(!load->fresh);
    ck_assert(!load->rows_missing);
    store_kit_model_compare(&model, load);
}
END_TEST

/* A newer version of an entry takes the place of the older, and the last of several batches in a transaction wins. */
START_TEST(commit_replaces_rows_in_order) {
    store_kit_fill(store, &model, 0, 4, 100);
    struct store_kit_model before = {.state = {.incarnation = 0}};
    store_kit_model_copy(&before, &model);
    struct catalog_entry *first_entries[1], *second_entries[1];
    struct catalog_batch first = {.entries = first_entries}, second = {.entries = second_entries};
    store_kit_model_put(&model, 2, 300, &first);
    struct catalog_entry *held = catalog_entry_hold(first_entries[0]);
    store_kit_model_put(&model, 2, 20, &second);
    struct catalog_batch *const both[] = {&first, &second};
    ck_assert_int_eq(catalog_store_commit(store, both, 2), 0);
    catalog_entry_release(held);
    again();
    store_kit_model_compare(&model, load);
    store_kit_model_close(&before);
}
END_TEST

/* Members are replaced by id; clearing forgets those that were there before, not those of the same batch. */
START_TEST(commit_keeps_members) {
    struct catalog_member_row rows[2] = {
        {.id = {.bytes = {1}}, .name = "a", .address = "h:1", .incarnation = 1, .state = 2},
        {.id = {.bytes = {2}}, .name = "b", .address = "h:2", .incarnation = 9, .ready = true}};
    struct catalog_batch batch = {.members = rows, .member_count = 2};
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    rows[0].incarnation = 4;
    batch.member_count = 1;
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    again();
    ck_assert_uint_eq(load->member_count, 2);
    ck_assert_mem_eq(load->members[0].id.bytes, rows[0].id.bytes, 16);
    ck_assert_uint_eq(load->members[0].incarnation, 4);
    ck_assert_uint_eq(load->members[0].state, 2);
    ck_assert_str_eq(load->members[1].name, "b");
    ck_assert_str_eq(load->members[1].address, "h:2");
    ck_assert(load->members[1].ready);
    batch.members_cleared = true;
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    again();
    ck_assert_uint_eq(load->member_count, 1);
    ck_assert_str_eq(load->members[0].name, "a");
}
END_TEST

/* A directory that another store holds is refused before it is touched, and the problem names the process. */
START_TEST(open_refuses_a_directory_in_use) {
    struct catalog_store *second = NULL;
    struct catalog_load *second_load = NULL;
    struct catalog_problem problem;
    ck_assert_int_eq(catalog_store_open(&merkle_allocator_libc, place.inside, "", &second,
                                        &second_load, &problem),
                     CATALOG_EINUSE);
    ck_assert_int_eq(problem.code, CATALOG_EINUSE);
    char expected[32];
    (void)snprintf(expected, sizeof expected, "process %ld", (long)getpid());
    ck_assert_ptr_nonnull(strstr(problem.message, expected));
}
END_TEST

static int open_code(const char *directory, const char *cluster, struct catalog_problem *problem) {
    struct catalog_store *other = NULL;
    struct catalog_load *other_load = NULL;
    int result = catalog_store_open(&merkle_allocator_libc, directory, cluster, &other, &other_load,
                                    problem);
    if (result == 0) {
        catalog_load_free(other_load);
        catalog_store_close(other);
    }
    return result;
}

/* The data of one cluster is not opened for another (FAULTS M8), and is left as it is. */
START_TEST(open_refuses_another_cluster) {
    (void)strcpy(model.state.cluster_name, "blue");
    store_kit_fill(store, &model, 0, 3, 100);
    catalog_load_free(load);
    catalog_store_close(store);
    struct catalog_problem problem;
    ck_assert_int_eq(open_code(place.inside, "green", &problem), CATALOG_ECLUSTER);
    ck_assert_ptr_nonnull(strstr(problem.message, "blue"));
    ck_assert_int_eq(open_code(place.inside, "blue", &problem), 0);
    store = store_kit_open(&place, &load);
    store_kit_model_compare(&model, load);
}
END_TEST

/* A file of a newer format is refused and not changed (FAULTS D12). */
START_TEST(open_refuses_a_newer_format) {
    store_kit_fill(store, &model, 0, 3, 100);
    catalog_load_free(load);
    catalog_store_close(store);
    (void)store_kit_sql(&place, NULL, "PRAGMA user_version = 4");
    struct catalog_problem problem;
    ck_assert_int_eq(open_code(place.inside, "", &problem), CATALOG_EFORMAT);
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
    (void)store_kit_sql(&place, NULL, "PRAGMA user_version = 3");
    store = store_kit_open(&place, &load);
    store_kit_model_compare(&model, load);
}
END_TEST

/* An operator can read the file while it is in use, and tables of his own do not matter. */
START_TEST(operators_can_read) {
    store_kit_fill(store, &model, 0, 5, 100);
    ck_assert_int_eq(store_kit_sql(&place, NULL, "SELECT count(*) FROM entries"), 5);
    ck_assert_int_eq(
        store_kit_sql(&place, NULL, "SELECT count(*) FROM entries WHERE key = '9/entity0/name3'"),
        1);
    (void)store_kit_sql(&place, NULL, "CREATE VIEW mine AS SELECT key FROM entries");
    store_kit_fill(store, &model, 3, 5, 100);
    again();
    store_kit_model_compare(&model, load);
}
END_TEST

/* The WAL does not grow with the number of commits (FAULTS D9). */
START_TEST(wal_stays_small) {
    for (unsigned i = 0; i < 400; i++) {
        store_kit_fill(store, &model, 0, 8, 8000);
    }
    struct stat wal, database;
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db-wal"), &wal), 0);
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db"), &database), 0);
    ck_assert_int_lt(wal.st_size, 1200 * 4200);
    ck_assert_int_lt(database.st_size, 400 * 1000);
}
END_TEST

/* Every allocation may fail while a store is opened: nothing is lost, nothing is leaked, and no lock stays. */
START_TEST(open_survives_short_memory) {
    struct catalog_member_row member = {.id = {.bytes = {1}}, .name = "a"};
    struct catalog_batch batch = {.members = &member, .member_count = 1};
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    store_kit_fill(store, &model, 0, 3, 100);
    catalog_load_free(load);
    catalog_store_close(store);
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_problem problem;
        int result = catalog_store_open(&allocator, place.inside, "", &store, &load, &problem);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 0);
            store_kit_model_compare(&model, load);
            catalog_load_free(load);
            catalog_store_close(store);
            ck_assert_uint_eq(fault.live_blocks, 0);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_int_eq(problem.code, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
        ck_assert_uint_eq(fault.live_blocks, 0);
    }
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
    store = store_kit_open(&place, &load);
}
END_TEST

/* Descriptors that have run out are no matter of owners and modes, and pass: whichever of them is missing, opening says so
 * and holds nothing. */
START_TEST(open_survives_short_descriptors) {
    store_kit_fill(store, &model, 0, 3, 100);
    catalog_load_free(load);
    catalog__store_disconnect(store, false);
    catalog_store_close(store);
    struct rlimit limit, before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    int first_free = dup(0);
    ck_assert_int_ge(first_free, 0);
    (void)close(first_free);
    size_t refused = 0;
    for (limit.rlim_cur = (rlim_t)first_free;; limit.rlim_cur++) {
        struct catalog_problem problem;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        int result =
            catalog_store_open(&merkle_allocator_libc, place.inside, "", &store, &load, &problem);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (result == 0) {
            break;
        }
        ck_assert_msg(result == CATALOG_EIO, "%lu descriptors: %d %s",
                      (unsigned long)limit.rlim_cur, result, problem.message);
        ck_assert_ptr_nonnull(strstr(problem.message, "Too many open files"));
        ck_assert_ptr_null(strstr(problem.message, "owns"));
        refused++;
    }
    ck_assert_uint_gt(refused, 2);
    store_kit_model_compare(&model, load);
}
END_TEST

/* --- failures ------------------------------------------------------------------------------------------------------ */

static struct vfs vfs;

static void setup_vfs(void) {
    store_kit_place_open(&place);
    vfs_open(&vfs, place.directory, 1);
    catalog__store_vfs = "recording";
    open_store();
    store_kit_fill(store, &model, 0, 10, 400);
}

static void teardown_vfs(void) {
    vfs.fault = (struct vfs_fault){.calls = 0};
    teardown();
    catalog__store_vfs = NULL;
    vfs_close(&vfs);
}

/* One more commit; its result. The model is that of before if it fails. */
static int commit_one(void) {
    struct store_kit_model before = {.state = {.incarnation = 0}};
    store_kit_model_copy(&before, &model);
    struct catalog_entry *entries[1];
    struct catalog_batch batch = {.entries = entries};
    store_kit_model_put(&model, 3, 2000, &batch);
    int result = store_kit_commit(store, &batch);
    if (result != 0) {
        store_kit_model_copy(&model, &before);
    }
    store_kit_model_close(&before);
    return result;
}

/* G2, FAULTS D1: a full disk fails the commit; nothing more is taken until a reopen has proved that there is room, and then
 * all that was acknowledged is there. */
START_TEST(full_disk_stops_until_there_is_room) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_WRITES, .repeat = true, .full = true};
    ck_assert_int_eq(commit_one(), CATALOG_EFULL);
    vfs.fault.calls = 0;
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    vfs.fault.calls = VFS_FAIL_WRITES;
    struct catalog_load *reopened = NULL;
    struct catalog_problem problem;
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, &problem), CATALOG_EFULL);
    ck_assert_ptr_nonnull(strstr(problem.message, "room"));
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    vfs.fault.calls = 0;
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, &problem), 0);
    store_kit_model_compare(&model, reopened);
    catalog_load_free(reopened);
    ck_assert_int_eq(commit_one(), 0);
    again();
    store_kit_model_compare(&model, load);
}
END_TEST

/* FAULTS D2: a sync that failed once is not believed afterwards: only a reopen counts, and it finds the state before the
 * commit or the one after. */
START_TEST(failed_sync_stops_until_reopened) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS};
    uint64_t high_water = model.state.high_water;
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    ck_assert_uint_eq(vfs.fault.fired, 1);
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    struct catalog_load *reopened = NULL;
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, NULL), 0);
    ck_assert_uint_ge(reopened->state.high_water, high_water);
    ck_assert_uint_le(reopened->state.high_water, high_water + 1);
    ck_assert_uint_eq(reopened->state.sum.entry_count, reopened->entry_count);
    catalog_load_free(reopened);
}
END_TEST

/* Whatever write or sync fails, at whichever count: a commit succeeds and stays, or fails and is all there or not at all. */
START_TEST(every_write_and_sync_may_fail) {
    size_t fired = 0;
    for (unsigned calls = VFS_FAIL_WRITES; calls <= VFS_FAIL_SYNCS; calls++) {
        for (size_t allowed = 0; allowed < 12; allowed++) {
            vfs.fault = (struct vfs_fault){.calls = calls, .allowed = allowed, .full = allowed % 2};
            uint64_t high_water = model.state.high_water;
            int result = commit_one();
            if (result == 0 && vfs.fault.fired == 0) {
                vfs.fault.calls = 0;
                break; /* no commit makes that many calls */
            }
            fired += vfs.fault.fired;
            vfs.fault.calls = 0;
            struct catalog_load *reopened = NULL;
            ck_assert_int_eq(catalog_store_reopen(store, &reopened, NULL), 0);
            if (result == 0 || reopened->state.high_water == high_water) {
                store_kit_model_compare(&model, reopened);
            } else {
                ck_assert_uint_eq(reopened->state.high_water, high_water + 1);
                store_kit_model_put(&model, 3, 2000, NULL);
                store_kit_model_compare(&model, reopened);
            }
            catalog_load_free(reopened);
        }
    }
    ck_assert_uint_gt(fired, 2);
}
END_TEST

/* FAULTS D10, D12, M8: while the store had failed, somebody put another file, or another owner, in the place of its own. A
 * reopen says which, takes no commits, keeps the lock, changes nothing, and succeeds when all is as before. */
START_TEST(reopen_waits_until_the_files_are_right) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS};
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    vfs.fault.calls = 0;
    struct catalog_load *reopened = NULL;
    struct catalog_problem problem;
    (void)store_kit_sql(&place, NULL, "PRAGMA user_version = 4");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(catalog_store_reopen(store, &reopened, &problem), CATALOG_EFORMAT);
        ck_assert_ptr_nonnull(strstr(problem.message, "install a newer one"));
        ck_assert_int_eq(commit_one(), CATALOG_EIO);
    }
    ck_assert_int_eq(open_code(place.inside, "", &problem), CATALOG_EINUSE);
    (void)store_kit_sql(&place, NULL, "PRAGMA user_version = 3");
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, NULL), 0);
    catalog_load_free(reopened);
    (void)strcpy(store->cluster_name, "green"); /* as if the file were blue's */
    (void)strcpy(model.state.cluster_name, "blue");
    ck_assert_int_eq(commit_one(), 0);
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, &problem), CATALOG_ECLUSTER);
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    store->cluster_name[0] = '\0';
    ck_assert_int_eq(rename(store_kit_file(&place, "catalog.db"), store_kit_file(&place, "away")),
                     0);
    ck_assert_int_eq(mkdir(store_kit_file(&place, "catalog.db"), 0700), 0);
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, &problem), CATALOG_EPERMISSION);
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    ck_assert_int_eq(rmdir(store_kit_file(&place, "catalog.db")), 0);
    ck_assert_int_eq(rename(store_kit_file(&place, "away"), store_kit_file(&place, "catalog.db")),
                     0);
    ck_assert_int_eq(catalog_store_reopen(store, &reopened, NULL), 0);
    ck_assert(!reopened->damaged);
    catalog_load_free(reopened);
    ck_assert_int_eq(commit_one(), 0);
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
}
END_TEST

/* FAULTS D3: a disk that cannot be read fails the reopen, and the file is not taken for a damaged one. */
START_TEST(unreadable_disk_is_no_damage) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS};
    ck_assert_int_eq(commit_one(), CATALOG_EIO);
    size_t fired = 0;
    for (size_t allowed = 0; allowed < 40; allowed++) {
        vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_READS, .allowed = allowed, .repeat = true};
        struct catalog_load *reopened = NULL;
        int result = catalog_store_reopen(store, &reopened, NULL);
        fired += vfs.fault.fired > 0;
        ck_assert(vfs.fault.fired == 0 || result == CATALOG_EIO);
        if (result == 0) {
            ck_assert(!reopened->damaged);
            catalog_load_free(reopened);
        }
        ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
    }
    ck_assert_uint_gt(fired, 5);
}
END_TEST

Suite *sqlite_store_suite(void);

Suite *sqlite_store_suite(void) {
    Suite *suite = suite_create("sqlite_store");
    TCase *opening = tcase_create("catalog_store_open");
    tcase_add_checked_fixture(opening, setup, teardown);
    tcase_add_test(opening, open_makes_a_fresh_store);
    tcase_add_test(opening, open_makes_private_files);
    tcase_add_test(opening, open_refuses_a_directory_in_use);
    tcase_add_test(opening, open_refuses_another_cluster);
    tcase_add_test(opening, open_refuses_a_newer_format);
    tcase_add_test(opening, open_survives_short_memory);
    tcase_add_test(opening, open_survives_short_descriptors);
    suite_add_tcase(suite, opening);
    TCase *commit = tcase_create("catalog_store_commit");
    tcase_add_checked_fixture(commit, setup, teardown);
    tcase_add_test(commit, commit_survives_a_close);
    tcase_add_test(commit, commit_replaces_rows_in_order);
    tcase_add_test(commit, commit_keeps_members);
    tcase_add_test(commit, operators_can_read);
    tcase_add_test(commit, wal_stays_small);
    suite_add_tcase(suite, commit);
    TCase *reopen = tcase_create("catalog_store_reopen");
    tcase_add_checked_fixture(reopen, setup_vfs, teardown_vfs);
    tcase_add_test(reopen, full_disk_stops_until_there_is_room);
    tcase_add_test(reopen, failed_sync_stops_until_reopened);
    tcase_add_test(reopen, every_write_and_sync_may_fail);
    tcase_add_test(reopen, reopen_waits_until_the_files_are_right);
    tcase_add_test(reopen, unreadable_disk_is_no_damage);
    suite_add_tcase(suite, reopen);
    return suite;
}
