/* test_store_directory.c - the data directory: made, locked, refused, set aside. */
#include "catalog/store_directory.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store_kit_place place;
static struct catalog__directory directory;
static struct catalog_problem problem;
static size_t recorded_count;

static void setup(void) {
    recorded_count = 0;
    store_kit_place_open(&place);
    directory = (struct catalog__directory){.lock_fd = -1};
}

static void teardown(void) {
    catalog__directory_calls = (struct catalog__directory_calls){.rename = rename, .sync = fsync};
    catalog__directory_close(&directory);
    store_kit_place_close(&place);
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(store_kit_file(&place, name), "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* A missing directory is made for its owner alone; one that is there stays as it is. */
START_TEST(open_makes_the_directory) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    struct stat status;
    ck_assert_int_eq(stat(place.inside, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    catalog__directory_close(&directory);
    ck_assert_int_eq(chmod(place.inside, 0750), 0);
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    ck_assert_int_eq(stat(place.inside, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0750);
}
END_TEST

/* FAULTS D10: what cannot be a data directory is refused with a sentence that names it. */
START_TEST(open_refuses_what_is_no_directory) {
    char path[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/absent/data", place.directory);
    ck_assert_int_eq(catalog__directory_open(path, &directory, &problem), CATALOG_EPERMISSION);
    ck_assert_ptr_nonnull(strstr(problem.message, "make it first"));
    ck_assert_ptr_nonnull(strstr(problem.message, path));
    (void)snprintf(path, sizeof path, "%s/file", place.directory);
    (void)fclose(fopen(path, "w"));
    ck_assert_int_eq(catalog__directory_open(path, &directory, &problem), CATALOG_EPERMISSION);
    char longest[CATALOG__PATH_SIZE_MAX + 10];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(catalog__directory_open(longest, &directory, &problem), CATALOG_EPERMISSION);
    ck_assert_int_eq(directory.lock_fd, -1);
}
END_TEST

/* FAULTS D10: the lock is held against other processes, and goes with the process that has it. */
START_TEST(lock_goes_with_its_process) {
    int ready[2], leave[2];
    ck_assert(pipe(ready) == 0 && pipe(leave) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte = (char)catalog__directory_open(place.inside, &directory, NULL);
        (void)!write(ready[1], &byte, 1);
        (void)close(leave[1]);
        (void)!read(leave[0], &byte, 1);
        _exit(0);
    }
    char byte = 1;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 0);
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), CATALOG_EINUSE);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "process %ld:", (long)child);
    ck_assert_ptr_nonnull(strstr(problem.message, expected));
    (void)close(leave[1]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
}
END_TEST

/* FAULTS D10: a link, or anything else that is no file, in place of the database or the lock is not followed. */
START_TEST(links_are_not_followed) {
    ck_assert_int_eq(mkdir(place.inside, 0700), 0);
    write_file("elsewhere", "precious");
    ck_assert_int_eq(
        symlink(store_kit_file(&place, "elsewhere"), store_kit_file(&place, "catalog.db")), 0);
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), CATALOG_EPERMISSION);
    ck_assert_ptr_nonnull(strstr(problem.message, "no regular file"));
    catalog__directory_close(&directory);
    (void)unlink(store_kit_file(&place, "lock"));
    ck_assert_int_eq(symlink(store_kit_file(&place, "elsewhere"), store_kit_file(&place, "lock")),
                     0);
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem),
                     CATALOG_EPERMISSION);
    struct stat status;
    ck_assert_int_eq(stat(store_kit_file(&place, "elsewhere"), &status), 0);
    ck_assert_int_eq(status.st_size, 8);
}
END_TEST

