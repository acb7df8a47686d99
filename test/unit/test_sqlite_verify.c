/* test_sqlite_verify.c - what opening makes of a damaged file: never a wrong entry, never a crash; rows that are bad are
 * set aside, a file that is beyond use is renamed. Covers sqlite_verify.c and sqlite_repair.c. */
#include "catalog/sqlite_store.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_SIZE_BYTES = 4096, KEYS = 40 };

static struct store_kit_place place;
static struct store_kit_model model;

/* A closed file with 40 entries on some 20 pages, two members, and a `seen` above the horizon. */
static void setup(void) {
    store_kit_place_open(&place);
    model = (struct store_kit_model){
        .state = {.node_name = "n1", .incarnation = 3, .seen = 90, .horizon = 50, .ready = true}};
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    struct catalog_member_row rows[2] = {{.id = {.bytes = {1}}, .name = "a", .address = "h:1"},
                                         {.id = {.bytes = {2}}, .name = "b", .address = "h:2"}};
    struct catalog_batch batch = {.members = rows, .member_count = 2};
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    store_kit_fill(store, &model, 0, KEYS, 900);
    catalog_store_close(store);
}

static void teardown(void) {
    store_kit_model_close(&model);
    store_kit_place_close(&place);
}

/* Opens, hands out the load, and leaves the store closed. */
static struct catalog_load *open_once(void) {
    struct catalog_load *load = NULL;
    catalog_store_close(store_kit_open(&place, &load));
    return load;
}

/* The model after rows were lost: healing, `seen` down to the horizon. */
static void expect_healing(void) {
    model.state.healing = true;
    model.state.seen = model.state.horizon;
}

static void forget(unsigned key) {
    catalog_sum_remove(&model.state.sum, &model.entries[key]->digest);
    catalog_entry_release(model.entries[key]);
    model.entries[key] = NULL;
}

