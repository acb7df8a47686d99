/* test_store_thread.c - the thread that commits off the loop: order, batching, failures, the way back, the end. */
#include "catalog/sqlite_store.h"
#include "test/sim/vfs.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

static struct store_kit_place place;
static struct store_kit_model model;
static struct catalog_store *store;
static struct catalog_store_thread *thread;
static int wake[2];  /* a pipe: the thread's notify writes, the test reads */
static size_t wakes; /* bytes read from it */
static struct vfs vfs;

static void notify(void *context) {
    const int *end = context;
    char byte = 1;
    ck_assert_int_eq(write(*end, &byte, 1), 1);
}

static void setup(void) {
    store_kit_place_open(&place);
    vfs_open(&vfs, place.directory, 1);
    catalog__store_vfs = "recording";
    model = (struct store_kit_model){.state = {.incarnation = 0}};
    struct catalog_load *load = NULL;
    store = store_kit_open(&place, &load);
    catalog_load_free(load);
    wakes = 0;
    ck_assert_int_eq(pipe(wake), 0);
    ck_assert_int_eq(
        catalog_store_thread_start(&merkle_allocator_libc, store, notify, &wake[1], &thread), 0);
}

static void teardown(void) {
    catalog_store_thread_stop(thread);
    catalog_store_close(store);
    store_kit_model_close(&model);
    catalog__store_vfs = NULL;
    vfs_close(&vfs);
    store_kit_place_close(&place);
    (void)close(wake[0]);
    (void)close(wake[1]);
}

/* One entry under this ticket. */
static int submit(uint64_t ticket) {
    struct catalog_entry *entries[1];
    struct catalog_batch batch = {.ticket = ticket, .entries = entries};
    store_kit_model_put(&model, (unsigned)(ticket % STORE_KIT_KEYS), 100, &batch);
    model.state.incarnation = ticket;
    batch.state = model.state;
    int result = catalog_store_thread_submit(thread, &batch);
    memset(entries, 0, sizeof entries); /* the batch was copied: nobody looks here any more */
    return result;
}

static void wait_for_wake(void) {
    struct pollfd ready = {.fd = wake[0], .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, WAIT_MS), 1);
    char bytes[64];
    ssize_t size = read(wake[0], bytes, sizeof bytes);
    ck_assert_int_gt(size, 0);
    wakes += (size_t)size;
}

/* Waits until something can be taken, and takes one. */
static struct catalog_store_done take_one(void) {
    struct catalog_store_done done;
    while (catalog_store_thread_take(thread, &done, 1) == 0) {
        wait_for_wake();
    }
    return done;
}

/* Every batch comes back once, in order, and all of them are on disk when the thread has stopped. */
START_TEST(batches_come_back_in_order) {
    enum { BATCHES = 300 };
    for (uint64_t ticket = 1; ticket <= BATCHES; ticket++) {
        ck_assert_int_eq(submit(ticket), 0);
    }
    for (uint64_t ticket = 1; ticket <= BATCHES; ticket++) {
        struct catalog_store_done done = take_one();
        ck_assert_uint_eq(done.ticket, ticket);
        ck_assert_int_eq(done.result, 0);
        ck_assert_ptr_null(done.reopened);
    }
    struct catalog_store_done none;
    ck_assert_uint_eq(catalog_store_thread_take(thread, &none, 1), 0);
    struct catalog_load *load = NULL;
    catalog_store_thread_stop(thread);
    thread = NULL;
    ck_assert_int_eq(catalog_store_reopen(store, &load, NULL), 0);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
}
END_TEST

/* Batches that wait while a commit runs go into the next one together, and each commit is timed. */
START_TEST(waiting_batches_share_a_commit) {
    enum { BATCHES = 500 };
    for (uint64_t ticket = 1; ticket <= BATCHES; ticket++) {
        ck_assert_int_eq(submit(ticket), 0);
    }
    while (take_one().ticket != BATCHES) {
    }
    struct catalog_store_times times = catalog_store_thread_times(thread);
    ck_assert_uint_ge(times.count, 1);
    ck_assert_uint_lt(times.count, BATCHES / 2);
    ck_assert_uint_eq(times.failed_count, 0);
    ck_assert_double_gt(times.sum_seconds, 0);
    uint64_t counted = 0;
    for (size_t i = 0; i < CATALOG_STORE_BUCKETS; i++) {
        counted += times.buckets[i];
    }
    ck_assert_uint_le(counted, times.count);
    ck_assert_uint_gt(counted, 0);
}
END_TEST

