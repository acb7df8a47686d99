/* test_real_book.c - what a run of real processes concludes from answers: S2, S3, S12 from outside. */
#include "bin/chaos/real_book.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct real_book book;
static size_t key;

static void setup(void) {
    real_book_open(&book, 3);
    key = real_book_key(&book, CATALOG_SCHEMA, "users", "");
}

static void teardown(void) {
    real_book_close(&book);
}

static struct real_version version(catalog_clock clock) {
    return (struct real_version){.clock = clock << 16, .origin = {{1}}};
}

/* A list of schemas of a node that holds this version, or nothing (0), asked now. */
static void list_at(size_t node, catalog_clock clock, uint64_t moment) {
    struct real_version shown = version(clock);
    real_book_list_begin(&book);
    if (clock != 0) {
        real_book_list_entry(&book, node, key, &shown, moment);
    }
    real_book_list_end(&book, node, CATALOG_SCHEMA, moment);
}

static void list(size_t node, catalog_clock clock) {
    list_at(node, clock, real_book_moment(&book));
}

static struct real_asked asked(size_t node, uint64_t wall_ms) {
    return (struct real_asked){.node = node,
                               .moment = real_book_moment(&book),
                               .run_ms = 10,
                               .wall_asked_ms = wall_ms,
                               .wall_answered_ms = wall_ms};
}

static void set(size_t node, catalog_clock clock) {
    struct real_asked at = asked(node, clock);
    struct real_version made = version(clock);
    real_book_set(&book, &at, key, &made, false);
}

static void drop(size_t node, uint64_t wall_ms, catalog_clock before) {
    struct real_asked at = asked(node, wall_ms);
    struct real_version made = version(before);
    real_book_drop(&book, &at, key, &made);
}

/* What all three show at the end. */
static void end(catalog_clock n1, catalog_clock n2, catalog_clock n3) {
    list(0, n1);
    list(1, n2);
    list(2, n3);
    real_book_end(&book, 7, false);
}

/* --- real_book_key ------------------------------------------------------------------------------------------------ */

/* A key has one number however often it is asked for, also when the table grows; others have others. */
START_TEST(keys_are_found_again) {
    size_t numbers[600];
    char name[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 600; i++) {
            (void)snprintf(name, sizeof name, "n%d", i);
            size_t number = real_book_key(&book, CATALOG_INDEX, "users", name);
            ck_assert(round == 0 || number == numbers[i]);
            numbers[i] = number;
        }
    }
    ck_assert_uint_eq(book.key_count, 601);
    ck_assert_uint_ne(real_book_key(&book, CATALOG_CONSTRAINT, "users", "n0"), numbers[0]);
}
END_TEST

/* --- real_book_list_entry, S3 -------------------------------------------------------------------------------------- */

/* A node may show a key with a later version, and not with an earlier one (G3). */
START_TEST(a_version_does_not_fall) {
    list(0, 5);
    list(0, 5);
    list(0, 6);
    ck_assert(!book.never_back.violated);
    list(0, 5);
    ck_assert(book.never_back.violated);
}
END_TEST

/* Another node may still show the earlier one. */
START_TEST(nodes_are_apart) {
    list(0, 6);
    list(1, 5);
    ck_assert(!book.never_back.violated);
}
END_TEST

/* What has gone comes back with a higher version only (G3). */
START_TEST(what_is_gone_stays_gone) {
    list(0, 5);
    list(0, 0);
    list(0, 6);
    ck_assert(!book.never_back.violated);
    list(0, 0);
    list(0, 6);
    ck_assert(book.never_back.violated);
}
END_TEST

/* A drop that was acknowledged bounds what may come back, though its own clock is not known. */
START_TEST(what_was_dropped_stays_dropped) {
    set(0, 5);
    drop(0, 9, 5);
    list(0, 10);
    ck_assert(!book.never_back.violated);
    drop(0, 20, 10);
    list(0, 15);
    ck_assert(book.never_back.violated);
}
END_TEST

