/* test_vfs.c - the recording file system: who records what, what is in doubt, and that drawing repeats. */
#include "test/sim/vfs.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_kit_place place;
static struct vfs outer, inner;
static char inner_directory[STORE_KIT_PATH_MAX + 32];
static char drawn_directory[STORE_KIT_PATH_MAX + 32];

/* One vfs for the place, and one for a directory in it; draws go beside. */
static void setup(void) {
    store_kit_place_open(&place);
    (void)snprintf(inner_directory, sizeof inner_directory, "%s/inner", place.directory);
    (void)snprintf(drawn_directory, sizeof drawn_directory, "%s/drawn", place.directory);
    ck_assert_int_eq(mkdir(inner_directory, 0700), 0);
    ck_assert_int_eq(mkdir(drawn_directory, 0700), 0);
    vfs_open(&outer, place.directory, 1);
    vfs_open(&inner, inner_directory, 2);
    outer.recording = inner.recording = true;
}

static void teardown(void) {
    vfs_close(&outer);
    vfs_close(&inner);
    store_kit_place_close(&place);
}

static sqlite3 *open_database(const char *directory) {
    char path[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/catalog.db", directory);
    sqlite3 *database = NULL;
    int code =
        sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "recording");
    ck_assert_int_eq(code, SQLITE_OK);
    return database;
}