/* Setting aside takes the next free number, never replaces anything, and takes the WAL along. */
START_TEST(set_aside_counts_up) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    for (unsigned number = 1; number <= 3; number++) {
        ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
        write_file("catalog.db-wal", "frames");
        char name[CATALOG__PATH_SIZE_MAX], expected[64];
        ck_assert_int_eq(catalog__directory_set_aside(&directory, name, &problem), 0);
        (void)snprintf(expected, sizeof expected, "catalog.db.damaged-%u", number);
        ck_assert_str_eq(name + strlen(name) - strlen(expected), expected);
        ck_assert(store_kit_file_exists(&place, expected));
        (void)strcat(expected, "-wal");
        ck_assert(store_kit_file_exists(&place, expected));
        ck_assert(!store_kit_file_exists(&place, "catalog.db"));
        ck_assert(!store_kit_file_exists(&place, "catalog.db-wal"));
    }
}
END_TEST

/* --- power cuts in between ----------------------------------------------------------------------------------------- */

/* What was done to names: a rename, or a sync of the directory (`from` empty). */
struct call {
    char from[STORE_KIT_PATH_MAX], to[STORE_KIT_PATH_MAX];
};
enum { CALLS_MAX = 16, FILES = 4 };
static struct call recorded[CALLS_MAX];
static bool database_before_sync; /* catalog.db came into being while a rename was not synced */

static const char *base_of(const char *path) {
    return strrchr(path, '/') + 1;
}

static int record_rename(const char *from, const char *to) {
    ck_assert(!store_kit_file_exists(&place, base_of(to))); /* evidence would be overwritten */
    int result = rename(from, to);
    if (result == 0) {
        ck_assert_uint_lt(recorded_count, CALLS_MAX);
        struct call *call = &recorded[recorded_count++];
        (void)snprintf(call->from, sizeof call->from, "%s", base_of(from));
        (void)snprintf(call->to, sizeof call->to, "%s", base_of(to));
    }
    return result;
}

static int record_sync(int fd) {
    bool synced = recorded_count == 0 || recorded[recorded_count - 1].from[0] == '\0';
    if (!synced && store_kit_file_exists(&place, "catalog.db") &&
        strcmp(recorded[0].from, "catalog.db") == 0) {
        database_before_sync = true;
    }
    ck_assert_uint_lt(recorded_count, CALLS_MAX);
    recorded[recorded_count++] = (struct call){.from = ""};
    return fsync(fd);
}

static const char *const files[FILES] = {"catalog.db", "catalog.db-wal", "catalog.db-shm",
                                         "catalog.db-journal"};

static void empty_directory(void) {
    char command[STORE_KIT_PATH_MAX + 64];
    (void)snprintf(command, sizeof command, "rm -f %s/catalog.db*", place.inside);
    ck_assert_int_eq(system(command), 0);
}

static void make_files(void) {
    empty_directory();
    for (size_t i = 0; i < FILES; i++) {
        write_file(files[i], files[i]); /* each holds its name */
    }
    recorded_count = 0;
}