/* Bounds of the histogram rise, as Prometheus wants them. */
START_TEST(bounds_rise) {
    for (size_t i = 1; i < CATALOG_STORE_BUCKETS; i++) {
        ck_assert_double_lt(catalog_store_bounds[i - 1], catalog_store_bounds[i]);
    }
}
END_TEST

/* G2: when a commit fails, it and all that is submitted until `reopened` has been taken fail; then work goes on. The load
 * that comes with it is what the disk has. */
START_TEST(failure_fails_all_behind_it) {
    ck_assert_int_eq(submit(1), 0);
    ck_assert_int_eq(take_one().result, 0);
    struct store_kit_model stored = {.state = {.incarnation = 0}};
    store_kit_model_copy(&stored, &model);
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_WRITES, .full = true};
    ck_assert_int_eq(submit(2), 0);
    struct catalog_store_done done = take_one();
    ck_assert_uint_eq(done.ticket, 2);
    ck_assert_int_eq(done.result, CATALOG_EFULL);
    ck_assert_int_eq(submit(3), 0);
    ck_assert_int_eq(submit(4), 0);
    uint64_t failed = 0;
    for (done = take_one(); done.reopened == NULL; done = take_one()) {
        ck_assert_uint_eq(done.ticket, 3 + failed);
        ck_assert_int_eq(done.result, CATALOG_EFULL);
        failed++;
    }
    ck_assert_uint_eq(done.ticket, 0);
    store_kit_model_compare(&stored, done.reopened);
    catalog_load_free(done.reopened);
    /* Had `reopened` come first, the others were behind it, and taken. */
    ck_assert_uint_eq(failed, 2);
    store_kit_model_copy(&model, &stored);
    ck_assert_int_eq(submit(5), 0);
    done = take_one();
    ck_assert_uint_eq(done.ticket, 5);
    ck_assert_int_eq(done.result, 0);
    ck_assert_uint_eq(catalog_store_thread_times(thread).failed_count, 1);
    store_kit_model_close(&stored);
}
END_TEST

/* What is submitted after the store works again, but before the owner knows, fails too, and comes before `reopened`. */
START_TEST(owner_who_does_not_know_yet_fails) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS};
    ck_assert_int_eq(submit(1), 0);
    ck_assert_int_eq(take_one().result, CATALOG_EIO);
    while (wakes < 2) {
        wait_for_wake(); /* the second one says that `reopened` is there; it is not taken */
    }
    ck_assert_int_eq(submit(2), 0);
    ck_assert_int_eq(submit(3), 0);
    struct catalog_store_done done[4];
    ck_assert_uint_eq(catalog_store_thread_take(thread, done, 1), 1);
    ck_assert_uint_eq(catalog_store_thread_take(thread, done + 1, 3), 2);
    ck_assert_uint_eq(done[0].ticket, 2);
    ck_assert_int_eq(done[0].result, CATALOG_EIO);
    ck_assert_uint_eq(done[1].ticket, 3);
    ck_assert_int_eq(done[1].result, CATALOG_EIO);
    ck_assert_ptr_nonnull(done[2].reopened);
    catalog_load_free(done[2].reopened);
}
END_TEST

