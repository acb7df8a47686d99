/* test_lineage_newcomer.c - newcomers that begin again, since what they began with is not to be trusted. */
#include "test/unit/support/cluster.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";

enum { SETTLED_MS = 40000 };

/* A newcomer "c" that "b" has admitted, with what it fetched; it cannot be ready without "a". */
static struct pair *admitted(void) {
    struct pair *pair = cluster(2);
    pair_set(pair, 'b', "posts", body);
    pair_run(pair, 2000);
    pair_cut(pair, 'a', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"b:1"}});
    pair_run(pair, 3000);
    ck_assert(!pair_disk_state(pair, 'c')->ready);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts"));
    pair_transcript_clear(pair);
    return pair;
}

START_TEST(newcomer_whose_admitter_is_removed_begins_again) {
    /* DESIGN 4.7: what a newcomer began with, its admitter alone may have had: with the removal it begins again. */
    struct pair *pair = admitted();
    struct catalog_id admitter = pair_disk_state(pair, 'c')->admitter_id;
    ck_assert(catalog_id_equal(&admitter, &pair_member(pair, 'c', "b")->row.id));
    pair_kill(pair, 'b', true);
    pair_remove(pair, 'a', "b");
    pair_cut(pair, 'a', 'c', false);
    for (unsigned i = 0; i < SETTLED_MS && !pair_saw(pair, "that admitted it was removed"); i++) {
        pair_run(pair, 1);
    }
    ck_assert(pair_saw(pair, "the member that admitted it was removed"));
    /* It does not ask for entries under the horizon of nobody. */
    ck_assert(catalog_id_equal(&pair_disk_state(pair, 'c')->admitter_id,
                               &pair_member(pair, 'c', "a")->row.id));
    pair_run(pair, SETTLED_MS);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts"));
    pair_must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_below_the_horizon_begins_again) {
    /* G3: what a newcomer has fetched under a horizon that all others have passed since is not to be trusted. */
    struct pair *pair = admitted();
    struct gossip *c = pair_engine(pair, 'c');
    struct catalog_id id = c->state.node_id;
    ck_assert(!c->state.ready);
    ck_assert_int_eq(gossip__horizon_heard(c, pair_member(pair, 'c', "b"), c->state.seen + 1),
                     GOSSIP__HORIZON_EMPTY);
    ck_assert_uint_eq(c->state.seen, 0);
    ck_assert_ptr_null(catalog_pending_next(c->catalog, 0, (struct catalog_text){"", 0}, NULL));
    size_t notices = c->out.notices.size_bytes;
    ck_assert_uint_eq(notices, sizeof(struct gossip_notice));
    ck_assert_ptr_nonnull(strstr((const char *)c->out.texts.data + strlen("a") + 1,
                                 "this newcomer starts again, empty"));
    ck_assert_int_eq(gossip__horizon_heard(c, pair_member(pair, 'c', "b"), 7),
                     GOSSIP__HORIZON_EMPTY); /* it has begun nothing that it could begin again */
    ck_assert_uint_eq(c->out.notices.size_bytes, notices);
    pair_run(pair, 5000);
    ck_assert(!pair_saw(pair, "this newcomer starts again, empty"));
    ck_assert(catalog_id_equal(&c->state.node_id, &id));
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts")); /* admitted and fetched anew */
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 8000);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    pair_must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_whose_admitter_is_older_begins_again) {
    /* A horizon never falls under one id: the disk of a member that says a lower one was put back, and a newcomer with what
     * that had given it would wait for ever. */
    struct pair *pair = admitted();
    struct gossip *c = pair_engine(pair, 'c');
    c->state.horizon = c->state.seen = c->stored.horizon + 5; /* as if b had been there */
    struct gossip__member *other = pair_member(pair, 'c', "a");
    gossip__lineage_behind(c, other);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts"));
    ck_assert_uint_gt(c->state.horizon, 0);
    gossip__lineage_behind(c, pair_member(pair, 'c', "b"));
    ck_assert_uint_eq(c->state.horizon, 0);
    pair_run(pair, 5000);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts")); /* admitted and fetched anew */
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, SETTLED_MS);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    pair_must_agree(pair, 'b', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_keeps_what_it_kept) {
    /* G2: who began anew, and as a newcomer begins once more, still has on its disk what it alone had (seed 123903). */
    struct pair *pair = admitted();
    struct gossip *c = pair_engine(pair, 'c');
    struct merkle_buffer bytes;
    struct catalog_entry *mine = NULL;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, "mine", c->state.high_water + (1 << 20), 1, 300);
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &mine), 0);
    merkle_buffer_close(&bytes);
    c->kept = merkle_allocate(c->allocator, 1, sizeof(struct catalog_entry *));
    ck_assert_ptr_nonnull(c->kept);
    c->kept[0] = mine;
    c->kept_count = 1;
    c->state.horizon = c->state.seen = c->stored.horizon + 5; /* as if b had been there */
    gossip__lineage_behind(c, pair_member(pair, 'c', "b"));
    pair_run(pair, 100);
    pair_kill(pair, 'c', true);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_cut(pair, 'a', 'c', false);
    pair_transcript_clear(pair);
    pair_run(pair, SETTLED_MS);
    ck_assert(pair_saw(pair, " c # kept mine"));
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_without_store_waits_to_begin_again) {
    /* A full disk recovers by itself: a newcomer that has to begin again meanwhile waits for it, and takes nothing. */
    struct pair *pair = admitted();
    struct gossip *c = pair_engine(pair, 'c');
    struct gossip__member *b = pair_member(pair, 'c', "b");
    catalog_clock heard = c->state.seen + 1;
    c->store_error = CATALOG_EFULL;
    ck_assert_int_eq(gossip__horizon_heard(c, b, heard), GOSSIP__HORIZON_EMPTY);
    ck_assert(!c->fatal);
    ck_assert_ptr_nonnull(pair_entry(pair, 'c', "posts"));
    c->store_error = 0;
    ck_assert_int_eq(gossip__horizon_heard(c, b, heard), GOSSIP__HORIZON_EMPTY);
    ck_assert_ptr_null(catalog_pending_next(c->catalog, 0, (struct catalog_text){"", 0}, NULL));
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 8000);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    pair_free(pair);
}
END_TEST

