/* test_horizon.c - what every member has seen is forgotten by all alike: transcripts of a few engines. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";
static const char other_body[] = "{\"fields\":{\"b\":{\"type\":\"number\"}}}";

/* Long enough for the horizon of three to follow: everybody is counted with everybody, then a raise of its own. */
enum { SETTLED_MS = 40000 };

static struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    pair_transcript_clear(pair);
    return pair;
}

static struct catalog_entry *entry(struct pair *pair, char letter, const char *entity) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}};
    return catalog_find(gossip_catalog(pair_engine(pair, letter)), &key);
}

static size_t items(struct pair *pair, char letter) {
    return merkle_tree_count(catalog_tree(gossip_catalog(pair_engine(pair, letter))));
}

static void must_agree(struct pair *pair, size_t count) {
    struct merkle_digest first =
        merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, 'a'))));
    for (size_t i = 1; i < count; i++) {
        struct gossip *engine = pair_engine(pair, (char)('a' + i));
        struct merkle_digest root = merkle_tree_root(catalog_tree(gossip_catalog(engine)));
        ck_assert(merkle_digest_equal(&first, &root));
        ck_assert_uint_eq(engine->stored.horizon, pair_engine(pair, 'a')->stored.horizon);
    }
}

START_TEST(tombstone_leaves_everywhere) {
    /* G3: what was dropped leaves tree and disk of all members once each has it, and nothing else changes. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'b', CATALOG_SCHEMA, "stays", "", body);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 1000);
    pair_write(pair, 'c', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, 1000);
    ck_assert(entry(pair, 'a', "posts")->tombstone);
    pair_run(pair, SETTLED_MS);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert_ptr_null(entry(pair, letter, "posts"));
        ck_assert_ptr_nonnull(entry(pair, letter, "stays"));
        ck_assert_uint_eq(items(pair, letter), 1);
        ck_assert_uint_eq(pair_disk_state(pair, letter)->sum.entry_count, 1);
        ck_assert_uint_eq(pair_disk_state(pair, letter)->horizon,
                          pair_disk_state(pair, letter)->high_water);
    }
    must_agree(pair, 3);
    pair_free(pair);
}
END_TEST

START_TEST(who_is_away_holds_it_back) {
    /* DESIGN 4.7: a member that is away keeps every tombstone there until it is back, and is named. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, SETTLED_MS);
    ck_assert_ptr_nonnull(entry(pair, 'a', "posts"));
    struct gossip_status status = gossip_status(pair_engine(pair, 'b'), pair_now(pair), 1);
    ck_assert_str_eq(status.horizon_holder, "c");
    ck_assert_uint_ge(status.horizon_age_ms, SETTLED_MS / 2);
    pair_kill(pair, 'b', true); /* a process knows only of its own time */
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 3000);
    status = gossip_status(pair_engine(pair, 'b'), pair_now(pair), 1);
    ck_assert_str_eq(status.horizon_holder, "c");
    ck_assert_uint_eq(status.horizon_age_ms, 3000);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, SETTLED_MS);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert_uint_eq(items(pair, letter), 0);
    }
    status = gossip_status(pair_engine(pair, 'b'), pair_now(pair), 1);
    ck_assert_ptr_null(status.horizon_holder);
    ck_assert_uint_eq(status.horizon_age_ms, 0);
    pair_free(pair);
}
END_TEST