/* How many files hold this text, and the name of the last. */
static size_t find_text(const char *text, char name[STORE_KIT_PATH_MAX]) {
    DIR *listing = opendir(place.inside);
    size_t count = 0;
    for (struct dirent *item = readdir(listing); item != NULL; item = readdir(listing)) {
        char content[STORE_KIT_PATH_MAX] = "";
        FILE *file = fopen(store_kit_file(&place, item->d_name), "r");
        if (file != NULL && fgets(content, sizeof content, file) != NULL &&
            strcmp(content, text) == 0) {
            (void)snprintf(name, STORE_KIT_PATH_MAX, "%.100s", item->d_name);
            count++;
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    (void)closedir(listing);
    return count;
}

/* The files as a power cut leaves them behind the first `count` calls: renames that a sync followed are there, of the others
 * those in `kept`. */
static void cut_power(const struct call *calls, size_t count, unsigned kept) {
    size_t synced = count;
    while (synced > 0 && calls[synced - 1].from[0] != '\0') {
        synced--;
    }
    make_files();
    for (size_t i = 0; i < count; i++) {
        bool there = i < synced || (kept >> (i - synced) & 1) != 0;
        if (calls[i].from[0] != '\0' && there) {
            (void)rename(store_kit_file(&place, calls[i].from),
                         store_kit_file(&place, calls[i].to));
        }
    }
}

/* All is as it was; or an opening makes a new database, with nothing of the old beside it, and nothing is gone. */
static void check_files(size_t count, unsigned kept) {
    char name[STORE_KIT_PATH_MAX] = "";
    size_t in_place = 0;
    bool is_there = store_kit_file_exists(&place, "catalog.db");
    for (size_t i = 0; i < FILES; i++) {
        in_place += store_kit_file_exists(&place, files[i]);
    }
    ck_assert_msg(!is_there || in_place == FILES, "call %zu, %u kept: a part of it is gone", count,
                  kept);
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    for (size_t i = 0; i < FILES; i++) {
        ck_assert_uint_eq(find_text(files[i], name), 1);
        ck_assert_int_eq(strcmp(name, files[i]) == 0, is_there);
    }
}

/* Whichever renames a power cut keeps, the database is never without its WAL, nor another database with it: the first is an
 * older state that looks sound, the second a mixture. */
START_TEST(power_cuts_leave_all_or_no_database) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    make_files();
    char name[CATALOG__PATH_SIZE_MAX];
    catalog__directory_calls =
        (struct catalog__directory_calls){.rename = record_rename, .sync = record_sync};
    ck_assert_int_eq(catalog__directory_set_aside(&directory, name, &problem), 0);
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    ck_assert(!database_before_sync);
    struct call calls[CALLS_MAX];
    size_t call_count = recorded_count, cuts = 0;
    memcpy(calls, recorded, sizeof calls);
    catalog__directory_calls = (struct catalog__directory_calls){.rename = rename, .sync = fsync};
    for (size_t count = 0; count <= call_count; count++) {
        for (unsigned kept = 0; kept < 1U << FILES; kept++) {
            cut_power(calls, count, kept);
            check_files(count, kept);
            cuts++;
        }
    }
    ck_assert_uint_gt(cuts, 6U << FILES); /* four renames and at least two syncs */
}
END_TEST

/* A second power cut, while the opening after the first moves what is left: the same. */
START_TEST(power_cuts_while_leftovers_are_moved) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    make_files();
    ck_assert_int_eq(rename(store_kit_file(&place, "catalog.db"),
                            store_kit_file(&place, "catalog.db.damaged-1")),
                     0);
    (void)snprintf(recorded[0].from, sizeof recorded[0].from, "catalog.db");
    (void)snprintf(recorded[0].to, sizeof recorded[0].to, "catalog.db.damaged-1");
    recorded[1] = (struct call){.from = ""};
    recorded_count = 2;
    catalog__directory_calls =
        (struct catalog__directory_calls){.rename = record_rename, .sync = record_sync};
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    ck_assert(!database_before_sync);
    struct call calls[CALLS_MAX];
    size_t call_count = recorded_count;
    ck_assert_uint_ge(call_count, 6);
    memcpy(calls, recorded, sizeof calls);
    catalog__directory_calls = (struct catalog__directory_calls){.rename = rename, .sync = fsync};
    for (size_t count = 2; count <= call_count; count++) {
        for (unsigned kept = 0; kept < 1U << FILES; kept++) {
            cut_power(calls, count, kept);
            check_files(count, kept);
        }
    }
}
END_TEST

/* What lies there already is never replaced: neither by a WAL without a database, nor by a database whose number a WAL has,
 * nor if earlier numbers are free again. */