/* A second opening finds a sound file that says the same. */
static void compare_twice(struct catalog_load *load, uint64_t quarantined) {
    ck_assert_uint_eq(load->quarantined_count, quarantined);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
    load = open_once();
    ck_assert(!load->rows_missing);
    ck_assert(!load->damaged);
    ck_assert_uint_eq(load->quarantined_count, quarantined);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

/* DESIGN 4.8: a row whose bytes, digest, slot or key is not the right one is set aside, whatever is wrong with it, and the
 * same transaction sets healing and lowers `seen` to the horizon. */
START_TEST(bad_rows_are_set_aside) {
    (void)store_kit_sql(
        &place, NULL,
        "UPDATE entries SET bytes = zeroblob(length(bytes)) WHERE key LIKE '%/name1';"
        "UPDATE entries SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE key LIKE '%/name2';"
        "UPDATE entries SET digest = zeroblob(16) WHERE key LIKE '%/name3';"
        "UPDATE entries SET digest = x'00' WHERE key LIKE '%/name4';"
        "UPDATE entries SET slot = slot + 1 WHERE key LIKE '%/name5';"
        "UPDATE entries SET key = key || 'x' WHERE key LIKE '%/name6';"
        "UPDATE entries SET key = CAST(key AS BLOB) WHERE key LIKE '%/name7';"
        "UPDATE entries SET bytes = 'text' WHERE key LIKE '%/name8';");
    for (unsigned key = 1; key <= 8; key++) {
        forget(key);
    }
    expect_healing();
    struct catalog_load *load = open_once();
    ck_assert(load->rows_missing);
    ck_assert_uint_eq(load->member_count, 2);
    compare_twice(load, 8);
    ck_assert_int_eq(store_kit_sql(&place, NULL, "SELECT count(*) FROM quarantine"), 8);
}
END_TEST

/* A row that is gone shows in count and sum, and starts healing as well. */
START_TEST(missing_rows_are_noticed) {
    (void)store_kit_sql(&place, NULL, "DELETE FROM entries WHERE key LIKE '%/name9'");
    forget(9);
    expect_healing();
    struct catalog_load *load = open_once();
    ck_assert(load->rows_missing);
    compare_twice(load, 0);
}
END_TEST

/* G3: an older version that comes back with an old page is valid by itself; the sum shows that something is wrong. */
START_TEST(old_rows_are_noticed) {
    (void)store_kit_sql(&place, NULL,
                        "CREATE TABLE mine AS SELECT * FROM entries WHERE key LIKE '%/name9'");
    struct store_kit_model before = {.state = {.incarnation = 0}};
    store_kit_model_copy(&before, &model);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    store_kit_fill(store, &model, 9, 1, 300);
    catalog_store_close(store);
    (void)store_kit_sql(&place, NULL, "INSERT OR REPLACE INTO entries SELECT * FROM mine");
    load = open_once();
    ck_assert(load->rows_missing);
    ck_assert(load->state.healing);
    ck_assert_uint_eq(load->state.seen, load->state.horizon);
    ck_assert_uint_eq(load->entry_count, KEYS);
    catalog_load_free(load);
    store_kit_model_close(&before);
}
END_TEST

/* Two rows of one key: which is the last is unknown, so both are set aside. */
START_TEST(doubled_rows_are_set_aside) {
    (void)store_kit_sql(&place, NULL,
                        "DROP INDEX entries_by_slot;"
                        "INSERT INTO entries (slot, key, digest, bytes) SELECT slot, key, digest, "
                        "bytes FROM entries WHERE key LIKE '%/name9';"
                        "CREATE INDEX entries_by_slot ON entries (slot, key);"
                        "PRAGMA writable_schema = ON;"
                        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX entries_by_slot ON "
                        "entries (slot, key)' WHERE name = 'entries_by_slot';");
    forget(9);
    expect_healing();
    compare_twice(open_once(), 2);
}
END_TEST

/* An index that does not list the rows is made anew; nothing was lost, so nothing heals. */
START_TEST(wrong_index_is_made_anew) {
    (void)store_kit_sql(&place, NULL,
                        "DROP INDEX entries_by_slot;"
                        "CREATE UNIQUE INDEX entries_by_slot ON entries (slot, key) WHERE id > 5;"
                        "PRAGMA writable_schema = ON;"
                        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX entries_by_slot ON "
                        "entries (slot, key)' WHERE name = 'entries_by_slot';");
    compare_twice(open_once(), 0);
    ck_assert_int_eq(
        store_kit_sql(&place, NULL,
                      "SELECT count(*) FROM entries INDEXED BY entries_by_slot WHERE slot <> 0"),
        KEYS);
}
END_TEST

/* Healed: the first commit without `healing` empties the quarantine. */
START_TEST(quarantine_ends_with_healing) {
    (void)store_kit_sql(&place, NULL,
                        "UPDATE entries SET digest = zeroblob(16) WHERE key LIKE '%/name3'");
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    ck_assert_uint_eq(load->quarantined_count, 1);
    catalog_load_free(load);
    forget(3);
    expect_healing();
    store_kit_fill(store, &model, 4, 1, 100);
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
    ck_assert_uint_eq(load->quarantined_count, 1);
    catalog_load_free(load);
    model.state.healing = false;
    store_kit_fill(store, &model, 3, 1, 100);
    catalog_store_close(store);
    compare_twice(open_once(), 0);
}
END_TEST

/* --- files beyond use ---------------------------------------------------------------------------------------------- */

/* The file is set aside and the node starts empty; each opening says so until something is stored in the new file, since
 * the process that set it aside may have ended before anybody heard of it. */
static void expect_set_aside(void) {
    struct catalog_load *load = open_once();
    ck_assert(load->fresh);
    ck_assert(load->damaged);
    ck_assert_ptr_nonnull(strstr(load->damage, "catalog.db.damaged-1 was set aside: "));
    ck_assert_ptr_null(strstr(load->damage, "nothing has been stored"));
    ck_assert_uint_eq(load->entry_count, 0);
    ck_assert_uint_eq(load->member_count, 0);
    ck_assert(catalog_id_is_none(&load->state.node_id));
    catalog_load_free(load);
    ck_assert(store_kit_file_exists(&place, "catalog.db.damaged-1"));
    struct catalog_store *store = store_kit_open(&place, &load);
    ck_assert(load->fresh);
    ck_assert(load->damaged);
    ck_assert_ptr_nonnull(strstr(load->damage, "catalog.db.damaged-1 was set aside: nothing"));
    catalog_load_free(load);
    struct store_kit_model refilled = {.state = {.incarnation = 1}};
    store_kit_fill(store, &refilled, 0, 1, 100);
    store_kit_model_close(&refilled);
    catalog_store_close(store);
    load = open_once();
    ck_assert(!load->fresh);
    ck_assert(!load->damaged);
    ck_assert_str_eq(load->damage, "");
    catalog_load_free(load);
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-2"));
}

static void overwrite(const char *name, off_t offset, const void *bytes, size_t size_bytes) {
    int fd = open(store_kit_file(&place, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, size_bytes, offset), (ssize_t)size_bytes);
    (void)close(fd);
}

/* Each change below leaves a file of which the node cannot say what it once promised. */
static const char *const fatal_changes[] = {
    "UPDATE node_state SET seen = seen + 1",
    "UPDATE node_state SET node_name = 'x'",
    "UPDATE node_state SET digest = x'00'",
    "UPDATE node_state SET member_count = 3",
    "UPDATE node_state SET removed = 1",
    "UPDATE node_state SET admitter_id = x'01010101010101010101010101010101'",
    "UPDATE node_state SET replaced_id = x'01010101010101010101010101010101'",
    "DROP TABLE kept",
    "DELETE FROM node_state",
    "UPDATE members SET state = 3",
    "UPDATE members SET address = 'h:3' WHERE name = 'a'",
    "DELETE FROM members WHERE name = 'a'",
    "DROP TABLE members",
    "DROP INDEX entries_by_slot",
    "ALTER TABLE entries ADD COLUMN more",
    "PRAGMA application_id = 5",
    "PRAGMA user_version = 0",
};
enum { FATAL_COUNT = sizeof fatal_changes / sizeof fatal_changes[0] };

START_TEST(unknown_state_sets_the_file_aside) {
    (void)store_kit_sql(&place, NULL, fatal_changes[_i]);
    expect_set_aside();
}
END_TEST

/* A file that is no database at all: text, and an empty header. */
START_TEST(no_database_is_set_aside) {
    overwrite("catalog.db", 0, "hello, this is no database", 26);
    expect_set_aside();
}
END_TEST

/* FAULTS D3: a file that was cut is set aside, or what is left of it is used as it is. */
START_TEST(cut_file_is_set_aside) {
    ck_assert_int_eq(truncate(store_kit_file(&place, "catalog.db"), 5 * PAGE_SIZE_BYTES), 0);
    expect_set_aside();
}
END_TEST

/* A process that was killed: the last commits are in the WAL. */
static void leave_a_wal(void) {
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    store_kit_fill(store, &model, 0, 5, 100);
    catalog__store_disconnect(store, false);
    catalog_store_close(store);
    ck_assert(store_kit_file_exists(&place, "catalog.db-wal"));
}

/* FAULTS D9: a WAL that stayed behind when its database was taken away is not played into the next one. */
START_TEST(orphaned_wal_is_moved_away) {
    leave_a_wal();
    ck_assert_int_eq(unlink(store_kit_file(&place, "catalog.db")), 0);
    struct catalog_load *load = open_once();
    ck_assert(load->fresh);
    ck_assert(load->damaged);
    ck_assert_uint_eq(load->entry_count, 0);
    catalog_load_free(load);
    ck_assert(store_kit_file_exists(&place, "catalog.db.damaged-1-wal"));
}
END_TEST

/* FAULTS D3: a database that was cut to nothing is none that was made just now, if its WAL holds commits: both are set
 * aside, where SQLite alone would start anew and delete the WAL. */
START_TEST(emptied_file_is_set_aside) {
    leave_a_wal();
    struct stat before, after;
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db-wal"), &before), 0);
    ck_assert_int_eq(truncate(store_kit_file(&place, "catalog.db"), 0), 0);
    expect_set_aside();
    ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db.damaged-1-wal"), &after), 0);
    ck_assert_int_eq(after.st_size, before.st_size);
}
END_TEST

/* FAULTS D9: rubbish in the shared memory of a process that is gone means nothing. */
START_TEST(stale_shared_memory_is_ignored) {
    leave_a_wal();
    uint8_t rubbish[32768];
    memset(rubbish, 0xa5, sizeof rubbish);
    overwrite("catalog.db-shm", 0, rubbish, sizeof rubbish);
    compare_twice(open_once(), 0);
}
END_TEST

/* --- everywhere ---------------------------------------------------------------------------------------------------- */

static uint8_t *read_whole(const char *path, size_t *size_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    *size_bytes = (size_t)status.st_size;
    uint8_t *bytes = malloc(*size_bytes);
    ck_assert_int_eq(read(fd, bytes, *size_bytes), status.st_size);
    (void)close(fd);
    return bytes;
}

struct outcomes {
    size_t sound, quarantined, healing, aside, refused;
};

/* Opens the damaged file: whatever comes out is of the model. */
static void judge(struct outcomes *outcomes, const char *what, size_t offset) {
    struct catalog_store *store = NULL;
    struct catalog_load *load = NULL;
    struct catalog_problem problem;
    int result =
        catalog_store_open(&merkle_allocator_libc, place.inside, "", &store, &load, &problem);
    if (result != 0) {
        /* The number of the format stands at 60 to 63: a larger one is a newer one. */
        ck_assert_msg(result == CATALOG_EFORMAT && offset / 4 == 15, "%s at %zu: %d %s", what,
                      offset, result, problem.message);
        outcomes->refused++;
        return;
    }
    struct catalog_sum sum = {.entry_count = 0};
    for (size_t i = 0; i < load->entry_count; i++) {
        bool known = false;
        for (unsigned key = 0; key < KEYS && !known; key++) {
            known = merkle_digest_equal(&load->entries[i]->digest, &model.entries[key]->digest) &&
                    load->entries[i]->size_bytes == model.entries[key]->size_bytes &&
                    memcmp(load->entries[i]->bytes, model.entries[key]->bytes,
                           load->entries[i]->size_bytes) == 0;
        }
        ck_assert_msg(known, "%s at %zu: a wrong entry", what, offset);
        catalog_sum_add(&sum, &load->entries[i]->digest);
    }
    ck_assert_uint_eq(sum.entry_count, load->state.sum.entry_count);
    ck_assert(merkle_digest_equal(&sum.digest_sum, &load->state.sum.digest_sum));
    ck_assert_msg(load->fresh ? load->damaged && load->entry_count == 0
                              : load->entry_count == KEYS || load->state.healing,
                  "%s at %zu: fresh %d, %zu entries", what, offset, load->fresh, load->entry_count);
    ck_assert(load->fresh || load->member_count == 2);
    outcomes->aside += load->damaged;
    outcomes->quarantined += !load->fresh && load->quarantined_count > 0;
    outcomes->healing += load->state.healing;
    outcomes->sound += !load->fresh && !load->state.healing;
    /* The store works, whatever it has become; a flaw that only writing meets ends with a reopen. */
    struct catalog_entry *entries[KEYS];
    struct catalog_batch batch = {.entries = entries, .state = load->state};
    for (unsigned key = 0; key < KEYS; key++) {
        entries[batch.entry_count++] = model.entries[key];
    }
    batch.state.sum = model.state.sum;
    catalog_load_free(load);
    if (store_kit_commit(store, &batch) != 0) {
        result = catalog_store_reopen(store, &load, &problem);
        ck_assert_msg(result == 0, "%s at %zu: %s", what, offset, problem.message);
        catalog_load_free(load);
        ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    }
    catalog_store_close(store);
}

/* Restores the file and takes away what an earlier damage left. */
static void restore(const uint8_t *bytes, size_t size_bytes) {
    (void)unlink(store_kit_file(&place, "catalog.db"));
    (void)unlink(store_kit_file(&place, "catalog.db-wal"));
    (void)unlink(store_kit_file(&place, "catalog.db.damaged-1"));
    overwrite("catalog.db", 0, bytes, size_bytes);
}

static size_t flips_wanted(void) {
    const char *wanted = getenv("ATTUNE_FLIPS");
    return wanted != NULL ? strtoul(wanted, NULL, 10) : 1200;
}

/* FAULTS D5: a flipped bit anywhere: every bit of the header's bytes in turn, and bits spread over all pages, more of them
 * where a page has its structure. */
START_TEST(flipped_bits_are_found) {
    size_t size_bytes;
    uint8_t *bytes = read_whole(store_kit_file(&place, "catalog.db"), &size_bytes);
    struct outcomes outcomes = {.sound = 0};
    size_t wanted = flips_wanted();
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < wanted; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t offset = i < 100 ? i
                        : i % 4 == 0
                            ? (random >> 8) % (size_bytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES +
                                  (random >> 40) % 64
                            : (random >> 8) % size_bytes;
        uint8_t flipped = (uint8_t)(1u << (random & 7));
        bytes[offset] ^= flipped;
        restore(bytes, size_bytes);
        judge(&outcomes, "flipped bit", offset);
        bytes[offset] ^= flipped;
    }
    free(bytes);
    ck_assert_uint_gt(outcomes.quarantined, wanted / 10);
    ck_assert_uint_gt(outcomes.aside, 10);
    ck_assert_uint_gt(outcomes.sound, 10);
}
END_TEST

/* FAULTS D5: pages that are zeroed, doubled over another, or exchanged. */
START_TEST(wrong_pages_are_found) {
    size_t size_bytes;
    uint8_t *bytes = read_whole(store_kit_file(&place, "catalog.db"), &size_bytes);
    uint8_t *damaged = malloc(size_bytes);
    struct outcomes outcomes = {.sound = 0};
    size_t pages = size_bytes / PAGE_SIZE_BYTES;
    ck_assert_uint_gt(pages, 12);
    for (size_t page = 0; page < pages; page++) {
        uint8_t *place_of = damaged + page * PAGE_SIZE_BYTES;
        memcpy(damaged, bytes, size_bytes);
        memset(place_of, 0, PAGE_SIZE_BYTES);
        restore(damaged, size_bytes);
        judge(&outcomes, "zeroed page", page * PAGE_SIZE_BYTES);
        for (size_t other = page % 3; other < pages; other += 3) {
            const uint8_t *source = bytes + other * PAGE_SIZE_BYTES;
            memcpy(damaged, bytes, size_bytes);
            memcpy(place_of, source, PAGE_SIZE_BYTES);
            restore(damaged, size_bytes);
            judge(&outcomes, "doubled page", page * PAGE_SIZE_BYTES);
            memcpy(damaged + other * PAGE_SIZE_BYTES, bytes + page * PAGE_SIZE_BYTES,
                   PAGE_SIZE_BYTES);
            restore(damaged, size_bytes);
            judge(&outcomes, "exchanged page", page * PAGE_SIZE_BYTES);
        }
    }
    free(damaged);
    free(bytes);
    ck_assert_uint_gt(outcomes.aside, 10);
}
END_TEST

Suite *sqlite_verify_suite(void);

Suite *sqlite_verify_suite(void) {
    Suite *suite = suite_create("sqlite_verify");
    TCase *rows = tcase_create("rows_set_aside");
    tcase_add_checked_fixture(rows, setup, teardown);
    tcase_add_test(rows, bad_rows_are_set_aside);
    tcase_add_test(rows, missing_rows_are_noticed);
    tcase_add_test(rows, old_rows_are_noticed);
    tcase_add_test(rows, doubled_rows_are_set_aside);
    tcase_add_test(rows, wrong_index_is_made_anew);
    tcase_add_test(rows, quarantine_ends_with_healing);
    suite_add_tcase(suite, rows);
    TCase *files = tcase_create("files_set_aside");
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_loop_test(files, unknown_state_sets_the_file_aside, 0, FATAL_COUNT);
    tcase_add_test(files, no_database_is_set_aside);
    tcase_add_test(files, cut_file_is_set_aside);
    tcase_add_test(files, orphaned_wal_is_moved_away);
    tcase_add_test(files, emptied_file_is_set_aside);
    tcase_add_test(files, stale_shared_memory_is_ignored);
    suite_add_tcase(suite, files);
    TCase *everywhere = tcase_create("damage_everywhere");
    tcase_set_timeout(everywhere, 3600);
    tcase_add_checked_fixture(everywhere, setup, teardown);
    tcase_add_test(everywhere, flipped_bits_are_found);
    tcase_add_test(everywhere, wrong_pages_are_found);
    suite_add_tcase(suite, everywhere);
    return suite;
}