START_TEST(removed_member_holds_nothing_back) {
    /* DESIGN 4.7: the horizon is over all members that are not removed. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 3000);
    pair_kill(pair, 'c', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, SETTLED_MS);
    pair_remove(pair, 'a', "c");
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_eq(items(pair, 'a'), 0);
    ck_assert_uint_eq(items(pair, 'b'), 0);
    pair_free(pair);
}
END_TEST

START_TEST(context_is_pruned) {
    /* DESIGN 4.7: pairs that no version stands for leave the contexts, of all members alike. */
    struct pair *pair = cluster(2);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 1000);
    pair_engine(pair, 'a')->horizon_own_ms = pair_engine(pair, 'b')->horizon_own_ms =
        pair_now(pair) + 10000;
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", other_body);
    pair_run(pair, 1000);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 1000);
    uint32_t size_before = entry(pair, 'a', "posts")->size_bytes;
    ck_assert_uint_ne(entry(pair, 'a', "posts")->prune_clock, UINT64_MAX);
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_lt(entry(pair, 'a', "posts")->size_bytes, size_before);
    ck_assert_uint_eq(entry(pair, 'a', "posts")->prune_clock, UINT64_MAX);
    ck_assert_uint_eq(entry(pair, 'a', "posts")->number, 3);
    must_agree(pair, 2);
    pair_free(pair);
}
END_TEST

START_TEST(write_leaves_nothing_to_prune) {
    /* S1: a write over what the horizon has passed bears no pair of it, so that writer and readers hold the same bytes. */
    struct pair *pair = cluster(2);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_ge(pair_disk_state(pair, 'b')->horizon, entry(pair, 'b', "posts")->clock);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", other_body);
    pair_run(pair, 100);
    ck_assert_uint_eq(entry(pair, 'b', "posts")->prune_clock, UINT64_MAX);
    ck_assert(merkle_digest_equal(&entry(pair, 'a', "posts")->digest,
                                  &entry(pair, 'b', "posts")->digest));
    pair_free(pair);
}
END_TEST

START_TEST(nothing_is_moved_over_a_raise) {
    /* G8: nodes at different horizons do not compare roots, so no entry travels because of a raise. */
    struct pair *pair = cluster(3);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        pair_write(pair, letter, CATALOG_SCHEMA, "posts", "", body);
        pair_write(pair, letter, CATALOG_SCHEMA, "posts", "", other_body);
        pair_run(pair, 1000);
    }
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, 2000);
    pair_transcript_clear(pair);
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_eq(items(pair, 'a'), 0);
    ck_assert(!pair_saw(pair, " entries\n"));
    ck_assert(!pair_saw(pair, " walk\n"));
    ck_assert(!pair_saw(pair, " push\n"));
    must_agree(pair, 3);
    pair_free(pair);
}
END_TEST

START_TEST(late_version_does_not_return) {
    /* G3: a member that was away with the live version gives it to nobody: it drops it, then forgets it. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_run(pair, 100);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, SETTLED_MS);
    pair_start(pair, 'c', (struct pair_start){0});
    ck_assert(!entry(pair, 'c', "posts")->tombstone);
    for (size_t i = 0; i < SETTLED_MS / 10; i++) {
        pair_run(pair, 10);
        ck_assert(entry(pair, 'a', "posts") == NULL || entry(pair, 'a', "posts")->tombstone);
        ck_assert(entry(pair, 'b', "posts") == NULL || entry(pair, 'b', "posts")->tombstone);
    }
    ck_assert_uint_eq(items(pair, 'c'), 0);
    must_agree(pair, 3);
    pair_free(pair);
}
END_TEST

START_TEST(written_again_after_removal) {
    /* What is set again after its tombstone has left is new, and stands everywhere. */
    struct pair *pair = cluster(2);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 1000);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_eq(items(pair, 'b'), 0);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", other_body);
    pair_run(pair, SETTLED_MS);
    ck_assert_uint_eq(entry(pair, 'a', "posts")->number, 1);
    ck_assert(!entry(pair, 'a', "posts")->tombstone);
    must_agree(pair, 2);
    pair_free(pair);
}
END_TEST

