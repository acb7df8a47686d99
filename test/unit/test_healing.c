/* test_healing.c - a disk that has lost rows, or has old ones in their place, and what the others have of it. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";

/* Long enough for the horizon of three to pass all that there is. */
enum { SETTLED_MS = 40000, HEALED_MS = 15000 };

/* As many, all of whom have these two, and have forgotten what was dropped. Returns "dropped" as it stood before. */
static struct pair *cluster_of(char last, struct catalog_entry **stale) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (char letter = 'b'; letter <= last; letter++) {
        pair_run(pair, 100);
        pair_start(pair, letter, (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    pair_write(pair, 'a', CATALOG_SCHEMA, "one", "", body);
    pair_write(pair, 'b', CATALOG_SCHEMA, "two", "", body);
    pair_write(pair, last, CATALOG_SCHEMA, "dropped", "", body);
    pair_run(pair, 1000);
    *stale = catalog_entry_hold(pair_entry(pair, 'b', "dropped"));
    pair_write(pair, 'a', CATALOG_SCHEMA, "dropped", "", NULL);
    pair_run(pair, SETTLED_MS);
    for (char letter = 'a'; letter <= last; letter++) {
        ck_assert_ptr_null(pair_entry(pair, letter, "dropped"));
        ck_assert_uint_ge(pair_disk_state(pair, letter)->horizon,
                          pair_entry(pair, letter, "two")->clock_highest);
    }
    return pair;
}

static struct pair *cluster(struct catalog_entry **stale) {
    return cluster_of('c', stale);
}

/* "b" comes back, and the old row stands on its disk again. */
static void come_back_damaged(struct pair *pair, struct catalog_entry *stale) {
    pair_kill(pair, 'b', true);
    pair_disk_put(pair, 'b', stale);
    pair_start(pair, 'b', (struct pair_start){0});
    ck_assert(pair_engine(pair, 'b')->state.healing);
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

START_TEST(newcomer_does_not_spread_what_it_heals_from) {
    /* G3: what a newcomer has had from others before says nothing of what it fetches from a member that heals. */
    struct catalog_entry *stale;
    struct pair *pair = cluster_of('b', &stale);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 4000);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "one"));
    ck_assert(!pair_engine(pair, 'c')->state.ready);
    pair_cut(pair, 'a', 'b', true); /* else it has healed before the newcomer asks it */
    pair_cut(pair, 'b', 'c', false);
    come_back_damaged(pair, stale);
    pair_run(pair, HEALED_MS);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "dropped"));
    ck_assert_ptr_null(pair_entry(pair, 'a', "dropped"));
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, HEALED_MS);
    must_have(pair, "dropped", false);
    pair_free(pair);
    catalog_entry_release(stale);
}
END_TEST

/* Enough entries that a subtree may be empty on one side: what is in it is asked for as a range. */
static void fill(struct pair *pair, char letter) {
    char name[8];
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "e%u", i);
        pair_set(pair, letter, name, body);
    }
}

START_TEST(withheld_from_a_newcomer_is_no_finished_walk) {
    /* DESIGN 7.2: a walk in which entries were withheld is not finished. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    fill(pair, 'a');
    pair_run(pair, SETTLED_MS);
    struct catalog_entry *lost = catalog_entry_hold(pair_entry(pair, 'a', "e0"));
    pair_kill(pair, 'a', true);
    pair_disk_lose(pair, 'a', lost);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_transcript_clear(pair);
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, HEALED_MS);
    ck_assert_ptr_nonnull(pair_entry(pair, 'b', "e1"));
    ck_assert(pair_disk_state(pair, 'b')->ready);
    ck_assert(!pair_saw(pair, "left the roots unequal"));
    pair_free(pair);
    catalog_entry_release(lost);
}
END_TEST

START_TEST(stale_row_in_a_slow_disk_is_no_futile_walk) {
    /* L1: the row leaves with a batch that takes longer than the next digest does. */
    struct catalog_entry *stale;
    struct pair *pair = cluster(&stale);
    pair_disk_slow(pair, 'b', 30);
    pair_transcript_clear(pair);
    come_back_damaged(pair, stale);
    pair_run(pair, HEALED_MS);
    must_have(pair, "dropped", false);
    ck_assert(!pair_saw(pair, "left the roots unequal"));
    pair_free(pair);
    catalog_entry_release(stale);
}
END_TEST