static int run(sqlite3 *database, const char *sql) {
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

/* In WAL mode, with one table. */
static sqlite3 *make_database(const char *directory) {
    sqlite3 *database = open_database(directory);
    ck_assert_int_eq(run(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                   "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)"),
                     SQLITE_OK);
    return database;
}

static int insert(sqlite3 *database) {
    return run(database, "INSERT INTO t (b) VALUES (randomblob(500))");
}

/* Of the rows in the database that was drawn; -1: it is none. */
static int64_t rows_drawn(void) {
    sqlite3 *database = open_database(drawn_directory);
    sqlite3_stmt *query = NULL;
    int64_t count = -1;
    if (sqlite3_prepare_v2(database, "SELECT count(*) FROM t", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        count = sqlite3_column_int64(query, 0);
    }
    (void)sqlite3_finalize(query);
    (void)sqlite3_close(database);
    return count;
}

/* A digest of the three files in the directory. */
static struct merkle_digest digest_of_files(const char *directory) {
    struct merkle_digest digests[VFS_FILE_COUNT];
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        struct vfs_content content = {.bytes = NULL};
        bool exists = vfs__file_read(directory, (enum vfs_file)i, &content);
        digests[i] = merkle_digest_of(content.size_bytes > 0 ? content.bytes : (const void *)"",
                                      content.size_bytes, exists);
        free(content.bytes);
    }
    return merkle_digest_of(digests, sizeof digests, 0);
}

static struct merkle_digest draw(const struct vfs_image *image, uint64_t seed) {
    vfs_image_write(image, seed, drawn_directory);
    return digest_of_files(drawn_directory);
}

/* --- who records what ---------------------------------------------------------------------------------------------- */

/* What happens in a directory goes to the vfs that is registered for it, or for the next above it; faults too. */
START_TEST(stores_do_not_mix) {
    sqlite3 *above = make_database(place.directory);
    size_t above_count = outer.step_count;
    ck_assert_uint_gt(above_count, 0);
    ck_assert_uint_eq(inner.step_count, 0);
    sqlite3 *below = make_database(inner_directory);
    size_t below_count = inner.step_count;
    ck_assert_uint_gt(below_count, 0);
    ck_assert_uint_eq(outer.step_count, above_count);
    inner.fault = (struct vfs_fault){.calls = VFS_FAIL_WRITES, .repeat = true, .full = true};
    ck_assert_int_eq(insert(above), SQLITE_OK);
    ck_assert_int_eq(insert(below), SQLITE_FULL);
    ck_assert_uint_eq(outer.fault.fired, 0);
    ck_assert_uint_gt(inner.fault.fired, 0);
    (void)sqlite3_close(above);
    (void)sqlite3_close(below);
}
END_TEST

/* Whose name only begins like a registered one is not below it; files of no registered directory are nobody's. */
START_TEST(names_are_compared_as_a_whole) {
    char path[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/inner/catalog.db", place.directory);
    ck_assert_ptr_eq(vfs__of_path(path), &inner);
    (void)snprintf(path, sizeof path, "%s/innermost/catalog.db", place.directory);
    ck_assert_ptr_eq(vfs__of_path(path), &outer);
    ck_assert_ptr_null(vfs__of_path("/elsewhere/catalog.db"));
    ck_assert_ptr_null(vfs__of_path(NULL));
}
END_TEST

/* A process that is dead writes nothing: its files stay as they are, whatever closing it would do. */
START_TEST(dead_write_nothing) {
    sqlite3 *database = make_database(inner_directory);
    ck_assert_int_eq(insert(database), SQLITE_OK);
    struct merkle_digest before = digest_of_files(inner_directory);
    size_t count = inner.step_count;
    inner.dead = true;
    ck_assert_int_ne(insert(database), SQLITE_OK);
    (void)sqlite3_close(database);
    struct merkle_digest after = digest_of_files(inner_directory);
    ck_assert(merkle_digest_equal(&before, &after));
    ck_assert_uint_eq(inner.step_count, count);
}
END_TEST

/* --- the same again ------------------------------------------------------------------------------------------------ */

static struct merkle_digest work_beside(bool beside) {
    struct vfs vfs;
    char directory[STORE_KIT_PATH_MAX + 32];
    (void)snprintf(directory, sizeof directory, "%s/work-%d", place.directory, beside);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    vfs_open(&vfs, directory, 7);
    sqlite3 *other = make_database(beside ? inner_directory : place.directory);
    sqlite3 *database = make_database(directory);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(insert(database), SQLITE_OK);
        ck_assert(!beside || insert(other) == SQLITE_OK);
    }
    (void)sqlite3_close(other);
    inner.dead = true;
    struct merkle_digest digest = digest_of_files(directory);
    inner.dead = false;
    (void)sqlite3_close(database);
    vfs_close(&vfs);
    return digest;
}

/* The same seed and calls give the same bytes, salts of the WAL included, whatever goes on beside; another seed gives others. */
START_TEST(randomness_is_of_the_seed) {
    struct merkle_digest alone = work_beside(false), beside = work_beside(true);
    ck_assert(merkle_digest_equal(&alone, &beside));
    sqlite3 *one = make_database(drawn_directory);
    struct merkle_digest first = digest_of_files(drawn_directory);
    (void)sqlite3_close(one);
    char directory[STORE_KIT_PATH_MAX + 32];
    (void)snprintf(directory, sizeof directory, "%s/another", place.directory);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    sqlite3 *two = make_database(directory);
    struct merkle_digest second = digest_of_files(directory);
    (void)sqlite3_close(two);
    ck_assert(!merkle_digest_equal(&first, &second)); /* later in the same sequence */
}
END_TEST

/* Drawing repeats with its seed, differs with it where something is in doubt, and leaves the image as it is; a clone draws
 * the same. Steps of another moment can be drawn from a clone that goes on alone. */
START_TEST(draws_are_deterministic) {
    sqlite3 *database = make_database(inner_directory);
    ck_assert_int_eq(insert(database), SQLITE_OK);
    struct vfs_image image, clone;
    vfs_image_open(&image, &inner);
    vfs_image_advance(&image, inner.step_count);
    inner.lie = true;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(insert(database), SQLITE_OK);
    }
    vfs_image_clone(&clone, &image);
    vfs_image_advance(&clone, inner.step_count);
    struct merkle_digest of_image = draw(&image, 5);
    size_t different = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct merkle_digest first = draw(&clone, seed), second = draw(&clone, seed);
        ck_assert(merkle_digest_equal(&first, &second));
        struct merkle_digest next = draw(&clone, seed + 1);
        different += !merkle_digest_equal(&first, &next);
    }
    ck_assert_uint_gt(different, 20);
    struct merkle_digest again = draw(&image, 5);
    ck_assert(merkle_digest_equal(&of_image, &again));
    struct merkle_digest all = draw(&clone, 0), now = digest_of_files(inner_directory);
    ck_assert(merkle_digest_equal(&all, &now));
    vfs_image_close(&image);
    vfs_image_close(&clone);
    (void)sqlite3_close(database);
}
END_TEST

/* --- what is in doubt ---------------------------------------------------------------------------------------------- */

/* How few rows and how many a power cut can leave now. */
static void bounds(int64_t *least, int64_t *most) {
    struct vfs_image image;
    vfs_image_open(&image, &inner);
    vfs_image_advance(&image, inner.step_count);
    *least = INT64_MAX;
    *most = -1;
    for (uint64_t seed = 0; seed < 100; seed++) {
        vfs_image_write(&image, seed, drawn_directory);
        int64_t rows = rows_drawn();
        *least = rows < *least ? rows : *least;
        *most = rows > *most ? rows : *most;
    }
    vfs_image_close(&image);
}