START_TEST(nothing_set_aside_is_overwritten) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    write_file("catalog.db.damaged-1", "one");
    write_file("catalog.db.damaged-1-wal", "frames of one");
    write_file("catalog.db-wal", "nobody's frames");
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    char name[STORE_KIT_PATH_MAX] = "", aside[CATALOG__PATH_SIZE_MAX];
    ck_assert_uint_eq(find_text("frames of one", name), 1);
    ck_assert_str_eq(name, "catalog.db.damaged-1-wal");
    ck_assert_uint_eq(find_text("nobody's frames", name), 1);
    ck_assert_str_eq(name, "catalog.db.damaged-2-wal");
    write_file("catalog.db", "three");
    ck_assert_int_eq(unlink(store_kit_file(&place, "catalog.db.damaged-1")), 0);
    ck_assert_int_eq(catalog__directory_set_aside(&directory, aside, &problem), 0);
    ck_assert_str_eq(base_of(aside), "catalog.db.damaged-3");
    ck_assert_uint_eq(find_text("frames of one", name), 1);
    ck_assert_uint_eq(find_text("nobody's frames", name), 1);
    ck_assert_int_eq(catalog__directory_newest_aside(&directory, aside, &problem), 0);
    ck_assert_str_eq(base_of(aside), "catalog.db.damaged-3");
}
END_TEST

/* Names that only look alike are no numbers. */
START_TEST(newest_aside_reads_numbers) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    char aside[CATALOG__PATH_SIZE_MAX];
    static const char *const others[] = {"catalog.db.damaged-", "catalog.db.damaged--3",
                                         "catalog.db.damaged-x", "xcatalog.db.damaged-4",
                                         "catalog.db.damaged-99999999999999999999999"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_file(others[i], "");
    }
    ck_assert_int_eq(catalog__directory_newest_aside(&directory, aside, &problem), 0);
    ck_assert_str_eq(aside, "");
    write_file("catalog.db.damaged-12-journal", "");
    write_file("catalog.db.damaged-7", "");
    ck_assert_int_eq(catalog__directory_newest_aside(&directory, aside, &problem), 0);
    ck_assert_str_eq(base_of(aside), "catalog.db.damaged-12");
}
END_TEST

/* --- making -------------------------------------------------------------------------------------------------------- */

/* FAULTS D3: an empty file is a new one, unless a WAL says that it was none. */
START_TEST(empty_database_with_a_wal_is_damaged) {
    ck_assert_int_eq(catalog__directory_open(place.inside, &directory, &problem), 0);
    write_file("catalog.db", "");
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    write_file("catalog.db-wal", "");
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
    write_file("catalog.db-wal", "frames");
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), CATALOG_EDAMAGED);
    ck_assert_ptr_nonnull(strstr(problem.message, "is empty, its WAL is not"));
    write_file("catalog.db", "pages");
    ck_assert_int_eq(catalog__directory_make_database(&directory, &problem), 0);
}
END_TEST

Suite *store_directory_suite(void);

Suite *store_directory_suite(void) {
    Suite *suite = suite_create("store_directory");
    TCase *opening = tcase_create("catalog__directory_open");
    tcase_add_checked_fixture(opening, setup, teardown);
    tcase_add_test(opening, open_makes_the_directory);
    tcase_add_test(opening, open_refuses_what_is_no_directory);
    tcase_add_test(opening, lock_goes_with_its_process);
    tcase_add_test(opening, links_are_not_followed);
    suite_add_tcase(suite, opening);
    TCase *aside = tcase_create("catalog__directory_set_aside");
    tcase_add_checked_fixture(aside, setup, teardown);
    tcase_add_test(aside, set_aside_counts_up);
    tcase_add_test(aside, power_cuts_leave_all_or_no_database);
    tcase_add_test(aside, power_cuts_while_leftovers_are_moved);
    tcase_add_test(aside, nothing_set_aside_is_overwritten);
    tcase_set_timeout(aside, 60);
    suite_add_tcase(suite, aside);
    TCase *newest = tcase_create("catalog__directory_newest_aside");
    tcase_add_checked_fixture(newest, setup, teardown);
    tcase_add_test(newest, newest_aside_reads_numbers);
    suite_add_tcase(suite, newest);
    TCase *making = tcase_create("catalog__directory_make_database");
    tcase_add_checked_fixture(making, setup, teardown);
    tcase_add_test(making, empty_database_with_a_wal_is_damaged);
    suite_add_tcase(suite, making);
    return suite;
}
