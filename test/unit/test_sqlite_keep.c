/* test_sqlite_keep.c - the file of what a node alone had: whole, private, in the form of an import, never half. */
#include "catalog/store_directory.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 2026-11-25T18:00:00Z */
#define WALL_MS UINT64_C(1795629600000)

static struct store_kit_place place;
static struct catalog_store *store;
static struct catalog_problem problem;
static char path[CATALOG_KEPT_PATH_SIZE];

static void setup(void) {
    struct catalog_load *load;
    store_kit_place_open(&place);
    ck_assert_int_eq(
        catalog_store_open(&merkle_allocator_libc, place.inside, "test", &store, &load, &problem),
        0);
    catalog_load_free(load);
}

static void teardown(void) {
    catalog__directory_calls = (struct catalog__directory_calls){.rename = rename, .sync = fsync};
    catalog_store_close(store);
    store_kit_place_close(&place);
}

static size_t file_read(const char *name, char *text, size_t size_bytes) {
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    size_t read = fread(text, 1, size_bytes - 1, file);
    text[read] = '\0';
    (void)fclose(file);
    return read;
}

/* A constraint of this entity. */
static struct catalog_entry *constraint(const char *entity) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, entity, "c");
    const struct made_line line = {.origin = 1, .clock = 7, .state = CATALOG_ACTIVE, .field = 'a'};
    return entry_maker_lines(&key, &line, 1);
}

/* G2: the file holds each entry as a line of an export, in the order of one, for its owner alone; import takes it. */
START_TEST(keep_writes_an_import) {
    struct catalog_entry *entries[] = {constraint("users"), constraint("posts")};
    char text[4096];
    ck_assert_int_eq(catalog_store_keep(store, entries, 2, WALL_MS, path, &problem), 0);
    ck_assert_ptr_nonnull(strstr(path, "/kept-20261125T180000Z.jsonl"));
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    size_t size_bytes = file_read(path, text, sizeof text);
    const char *posts = strstr(text, "\"entity\":\"posts\"");
    ck_assert_ptr_nonnull(posts);
    ck_assert(posts < strstr(text, "\"entity\":\"users\""));
    struct catalog_import *import;
    ck_assert_int_eq(catalog_import_parse(&merkle_allocator_libc, text, size_bytes, &import), 0);
    ck_assert_uint_eq(import->problem_count, 0);
    ck_assert_uint_eq(import->write_count, 2);
    catalog_import_free(import);
    catalog_entry_release(entries[0]);
    catalog_entry_release(entries[1]);
}
END_TEST

/* Two calls within one second leave two files: nothing that was kept is written over. */
START_TEST(keep_writes_over_nothing) {
    struct catalog_entry *entry = constraint("users");
    char first[CATALOG_KEPT_PATH_SIZE];
    ck_assert_int_eq(catalog_store_keep(store, &entry, 1, WALL_MS, first, &problem), 0);
    ck_assert_int_eq(catalog_store_keep(store, &entry, 1, WALL_MS, path, &problem), 0);
    ck_assert_str_ne(first, path);
    ck_assert_int_eq(access(first, F_OK), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    catalog_entry_release(entry);
}
END_TEST

static int rename_fails(const char *from, const char *to) {
    (void)from;
    (void)to;
    errno = ENOSPC;
    return -1;
}

static int sync_fails(int descriptor) {
    (void)descriptor;
    errno = EIO;
    return -1;
}

/* A failure is told as it is and leaves no file behind; the next call works. */
START_TEST(keep_fails_cleanly) {
    struct catalog_entry *entry = constraint("users");
    char unfinished[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(unfinished, sizeof unfinished, "%s/kept.unfinished", place.inside);
    catalog__directory_calls.rename = rename_fails;
    ck_assert_int_eq(catalog_store_keep(store, &entry, 1, WALL_MS, path, &problem), CATALOG_EFULL);
    ck_assert_ptr_nonnull(strstr(problem.message, "kept.unfinished"));
    ck_assert_int_ne(access(unfinished, F_OK), 0);
    ck_assert_int_ne(access(path, F_OK), 0);
    catalog__directory_calls =
        (struct catalog__directory_calls){.rename = rename, .sync = sync_fails};
    ck_assert_int_eq(catalog_store_keep(store, &entry, 1, WALL_MS, path, &problem), CATALOG_EIO);
    ck_assert_int_ne(access(path, F_OK), 0);
    catalog__directory_calls.sync = fsync;
    ck_assert_int_eq(catalog_store_keep(store, &entry, 1, WALL_MS, path, &problem), 0);
    catalog_entry_release(entry);
}
END_TEST

Suite *sqlite_keep_suite(void);
Suite *sqlite_keep_suite(void) {
    Suite *suite = suite_create("sqlite_keep");
    TCase *keep = tcase_create("store_keep");
    tcase_add_checked_fixture(keep, setup, teardown);
    tcase_add_test(keep, keep_writes_an_import);
    tcase_add_test(keep, keep_writes_over_nothing);
    tcase_add_test(keep, keep_fails_cleanly);
    suite_add_tcase(suite, keep);
    return suite;
}