START_TEST(removal_of_admitter_outlasts_a_failed_store) {
    /* DESIGN 4.7: with the removal of its admitter a newcomer begins again, also if the store could not take that at first;
     * before that it is not ready. */
    struct pair *pair = admitted();
    struct gossip *c = pair_engine(pair, 'c');
    c->store_error = CATALOG_EIO;
    gossip__member_set_state(c, pair_member(pair, 'c', "b"), GOSSIP_MEMBER_REMOVED);
    ck_assert(!c->fatal);
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 5000);
    ck_assert(!c->state.ready);
    c->store_error = 0;
    pair_run(pair, 2000);
    ck_assert(pair_saw(pair, "the member that admitted it was removed"));
    pair_free(pair);
}
END_TEST

Suite *lineage_newcomer_suite(void);
Suite *lineage_newcomer_suite(void) {
    Suite *suite = suite_create("lineage_newcomer");
    TCase *again = tcase_create("lineage_start_again");
    tcase_add_test(again, newcomer_whose_admitter_is_removed_begins_again);
    tcase_add_test(again, newcomer_below_the_horizon_begins_again);
    tcase_add_test(again, newcomer_whose_admitter_is_older_begins_again);
    tcase_add_test(again, newcomer_keeps_what_it_kept);
    tcase_add_test(again, newcomer_without_store_waits_to_begin_again);
    tcase_add_test(again, removal_of_admitter_outlasts_a_failed_store);
    suite_add_tcase(suite, again);
    return suite;
}
