/* test_causal.c - the model of versions: which accounts for which, with and without a horizon; what has passed, and what only
 * lost disks knew. (causal.c, causal_known.c) */
#include "test/sim/causal.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>

enum { A = CATALOG_ACTIVE, DROP = CATALOG_DROPPED, GONE = 0 };

static struct sim_causal causal;

static void setup(void) {
    causal = (struct sim_causal){.count = 0};
}

static void teardown(void) {
    sim_causal_close(&causal);
}

static struct catalog_entry *entry_of(const struct made_line *made, size_t count) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "a", "c");
    return entry_maker_lines(&key, made, count);
}

#define ENTRY(...)                                                                                 \
    entry_of((const struct made_line[]){__VA_ARGS__},                                              \
             sizeof((const struct made_line[]){__VA_ARGS__}) / sizeof(struct made_line))

static void note(struct catalog_entry *before, struct catalog_entry *entry) {
    sim_causal_note(&causal, before, entry);
    catalog_entry_release(before);
    catalog_entry_release(entry);
}

static bool accounts(struct catalog_entry *stored, struct catalog_entry *entry,
                     catalog_clock horizon) {
    bool result = sim_causal_accounts(&causal, stored, entry, horizon);
    catalog_entry_release(stored);
    catalog_entry_release(entry);
    return result;
}

/* A write, one over it, and one over that, whose context bears nothing of the first. */
static void chain(void) {
    note(NULL, ENTRY({1, 5, A, 'a'}));
    note(ENTRY({1, 5, A, 'a'}), ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}));
    note(ENTRY({2, 6, A, 'b'}), ENTRY({2, 6, GONE, 'b'}, {3, 7, A, 'c'}));
}

START_TEST(by_context) {
    /* Without a horizon an entry accounts for what it holds and for what it has seen, and for nothing else. */
    chain();
    ck_assert(accounts(ENTRY({1, 5, A, 'a'}), ENTRY({1, 5, A, 'a'}), 0));
    ck_assert(accounts(ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}), ENTRY({1, 5, A, 'a'}), 0));
    ck_assert(!accounts(ENTRY({2, 6, A, 'b'}), ENTRY({1, 5, A, 'a'}), 0));
    ck_assert(!accounts(NULL, ENTRY({1, 5, A, 'a'}), 0));
}
END_TEST

START_TEST(by_what_was_known) {
    /* Behind the horizon the chain of those that knew of it says so; concurrent writes are not in it. */
    chain();
    ck_assert(accounts(ENTRY({3, 7, A, 'c'}), ENTRY({1, 5, A, 'a'}), 6));
    note(NULL, ENTRY({4, 8, A, 'd'}));
    ck_assert(!accounts(ENTRY({4, 8, A, 'd'}), ENTRY({1, 5, A, 'a'}), 6));
    ck_assert(!accounts(ENTRY({3, 7, A, 'c'}), ENTRY({4, 8, A, 'd'}), 9));
}
END_TEST

START_TEST(by_a_drop_that_passed) {
    /* What is absent was dropped, if the drop left a disk by the horizon; one that only a lost disk knew says nothing. */
    chain();
    note(ENTRY({3, 7, A, 'c'}), ENTRY({3, 7, GONE, 'c'}, {4, 8, DROP, 'c'}));
    ck_assert(!accounts(NULL, ENTRY({1, 5, A, 'a'}), 9));
    struct catalog_entry *tombstone = ENTRY({4, 8, DROP, 'c'});
    sim_causal_pass(&causal, tombstone, NULL, 7);
    ck_assert(!sim_causal_any_passed(&causal, tombstone->slot));
    sim_causal_pass(&causal, tombstone, NULL, 9);
    ck_assert(sim_causal_any_passed(&causal, tombstone->slot));
    ck_assert(accounts(NULL, ENTRY({1, 5, A, 'a'}), 9));
    ck_assert(accounts(NULL, ENTRY({3, 7, A, 'c'}), 8));
    ck_assert(!accounts(NULL, ENTRY({3, 7, A, 'c'}), 7));
    struct catalog_id first = entry_maker_id(1);
    struct catalog_id unknown = entry_maker_id(9);
    ck_assert(sim_causal_is_gone(&causal, tombstone->slot, &first, 5, 9));
    ck_assert(!sim_causal_is_gone(&causal, tombstone->slot, &unknown, 5, 9));
    catalog_entry_release(tombstone);
}
END_TEST

START_TEST(replacing) {
    /* An entry may take the place of one that it accounts for, with shortened contexts on both sides of the horizon. */
    chain();
    struct catalog_entry *old = ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'});
    struct catalog_entry *shorter = ENTRY({2, 6, A, 'b'});
    struct catalog_entry *newer = ENTRY({3, 7, A, 'c'});
    ck_assert_int_eq(sim_causal_compare(&causal, old, shorter, 5), SIM_CAUSAL_RIGHT);
    ck_assert_int_eq(sim_causal_compare(&causal, old, shorter, 4), SIM_CAUSAL_BACK);
    ck_assert_int_eq(sim_causal_compare(&causal, old, newer, 6), SIM_CAUSAL_RIGHT);
    ck_assert_int_eq(sim_causal_compare(&causal, newer, shorter, 6), SIM_CAUSAL_BACK);
    ck_assert_int_eq(sim_causal_look(&causal, newer, 6), SIM_CAUSAL_RIGHT);
    ck_assert_int_eq(sim_causal_look(&causal, newer, 5), SIM_CAUSAL_FORGOT);
    ck_assert(sim_causal_knows(&causal, newer));
    catalog_entry_release(old);
    catalog_entry_release(shorter);
    catalog_entry_release(newer);
}
END_TEST

Suite *causal_suite(void);
Suite *causal_suite(void) {
    Suite *suite = suite_create("causal");
    TCase *causal_case = tcase_create("sim_causal");
    tcase_add_checked_fixture(causal_case, setup, teardown);
    tcase_add_test(causal_case, by_context);
    tcase_add_test(causal_case, by_what_was_known);
    tcase_add_test(causal_case, by_a_drop_that_passed);
    tcase_add_test(causal_case, replacing);
    suite_add_tcase(suite, causal_case);
    return suite;
}