/* FAULTS D7: what a disk lied about may be gone, all or in part, until a sync is honest; that one brings all of it. */
START_TEST(lies_stay_in_doubt_until_an_honest_sync) {
    sqlite3 *database = make_database(inner_directory);
    int64_t least, most;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(insert(database), SQLITE_OK);
    }
    bounds(&least, &most);
    ck_assert_int_eq(least, 3);
    ck_assert_int_eq(most, 3);
    inner.lie = true;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(insert(database), SQLITE_OK);
    }
    bounds(&least, &most);
    ck_assert_int_eq(least, 3);
    ck_assert_int_eq(most, 6);
    inner.lie = false;
    ck_assert_int_eq(insert(database), SQLITE_OK);
    bounds(&least, &most);
    ck_assert_int_eq(least, 7);
    ck_assert_int_eq(most, 7);
    (void)sqlite3_close(database);
}
END_TEST

/* FAULTS D2: what was written before a sync that failed is not brought back by a later one that succeeds. */
START_TEST(failed_syncs_stay_in_doubt) {
    sqlite3 *database = make_database(inner_directory);
    ck_assert_int_eq(insert(database), SQLITE_OK);
    inner.fault = (struct vfs_fault){.calls = VFS_FAIL_SYNCS};
    ck_assert_int_eq(insert(database), SQLITE_IOERR);
    ck_assert_uint_eq(inner.fault.fired, 1);
    vfs__record(&inner, VFS_SYNC, VFS_WAL, 0, NULL, 0);
    int64_t least, most;
    bounds(&least, &most);
    ck_assert_int_eq(least, 1);
    ck_assert_int_eq(most, 2);
    (void)sqlite3_close(database);
}
END_TEST

/* A WAL that was made and never synced may be gone with its name; one that was, not. */
START_TEST(names_are_in_doubt_until_the_directory_is_synced) {
    struct vfs_image image;
    vfs_image_open(&image, &inner);
    inner.recording = false;
    sqlite3 *database = make_database(inner_directory);
    (void)sqlite3_close(database);
    inner.recording = true;
    vfs_image_load(&image, inner_directory);
    database = open_database(inner_directory);
    ck_assert_int_eq(run(database, "PRAGMA synchronous = FULL"), SQLITE_OK);
    ck_assert_int_eq(insert(database), SQLITE_OK);
    size_t in_doubt = 0;
    while (image.position < inner.step_count) {
        const struct vfs_step *step = vfs_image_next(&image);
        in_doubt += image.files[VFS_WAL].name_in_doubt;
        ck_assert(step->operation != VFS_DIRECTORY_SYNC || !image.files[VFS_WAL].name_in_doubt);
    }
    ck_assert_uint_gt(in_doubt, 0);
    ck_assert(image.files[VFS_WAL].exists);
    ck_assert(!image.files[VFS_WAL].name_in_doubt);
    vfs_image_close(&image);
    (void)sqlite3_close(database);
}
END_TEST

/* After a cut what was drawn is durable: the files, and all that can be drawn from then on, are the same. After a kill the
 * files are as a reader saw them, and what was in doubt still is. */
START_TEST(cut_is_certain_and_kill_is_not) {
    sqlite3 *database = make_database(inner_directory);
    struct vfs_image image;
    vfs_image_open(&image, &inner);
    inner.lie = true;
    ck_assert_int_eq(insert(database), SQLITE_OK);
    vfs_image_advance(&image, inner.step_count - 1);
    inner.dead = true;
    (void)sqlite3_close(database);
    inner.dead = false;
    vfs_image_kill(&image, inner_directory);
    ck_assert_uint_gt(image.files[VFS_WAL].version_count, 0);
    struct merkle_digest now = digest_of_files(inner_directory), all = draw(&image, 0);
    ck_assert(merkle_digest_equal(&now, &all));
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct vfs_image clone;
        vfs_image_clone(&clone, &image);
        struct merkle_digest expected = draw(&clone, seed);
        vfs_image_cut(&clone, seed, inner_directory);
        now = digest_of_files(inner_directory);
        ck_assert(merkle_digest_equal(&now, &expected));
        struct merkle_digest next = draw(&clone, seed + 1);
        ck_assert(merkle_digest_equal(&now, &next));
        vfs_image_close(&clone);
        vfs_image_kill(&image, inner_directory);
        vfs__record(&inner, VFS_MARK, VFS_DATABASE, 0, NULL, 0); /* so that the next kill writes */
    }
    vfs_image_close(&image);
}
END_TEST