/* A disk that stays full does not keep the thread from ending, and once there is room the store comes back by itself. */
START_TEST(full_disk_recovers_by_itself) {
    vfs.fault =
        (struct vfs_fault){.calls = VFS_FAIL_WRITES, .allowed = 40, .repeat = true, .full = true};
    uint64_t ticket = 0;
    struct catalog_store_done done;
    do {
        ck_assert_int_eq(submit(++ticket), 0);
        done = take_one();
    } while (done.result == 0);
    ck_assert_int_eq(done.result, CATALOG_EFULL);
    ck_assert_int_eq(submit(++ticket), 0);
    done = take_one(); /* comes although the store is broken */
    ck_assert_uint_eq(done.ticket, ticket);
    ck_assert_int_eq(done.result, CATALOG_EFULL);
    vfs.fault.calls = 0; /* room again */
    done = take_one();
    ck_assert_ptr_nonnull(done.reopened);
    catalog_load_free(done.reopened);
}
END_TEST

/* A file that a reopen refuses, here for its format, is looked at again each second: the store comes back by itself once
 * somebody has put it right. */
START_TEST(refused_file_is_tried_again) {
    ck_assert_int_eq(submit(1), 0);
    ck_assert_int_eq(take_one().result, 0);
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS, .repeat = true};
    ck_assert_int_eq(submit(2), 0);
    ck_assert_int_eq(take_one().result, CATALOG_EIO);
    (void)store_kit_sql(&place, "unix", "PRAGMA user_version = 4");
    vfs.fault.calls = 0;
    (void)poll(NULL, 0, 1500); /* time for a reopen that must fail */
    struct catalog_store_done none;
    ck_assert_uint_eq(catalog_store_thread_take(thread, &none, 1), 0);
    ck_assert_int_eq(submit(3), 0);
    ck_assert_int_eq(take_one().result, CATALOG_EIO);
    (void)store_kit_sql(&place, "unix", "PRAGMA user_version = 3");
    struct catalog_store_done done = take_one();
    ck_assert_ptr_nonnull(done.reopened);
    ck_assert(!done.reopened->damaged);
    catalog_load_free(done.reopened);
}
END_TEST

START_TEST(broken_thread_can_be_stopped) {
    vfs.fault = (struct vfs_fault){.calls = VFS_FAIL_WRITES, .repeat = true, .full = true};
    ck_assert_int_eq(submit(1), 0);
    ck_assert_int_eq(submit(2), 0);
    ck_assert_int_eq(take_one().result, CATALOG_EFULL);
    catalog_store_thread_stop(thread);
    thread = NULL;
    vfs.fault.calls = 0;
}
END_TEST

/* Stopping finishes what was submitted: after a second start all of it is there, taken or not. */
START_TEST(stop_finishes_what_was_submitted) {
    for (uint64_t ticket = 1; ticket <= 100; ticket++) {
        ck_assert_int_eq(submit(ticket), 0);
    }
    catalog_store_thread_stop(thread);
    thread = NULL;
    struct catalog_load *load = NULL;
    ck_assert_int_eq(catalog_store_reopen(store, &load, NULL), 0);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
}
END_TEST

/* All that a batch says is copied: the caller may forget it at once. */
START_TEST(submit_copies_all_fields) {
    struct catalog_entry *entries[2], *removed[1];
    struct catalog_batch batch = {.ticket = 1, .entries = entries};
    store_kit_model_put(&model, 1, 100, &batch);
    store_kit_model_put(&model, 2, 100, &batch);
    ck_assert_int_eq(catalog_store_thread_submit(thread, &batch), 0);
    batch = (struct catalog_batch){.ticket = 2, .entries = entries, .removed = removed};
    store_kit_model_reset(&model, &batch);
    store_kit_model_put(&model, 3, 100, &batch);
    store_kit_model_put(&model, 4, 100, &batch);
    ck_assert_int_eq(catalog_store_thread_submit(thread, &batch), 0);
    batch = (struct catalog_batch){.ticket = 3, .entries = entries, .removed = removed};
    store_kit_model_remove(&model, 4, &batch);
    struct store_kit_model kept = {.state = {.incarnation = 0}};
    store_kit_model_copy(&kept, &model);
    ck_assert_int_eq(catalog_store_thread_submit(thread, &batch), 0);
    memset(entries, 0, sizeof entries);
    memset(removed, 0, sizeof removed);
    store_kit_model_close(&model);
    for (uint64_t ticket = 1; ticket <= 3; ticket++) {
        struct catalog_store_done done = take_one();
        ck_assert_uint_eq(done.ticket, ticket);
        ck_assert_int_eq(done.result, 0);
    }
    catalog_store_thread_stop(thread);
    thread = NULL;
    struct catalog_load *load = NULL;
    ck_assert_int_eq(catalog_store_reopen(store, &load, NULL), 0);
    store_kit_model_compare(&kept, load);
    catalog_load_free(load);
    batch = (struct catalog_batch){.kept_cleared = true, .state = kept.state};
    ck_assert_int_eq(
        catalog_store_thread_start(&merkle_allocator_libc, store, notify, &wake[1], &thread), 0);
    ck_assert_int_eq(catalog_store_thread_submit(thread, &batch), 0);
    ck_assert_int_eq(take_one().result, 0);
    catalog_store_thread_stop(thread);
    thread = NULL;
    ck_assert_int_eq(catalog_store_reopen(store, &load, NULL), 0);
    ck_assert_uint_eq(load->kept_count, 0);
    catalog_load_free(load);
    store_kit_model_close(&kept);
}
END_TEST

