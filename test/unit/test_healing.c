/* test_healing.c - a disk that has lost rows, or has old ones in their place, and what the others have of it. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";

/* Long enough for the horizon of three to pass all that there is. */
enum { SETTLED_MS = 40000, HEALED_MS = 15000 };

/* Of three, all of whom have these two, and have forgotten what was dropped. Returns "dropped" as it stood before. */
static struct pair *cluster(struct catalog_entry **stale) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (char letter = 'b'; letter <= 'c'; letter++) {
        pair_run(pair, 100);
        pair_start(pair, letter, (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    pair_write(pair, 'a', CATALOG_SCHEMA, "one", "", body);
    pair_write(pair, 'b', CATALOG_SCHEMA, "two", "", body);
    pair_write(pair, 'c', CATALOG_SCHEMA, "dropped", "", body);
    pair_run(pair, 1000);
    *stale = catalog_entry_hold(pair_entry(pair, 'b', "dropped"));
    pair_write(pair, 'a', CATALOG_SCHEMA, "dropped", "", NULL);
    pair_run(pair, SETTLED_MS);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert_ptr_null(pair_entry(pair, letter, "dropped"));
        ck_assert_uint_ge(pair_disk_state(pair, letter)->horizon,
                          pair_entry(pair, letter, "two")->clock_highest);
    }
    return pair;
}

static void must_have(struct pair *pair, const char *entity, bool all) {
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert_msg((pair_entry(pair, letter, entity) != NULL) == all, "%s at %c", entity,
                      letter);
        ck_assert(!pair_engine(pair, letter)->state.healing);
    }
}

START_TEST(old_row_is_not_spread) {
    /* G3, B39: a version that was dropped and forgotten by all stands on a disk again. It leaves, it comes to nobody, and the
     * node keeps its id. */
    struct catalog_entry *stale;
    struct pair *pair = cluster(&stale);
    struct catalog_id id = pair_disk_state(pair, 'b')->node_id;
    pair_kill(pair, 'b', true);
    pair_disk_put(pair, 'b', stale);
    pair_disk_lose(pair, 'b', pair_entry(pair, 'a', "one"));
    pair_start(pair, 'b', (struct pair_start){0});
    ck_assert(pair_engine(pair, 'b')->state.healing);
    ck_assert_ptr_nonnull(pair_entry(pair, 'b', "dropped"));
    pair_run(pair, HEALED_MS);
    must_have(pair, "dropped", false);
    must_have(pair, "one", true);
    must_have(pair, "two", true);
    ck_assert(catalog_id_equal(&pair_disk_state(pair, 'b')->node_id, &id));
    pair_free(pair);
    catalog_entry_release(stale);
}
END_TEST

START_TEST(own_write_is_given) {
    /* G2: what such a node alone has, and wrote above the horizon, comes to all. */
    struct catalog_entry *stale;
    struct pair *pair = cluster(&stale);
    pair_cut(pair, 'a', 'b', true);
    pair_cut(pair, 'b', 'c', true);
    pair_write(pair, 'b', CATALOG_SCHEMA, "mine", "", body);
    pair_run(pair, 100);
    pair_kill(pair, 'b', false);
    pair_disk_lose(pair, 'b', pair_entry(pair, 'a', "one"));
    pair_cut(pair, 'a', 'b', false);
    pair_cut(pair, 'b', 'c', false);
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, SETTLED_MS);
    must_have(pair, "mine", true);
    must_have(pair, "one", true);
    pair_free(pair);
    catalog_entry_release(stale);
}
END_TEST

START_TEST(all_heal_together) {
    /* D6: where every disk has lost something each finds the copy that is left, whatever the horizon. */
    struct catalog_entry *stale;
    struct pair *pair = cluster(&stale);
    struct catalog_entry *one = catalog_entry_hold(pair_entry(pair, 'a', "one"));
    struct catalog_entry *two = catalog_entry_hold(pair_entry(pair, 'a', "two"));
    for (char letter = 'a'; letter <= 'c'; letter++) {
        pair_kill(pair, letter, true);
    }
    pair_disk_lose(pair, 'a', one);
    pair_disk_lose(pair, 'b', two);
    pair_disk_lose(pair, 'c', one);
    pair_disk_lose(pair, 'c', two);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        pair_start(pair, letter, (struct pair_start){0});
    }
    pair_run(pair, HEALED_MS);
    must_have(pair, "one", true);
    must_have(pair, "two", true);
    pair_free(pair);
    catalog_entry_release(one);
    catalog_entry_release(two);
    catalog_entry_release(stale);
}
END_TEST

START_TEST(newcomer_heals_along) {
    /* The only member that is left heals, and all others are newcomers: they fetch all that it has, and all are ready. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_write(pair, 'a', CATALOG_SCHEMA, "one", "", body);
    pair_write(pair, 'a', CATALOG_SCHEMA, "two", "", body);
    pair_run(pair, SETTLED_MS);
    struct catalog_entry *two = catalog_entry_hold(pair_entry(pair, 'a', "two"));
    ck_assert_uint_ge(pair_disk_state(pair, 'a')->horizon, two->clock_highest);
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_kill(pair, 'a', true);
    pair_disk_lose(pair, 'a', two);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 2 * HEALED_MS);
    must_have(pair, "one", true);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert(pair_disk_state(pair, letter)->ready);
        ck_assert_uint_eq(gossip__member_required_count(pair_engine(pair, letter)), 3);
    }
    pair_free(pair);
    catalog_entry_release(two);
}
END_TEST

Suite *healing_suite(void);
Suite *healing_suite(void) {
    Suite *suite = suite_create("healing");
    TCase *tcase = tcase_create("healing");
    tcase_add_test(tcase, old_row_is_not_spread);
    tcase_add_test(tcase, own_write_is_given);
    tcase_add_test(tcase, all_heal_together);
    tcase_add_test(tcase, newcomer_heals_along);
    suite_add_tcase(suite, tcase);
    return suite;
}