START_TEST(raise_that_was_cut_off_is_finished) {
    /* G11: a disk from the middle of a raise has tombstones below its horizon; they leave before anything is compared. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'b', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", body);
    pair_run(pair, 100);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", NULL);
    pair_run(pair, 100);
    pair_kill(pair, 'a', true);
    struct catalog_node_state *state = pair_disk_state(pair, 'a');
    state->horizon = state->seen = state->high_water;
    pair_start(pair, 'a', (struct pair_start){0});
    ck_assert(!gossip__horizon_settled(pair_engine(pair, 'a')));
    pair_run(pair, 5);
    ck_assert(gossip__horizon_settled(pair_engine(pair, 'a')));
    ck_assert_uint_eq(items(pair, 'a'), 0);
    ck_assert_uint_eq(pair_disk_state(pair, 'a')->sum.entry_count, 0);
    pair_free(pair);
}
END_TEST

START_TEST(large_raise_goes_in_batches) {
    /* G8: a raise changes at most GOSSIP__PRUNED_PER_BATCH entries a batch, and is compared with nobody until it is done. */
    enum { ENTRIES = 2 * GOSSIP__PRUNED_PER_BATCH + 100 };
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 100);
    for (unsigned i = 0; i < ENTRIES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "e%u", i);
        pair_write(pair, 'a', CATALOG_SCHEMA, name, "", body);
        pair_run(pair, 0);
        pair_write(pair, 'a', CATALOG_SCHEMA, name, "", NULL);
        pair_run(pair, 0);
    }
    ck_assert_uint_eq(items(pair, 'a'), ENTRIES);
    size_t most = 0;
    size_t before = ENTRIES;
    for (unsigned i = 0; i < 30000 && before > 0; i++) {
        pair_run(pair, 1);
        most = before - items(pair, 'a') > most ? before - items(pair, 'a') : most;
        before = items(pair, 'a');
        ck_assert(before == 0 || before == ENTRIES ||
                  !gossip__horizon_settled(pair_engine(pair, 'a')) || before > 0);
    }
    ck_assert_uint_eq(before, 0);
    pair_free(pair);
}
END_TEST

START_TEST(own_raises_are_seldom) {
    /* A node that keeps writing raises by itself once in GOSSIP__HORIZON_INTERVALS, not with each exchange. */
    struct pair *pair = cluster(2);
    pair_run(pair, SETTLED_MS);
    unsigned raises = 0;
    catalog_clock before = pair_disk_state(pair, 'a')->horizon;
    for (unsigned i = 0; i < 40; i++) {
        pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", i % 2 == 0 ? body : other_body);
        pair_run(pair, PAIR_INTERVAL_MS);
        raises += pair_disk_state(pair, 'a')->horizon != before;
        before = pair_disk_state(pair, 'a')->horizon;
    }
    ck_assert_uint_ge(raises, 3);
    ck_assert_uint_le(raises,
                      2 * (40 / GOSSIP__HORIZON_INTERVALS + 2)); /* its own, and its peer's */
    pair_free(pair);
}
END_TEST

Suite *horizon_suite(void);
Suite *horizon_suite(void) {
    Suite *suite = suite_create("horizon");
    TCase *follow = tcase_create("horizon_follow");
    tcase_add_test(follow, tombstone_leaves_everywhere);
    tcase_add_test(follow, who_is_away_holds_it_back);
    tcase_add_test(follow, removed_member_holds_nothing_back);
    tcase_add_test(follow, own_raises_are_seldom);
    suite_add_tcase(suite, follow);
    TCase *prune = tcase_create("horizon_prune");
    tcase_add_test(prune, context_is_pruned);
    tcase_add_test(prune, write_leaves_nothing_to_prune);
    tcase_add_test(prune, raise_that_was_cut_off_is_finished);
    tcase_add_test(prune, large_raise_goes_in_batches);
    suite_add_tcase(suite, prune);
    TCase *heard = tcase_create("horizon_heard");
    tcase_add_test(heard, nothing_is_moved_over_a_raise);
    tcase_add_test(heard, late_version_does_not_return);
    tcase_add_test(heard, written_again_after_removal);
    suite_add_tcase(suite, heard);
    return suite;
}