START_TEST(what_comes_anew_is_not_removed) {
    /* G2: a member lacked the old row; what has been merged with it meanwhile is on its way to the disk, and stays. */
    struct catalog_entry *stale;
    struct pair *pair = cluster(&stale);
    pair_cut(pair, 'a', 'b', true);
    pair_cut(pair, 'b', 'c', true);
    pair_set(pair, 'c', "dropped", body);
    struct catalog_entry *anew = pair_entry(pair, 'c', "dropped");
    come_back_damaged(pair, stale);
    pair_run(pair, 10);
    struct gossip *b = pair_engine(pair, 'b');
    struct gossip__member *a = pair_member(pair, 'b', "a");
    struct gossip__exchange exchange = {.member = a};
    a->horizon = b->stored.horizon;
    const struct gossip__arrival arrival = {.from = pair_member(pair, 'b', "c")->row.id};
    ck_assert(gossip__horizon_settled(b));
    ck_assert_int_eq(gossip__flight_put(b, anew, &arrival), 0);
    gossip__healing_lacked(b, &exchange, pair_entry(pair, 'b', "dropped"));
    struct catalog_key key = catalog_entry_key(anew);
    ck_assert_ptr_eq(catalog_pending_find(b->catalog, &key), anew);
    pair_cut(pair, 'a', 'b', false);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, HEALED_MS);
    must_have(pair, "dropped", true);
    pair_free(pair);
    catalog_entry_release(stale);
}
END_TEST

START_TEST(old_row_of_another_comes_too_late) {
    /* G3: of two that heal one has healed while the other still gives it all that it has. */
    for (unsigned late_ms = 0; late_ms < 4; late_ms++) {
        struct catalog_entry *stale;
        struct pair *pair = cluster(&stale);
        pair_kill(pair, 'b', true);
        pair_kill(pair, 'c', true);
        pair_disk_lose(pair, 'b', pair_entry(pair, 'a', "one"));
        pair_disk_put(pair, 'c', stale);
        pair_cut(pair, 'a', 'c', true);
        pair_cut(pair, 'a', 'b', true);
        pair_start(pair, 'b', (struct pair_start){0});
        pair_start(pair, 'c', (struct pair_start){0});
        pair_run(pair, 500);
        ck_assert(pair_engine(pair, 'b')->state.healing);
        ck_assert(pair_engine(pair, 'c')->state.healing);
        ck_assert_ptr_nonnull(pair_entry(pair, 'b', "dropped"));
        pair_cut(pair, 'a', 'b', false);
        while (pair_engine(pair, 'b')->state.healing && pair_entry(pair, 'b', "dropped") != NULL) {
            pair_run(pair, 1);
        }
        pair_run(pair, late_ms);
        pair_ask(pair, 'c', GOSSIP_SYNC, "b");
        pair_run(pair, 20);
        pair_cut(pair, 'a', 'c', false);
        pair_run(pair, HEALED_MS);
        must_have(pair, "dropped", false);
        pair_free(pair);
        catalog_entry_release(stale);
    }
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
    tcase_add_test(tcase, newcomer_does_not_spread_what_it_heals_from);
    tcase_add_test(tcase, withheld_from_a_newcomer_is_no_finished_walk);
    tcase_add_test(tcase, stale_row_in_a_slow_disk_is_no_futile_walk);
    tcase_add_test(tcase, what_comes_anew_is_not_removed);
    tcase_add_test(tcase, old_row_of_another_comes_too_late);
    suite_add_tcase(suite, tcase);
    return suite;
}