/* --- for hours ----------------------------------------------------------------------------------------------------- */

/* An image that follows, and steps that are forgotten behind it, need memory for the files only; also while the disk lies
 * all the time. */
START_TEST(memory_is_bounded) {
    sqlite3 *database = make_database(inner_directory);
    ck_assert_int_eq(run(database, "PRAGMA wal_autocheckpoint = 50; INSERT INTO t VALUES (1, 0)"),
                     SQLITE_OK);
    struct vfs_image image;
    vfs_image_open(&image, &inner);
    size_t log_most = 0, versions_most = 0;
    for (size_t i = 0; i < 8000; i++) {
        inner.lie = i >= 2000;
        ck_assert_int_eq(run(database, "UPDATE t SET b = randomblob(500)"), SQLITE_OK);
        log_most = inner.log_size_bytes > log_most ? inner.log_size_bytes : log_most;
        vfs_image_advance(&image, inner.step_count);
        vfs_forget(&inner, image.position);
        ck_assert_uint_eq(inner.log_size_bytes, 0);
        ck_assert_uint_eq(inner.step_first, inner.step_count);
        size_t versions = image.files[VFS_WAL].version_capacity;
        versions_most = versions > versions_most ? versions : versions_most;
    }
    ck_assert_uint_gt(inner.step_count, 16000);
    ck_assert_uint_le(inner.step_capacity, 256);
    ck_assert_uint_lt(log_most, 60 * 5000);
    ck_assert_uint_lt(versions_most, 5000);
    struct merkle_digest all = draw(&image, 0), now = digest_of_files(inner_directory);
    ck_assert(merkle_digest_equal(&all, &now));
    vfs_image_close(&image);
    (void)sqlite3_close(database);
}
END_TEST

/* A database that was set aside and made anew is empty for the image, too. */
START_TEST(replacement_is_noticed) {
    sqlite3 *database = make_database(inner_directory);
    ck_assert_int_eq(insert(database), SQLITE_OK);
    (void)sqlite3_close(database);
    char path[STORE_KIT_PATH_MAX + 64], aside[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/catalog.db", inner_directory);
    (void)snprintf(aside, sizeof aside, "%s/aside", inner_directory);
    ck_assert_int_eq(rename(path, aside), 0);
    (void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    database = open_database(inner_directory);
    struct vfs_image image;
    vfs_image_open(&image, &inner);
    vfs_image_advance(&image, inner.step_count);
    struct merkle_digest all = draw(&image, 0), now = digest_of_files(inner_directory);
    ck_assert(merkle_digest_equal(&all, &now));
    ck_assert_uint_eq(image.files[VFS_DATABASE].durable.size_bytes, 0);
    vfs_image_close(&image);
    (void)sqlite3_close(database);
}
END_TEST

Suite *vfs_suite(void);

Suite *vfs_suite(void) {
    Suite *suite = suite_create("vfs");
    TCase *opening = tcase_create("vfs_open");
    tcase_add_checked_fixture(opening, setup, teardown);
    tcase_add_test(opening, stores_do_not_mix);
    tcase_add_test(opening, names_are_compared_as_a_whole);
    tcase_add_test(opening, dead_write_nothing);
    tcase_add_test(opening, randomness_is_of_the_seed);
    tcase_add_test(opening, replacement_is_noticed);
    suite_add_tcase(suite, opening);
    TCase *drawing = tcase_create("vfs_image_write");
    tcase_add_checked_fixture(drawing, setup, teardown);
    tcase_set_timeout(drawing, 30);
    tcase_add_test(drawing, draws_are_deterministic);
    tcase_add_test(drawing, lies_stay_in_doubt_until_an_honest_sync);
    tcase_add_test(drawing, failed_syncs_stay_in_doubt);
    tcase_add_test(drawing, names_are_in_doubt_until_the_directory_is_synced);
    tcase_add_test(drawing, cut_is_certain_and_kill_is_not);
    suite_add_tcase(suite, drawing);
    TCase *forgetting = tcase_create("vfs_forget");
    tcase_add_checked_fixture(forgetting, setup, teardown);
    tcase_set_timeout(forgetting, 30);
    tcase_add_test(forgetting, memory_is_bounded);
    suite_add_tcase(suite, forgetting);
    return suite;
}
