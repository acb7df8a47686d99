/* test_store_directory.c - the data directory: made, locked, refused, set aside. */
#include "catalog/store_directory.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store_kit_place place;
static struct catalog__directory directory;
static struct catalog_problem problem;

static void setup(void) {
    store_kit_place_open(&place);
    directory = (struct catalog__directory){.lock_fd = -1};
}

static void teardown(void) {
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
    suite_add_tcase(suite, aside);
    return suite;
}