/* With moved clocks the wall says nothing, and the version that was dropped is the bound. */
START_TEST(moved_clocks_bound_nothing) {
    book.clocks_moved = true;
    set(0, 5);
    drop(0, 9, 5);
    list(0, 6);
    ck_assert(!book.never_back.violated);
    drop(0, 9, 6);
    list(0, 6);
    ck_assert(book.never_back.violated);
}
END_TEST

/* Answers whose questions crossed are not compared. */
START_TEST(crossing_answers_are_not_compared) {
    uint64_t moment = real_book_moment(&book);
    list(0, 6);
    list_at(0, 5, moment);
    ck_assert(!book.never_back.violated);
    list(0, 6);
    ck_assert(!book.never_back.violated);
}
END_TEST

/* A wiped disk may show less than before. */
START_TEST(a_lineage_forgets) {
    list(0, 6);
    real_book_lineage_ends(&book, 0);
    list(0, 5);
    ck_assert(!book.never_back.violated);
}
END_TEST

/* --- real_book_set, S12 -------------------------------------------------------------------------------------------- */

/* Who has shown a clock stamps what it creates above it. */
START_TEST(clocks_rise) {
    size_t other = real_book_key(&book, CATALOG_SCHEMA, "posts", "");
    list(0, 6);
    struct real_asked at = asked(0, 7);
    struct real_version made = version(7);
    real_book_set(&book, &at, other, &made, true);
    ck_assert(!book.clocks.violated);
    made = version(6);
    at = asked(0, 7);
    real_book_set(&book, &at, real_book_key(&book, CATALOG_SCHEMA, "pages", ""), &made, true);
    ck_assert(book.clocks.violated);
}
END_TEST

/* A clock past the year 2200 must not be shown by anybody. */
START_TEST(clocks_end) {
    list(0, CATALOG_CLOCK_MS_MAX);
    ck_assert(!book.clocks.violated);
    list(0, CATALOG_CLOCK_MS_MAX + 1);
    ck_assert(book.clocks.violated);
}
END_TEST

/* --- real_book_end, S2 --------------------------------------------------------------------------------------------- */

/* An acknowledged write, or a later one, is everywhere (G2). */
START_TEST(acknowledged_is_everywhere) {
    set(0, 5);
    end(5, 6, 5);
    ck_assert(!book.acknowledged.violated);
    ck_assert_uint_eq(book.acknowledged.evaluations, 3);
}
END_TEST

START_TEST(acknowledged_and_missing) {
    set(0, 5);
    end(5, 5, 0);
    ck_assert(book.acknowledged.violated);
    ck_assert_ptr_nonnull(strstr(book.acknowledged.message, "n3"));
}
END_TEST

/* An earlier version in its place is not it. */
START_TEST(acknowledged_and_older) {
    set(0, 5);
    end(5, 4, 5);
    ck_assert(book.acknowledged.violated);
}
END_TEST

/* A drop that came later explains what is absent; one that came before it does not. */
START_TEST(a_later_drop_explains) {
    set(0, 5);
    drop(1, 9, 5);
    end(0, 0, 0);
    ck_assert(!book.acknowledged.violated);
}
END_TEST

START_TEST(an_earlier_drop_does_not_explain) {
    drop(1, 9, 5);
    set(0, 20);
    end(0, 0, 0);
    ck_assert(book.acknowledged.violated);
}
END_TEST

/* Nobody knows when a drop without an answer was done. */
START_TEST(a_drop_without_an_answer_explains) {
    real_book_perhaps_drop(&book, key);
    set(0, 20);
    end(0, 0, 0);
    ck_assert(!book.acknowledged.violated);
}
END_TEST

/* An acknowledged drop is not undone: what it dropped is nowhere. */
START_TEST(a_drop_is_everywhere) {
    set(0, 5);
    list(2, 5);
    drop(1, 9, 5);
    end(0, 0, 5);
    ck_assert(book.acknowledged.violated);
}
END_TEST