/* Short memory: a batch that cannot be copied is refused and leaves nothing; a thread that cannot be made neither. */
START_TEST(submit_survives_short_memory) {
    catalog_store_thread_stop(thread);
    struct alloc_fault fault = {.allowed = 0};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    ck_assert_int_eq(catalog_store_thread_start(&allocator, store, notify, &wake[1], &thread),
                     CATALOG_ENOMEM);
    ck_assert_uint_eq(fault.fired, 1);
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    ck_assert_int_eq(catalog_store_thread_start(&allocator, store, notify, &wake[1], &thread), 0);
    struct catalog_entry *entries[1];
    struct catalog_member_row member = {.id = {.bytes = {1}}, .name = "a"};
    struct catalog_batch batch = {
        .ticket = 1, .entries = entries, .members = &member, .member_count = 1};
    store_kit_model_put(&model, 1, 100, &batch);
    batch.kept = batch.removed = entries;
    batch.kept_count = batch.removed_count = 1;
    size_t blocks = fault.live_blocks;
    for (size_t allowed = 0;; allowed++) {
        fault.allowed = allowed;
        fault.fired = 0;
        int result = catalog_store_thread_submit(thread, &batch);
        fault.allowed = SIZE_MAX;
        if (result == 0) {
            ck_assert_uint_gt(allowed, 0);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
        ck_assert_uint_eq(fault.live_blocks, blocks);
    }
    ck_assert_int_eq(take_one().result, 0);
    catalog_store_thread_stop(thread);
    thread = NULL;
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

Suite *store_thread_suite(void);

Suite *store_thread_suite(void) {
    Suite *suite = suite_create("store_thread");
    TCase *submitting = tcase_create("catalog_store_thread_submit");
    tcase_add_checked_fixture(submitting, setup, teardown);
    tcase_add_test(submitting, batches_come_back_in_order);
    tcase_add_test(submitting, waiting_batches_share_a_commit);
    tcase_add_test(submitting, submit_copies_all_fields);
    tcase_add_test(submitting, submit_survives_short_memory);
    tcase_add_test(submitting, bounds_rise);
    suite_add_tcase(suite, submitting);
    TCase *failing = tcase_create("store_thread_failure");
    tcase_add_checked_fixture(failing, setup, teardown);
    tcase_add_test(failing, failure_fails_all_behind_it);
    tcase_add_test(failing, owner_who_does_not_know_yet_fails);
    tcase_add_test(failing, full_disk_recovers_by_itself);
    tcase_add_test(failing, refused_file_is_tried_again);
    suite_add_tcase(suite, failing);
    TCase *stopping = tcase_create("catalog_store_thread_stop");
    tcase_add_checked_fixture(stopping, setup, teardown);
    tcase_add_test(stopping, broken_thread_can_be_stopped);
    tcase_add_test(stopping, stop_finishes_what_was_submitted);
    suite_add_tcase(suite, stopping);
    return suite;
}