/* What only a disk held that was wiped is excused, and counted. */
START_TEST(what_a_wiped_disk_held_alone) {
    set(0, 5);
    real_book_lineage_ends(&book, 0);
    end(0, 0, 0);
    ck_assert(!book.acknowledged.violated);
    ck_assert_uint_eq(book.excused, 1);
}
END_TEST

/* But not what another node was seen to hold. */
START_TEST(what_another_disk_holds) {
    set(0, 5);
    list(1, 5);
    real_book_lineage_ends(&book, 0);
    end(0, 0, 0);
    ck_assert(book.acknowledged.violated);
    ck_assert_uint_eq(book.excused, 0);
}
END_TEST

/* That a node does not show what was dropped is no sign that it has the drop: it may never have had what was dropped. */
START_TEST(absence_is_no_drop) {
    set(0, 5);
    list(1, 5);
    list(2, 0);
    drop(0, 9, 5);
    list(2, 0);
    real_book_lineage_ends(&book, 0);
    end(5, 5, 5);
    ck_assert(!book.acknowledged.violated);
    ck_assert_uint_eq(book.excused, 1);
}
END_TEST

/* Of nodes that need not agree each is asked for its own writes. */
START_TEST(each_alone) {
    set(0, 5);
    list(0, 5);
    list(1, 0);
    list(2, 0);
    real_book_end(&book, 7, true);
    ck_assert(!book.acknowledged.violated);
    list(0, 0);
    real_book_end(&book, 7, true);
    ck_assert(book.acknowledged.violated);
}
END_TEST

/* Of an import the versions are not known; that of new entries is not below the wall clock. */
START_TEST(imports) {
    struct real_asked at = asked(0, 9);
    real_book_import(&book, &at, key, true);
    list(0, 9);
    list(1, 9);
    list(2, 9);
    real_book_end(&book, 7, false);
    ck_assert(!book.acknowledged.violated);
    end(9, 7, 9);
    ck_assert(book.acknowledged.violated);
}
END_TEST

/* --- real_book_missing, real_book_settle --------------------------------------------------------------------------- */

/* A write is missing at each node that has not shown it, and everywhere when the last one has. */
START_TEST(missing_until_everywhere) {
    set(0, 5);
    ck_assert_uint_eq(real_book_missing(&book, 0), 0);
    ck_assert_uint_eq(real_book_missing(&book, 1), 1);
    list(1, 5);
    real_book_settle(&book, 7, 40);
    ck_assert_uint_eq(real_book_slowest(&book)->everywhere_ms, 0);
    list(2, 5);
    ck_assert_uint_eq(real_book_missing(&book, 2), 0);
    real_book_settle(&book, 7, 50);
    real_book_settle(&book, 7, 60);
    ck_assert_uint_eq(real_book_slowest(&book)->everywhere_ms, 50);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests, size_t count) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
}

#define CASE(suite, name, ...)                                                                     \
    add_case(suite, name, (const TTest *const[]){__VA_ARGS__},                                     \
             sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

Suite *real_book_suite(void);
Suite *real_book_suite(void) {
    Suite *suite = suite_create("real_book");
    CASE(suite, "real_book_key", keys_are_found_again);
    CASE(suite, "real_book_list_entry", a_version_does_not_fall, nodes_are_apart,
         what_is_gone_stays_gone, what_was_dropped_stays_dropped, moved_clocks_bound_nothing,
         crossing_answers_are_not_compared, a_lineage_forgets);
    CASE(suite, "real_book_set", clocks_rise, clocks_end);
    CASE(suite, "real_book_end", acknowledged_is_everywhere, acknowledged_and_missing,
         acknowledged_and_older, a_later_drop_explains, an_earlier_drop_does_not_explain,
         a_drop_without_an_answer_explains, a_drop_is_everywhere, what_a_wiped_disk_held_alone,
         what_another_disk_holds, absence_is_no_drop, each_alone, imports);
    CASE(suite, "real_book_missing", missing_until_everywhere);
    return suite;
}
