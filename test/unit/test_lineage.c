/* test_lineage.c - old disks, removed ids, newcomers that begin again: transcripts of a few engines. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";
static const char other_body[] = "{\"fields\":{\"b\":{\"type\":\"number\"}}}";

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

static void set(struct pair *pair, char letter, const char *entity, const char *json) {
    pair_write(pair, letter, CATALOG_SCHEMA, entity, "", json);
    pair_run(pair, 50);
}

static void must_agree(struct pair *pair, char a, char b) {
    struct merkle_digest left =
        merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, a))));
    struct merkle_digest right =
        merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, b))));
    ck_assert(merkle_digest_equal(&left, &right));
    ck_assert(pair_tables_equal(pair, a, b));
}

/* A cluster of three; the disk of "c", as it was before "posts" was dropped and forgotten by all, is back in its place, with
 * "only", which it wrote alone. It is down, or (cut off) still up. */
static struct pair *restored(void) {
    struct pair *pair = cluster(3);
    set(pair, 'a', "posts", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'c', 'h'); /* the copy */
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 3000);
    set(pair, 'b', "posts", NULL);
    pair_run(pair, SETTLED_MS);
    ck_assert_ptr_null(entry(pair, 'a', "posts"));
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'h', 'c');
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 100);
    set(pair, 'c', "only", body);
    ck_assert(!entry(pair, 'c', "posts")->tombstone);
    return pair;
}

START_TEST(old_disk_takes_a_new_id) {
    /* G3: a disk older than what its id has confirmed gives nothing back: it joins empty under a new id, the former one is
     * removed on all, and its name stays. */
    struct pair *pair = restored();
    struct catalog_id before = pair_disk_state(pair, 'c')->node_id;
    pair_transcript_clear(pair);
    pair_cut(pair, 'a', 'c', false);
    pair_cut(pair, 'b', 'c', false);
    for (unsigned i = 0; i < SETTLED_MS / 10; i++) {
        pair_run(pair, 10);
        ck_assert_ptr_null(entry(pair, 'a', "posts"));
        ck_assert_ptr_null(entry(pair, 'b', "posts"));
    }
    ck_assert(pair_saw(pair, "this disk is older than what its id has confirmed"));
    ck_assert_ptr_null(entry(pair, 'c', "posts"));
    ck_assert(!catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert(catalog_id_is_none(&pair_disk_state(pair, 'c')->replaced_id));
    for (char letter = 'a'; letter <= 'b'; letter++) {
        ck_assert_int_eq(pair_member(pair, letter, "c")->state, GOSSIP_MEMBER_ALIVE);
        struct gossip__member *former = gossip__member_find(pair_engine(pair, letter), &before);
        ck_assert_int_eq(former->state, GOSSIP_MEMBER_REMOVED);
    }
    must_agree(pair, 'a', 'b');
    must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(what_it_alone_had_is_handed_out) {
    /* G2: what nobody else had is given to the driver once, to be written to a file; what all have had is not. */
    struct pair *pair = restored();
    pair_transcript_clear(pair);
    pair_cut(pair, 'a', 'c', false);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 5000);
    ck_assert(pair_saw(pair, " c # kept only\n"));
    ck_assert(!pair_saw(pair, "kept posts"));
    ck_assert_ptr_null(entry(pair, 'c', "only"));
    pair_transcript_clear(pair);
    pair_run(pair, 3000);
    ck_assert(!pair_saw(pair, "# kept"));
    pair_kill(pair, 'c', true); /* and it is off the disk */
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 3000);
    ck_assert(!pair_saw(pair, "# kept"));
    pair_free(pair);
}
END_TEST

START_TEST(kept_survives_a_crash) {
    /* G2: between the new id and the file what was kept stands on the disk. */
    struct pair *pair = restored();
    pair_transcript_clear(pair);
    pair_cut(pair, 'a', 'c', false); /* with one member of two it cannot be ready */
    pair_run(pair, 5000);
    ck_assert(!pair_disk_state(pair, 'c')->ready);
    ck_assert(!pair_saw(pair, "# kept"));
    ck_assert(!catalog_id_is_none(&pair_disk_state(pair, 'c')->replaced_id));
    pair_kill(pair, 'c', true);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 2000);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 8000);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert(pair_saw(pair, " c # kept only\n"));
    pair_free(pair);
}
END_TEST

START_TEST(disk_above_the_horizon_catches_up) {
    /* A restored disk that has seen all that was forgotten since is an ordinary member that was away: same id. */
    struct pair *pair = cluster(3);
    set(pair, 'a', "posts", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'c', 'h');
    set(pair, 'a', "posts", other_body); /* c is away: nothing is forgotten */
    pair_run(pair, SETTLED_MS);
    pair_disk_copy(pair, 'h', 'c');
    struct catalog_id before = pair_disk_state(pair, 'c')->node_id;
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, SETTLED_MS);
    ck_assert(catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert_uint_eq(entry(pair, 'c', "posts")->number, 2);
    pair_free(pair);
}
END_TEST

START_TEST(removed_id_that_comes_back_starts_over) {
    /* DESIGN 4.7: a member that was removed while it was away takes a new id at its return, and what it alone had is handed
     * out. */
    struct pair *pair = cluster(3);
    set(pair, 'a', "posts", body);
    pair_run(pair, 3000);
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    set(pair, 'c', "only", body);
    pair_kill(pair, 'c', true);
    pair_run(pair, SETTLED_MS);
    pair_remove(pair, 'a', "c");
    pair_run(pair, 3000);
    struct catalog_id before = pair_disk_state(pair, 'c')->node_id;
    pair_cut(pair, 'a', 'c', false);
    pair_cut(pair, 'b', 'c', false);
    pair_transcript_clear(pair);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, SETTLED_MS);
    ck_assert(!catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert(pair_saw(pair, " c # kept only\n"));
    ck_assert_ptr_null(entry(pair, 'a', "only"));
    must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(removed_while_it_serves_stops) {
    /* The operator meant it: a node that learns while it serves that it was removed stops, and takes a new id only when it
     * is started again. */
    struct pair *pair = cluster(3);
    pair_remove(pair, 'a', "c");
    pair_run(pair, 5000);
    ck_assert(pair_engine(pair, 'c')->removed);
    ck_assert(pair_disk_state(pair, 'c')->removed);
    ck_assert_ptr_null(
        gossip__member_by_name(pair_engine(pair, 'b'), (struct catalog_text){"x", 1}));
    ck_assert_int_eq(pair_member(pair, 'b', "c")->state, GOSSIP_MEMBER_REMOVED);
    pair_kill(pair, 'c', true);
    struct catalog_id before = pair_disk_state(pair, 'c')->node_id;
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 10000);
    ck_assert(!catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert(!pair_disk_state(pair, 'c')->removed);
    ck_assert_int_eq(pair_member(pair, 'b', "c")->state, GOSSIP_MEMBER_ALIVE);
    must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_whose_admitter_is_removed_begins_again) {
    /* DESIGN 4.7: what a newcomer began with, its admitter alone may have had: with the removal it begins again. */
    struct pair *pair = cluster(2);
    set(pair, 'b', "posts", body);
    pair_run(pair, 2000);
    pair_cut(pair, 'a', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"b:1"}});
    pair_run(pair, 3000);
    ck_assert(!pair_disk_state(pair, 'c')->ready);
    ck_assert_ptr_nonnull(entry(pair, 'c', "posts"));
    struct catalog_id admitter = pair_disk_state(pair, 'c')->admitter_id;
    ck_assert(catalog_id_equal(&admitter, &pair_member(pair, 'c', "b")->row.id));
    pair_transcript_clear(pair);
    pair_kill(pair, 'b', true);
    pair_remove(pair, 'a', "b");
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, SETTLED_MS);
    ck_assert(pair_saw(pair, "the member that admitted it was removed"));
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert_ptr_nonnull(entry(pair, 'c', "posts"));
    must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_below_the_horizon_begins_again) {
    /* G3: what a newcomer has fetched under a horizon that all others have passed since is not to be trusted. */
    struct pair *pair = cluster(2);
    set(pair, 'a', "posts", body);
    pair_run(pair, 2000);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3000);
    struct gossip *c = pair_engine(pair, 'c');
    struct catalog_id id = c->state.node_id;
    ck_assert_ptr_nonnull(entry(pair, 'c', "posts"));
    ck_assert(!c->state.ready);
    pair_transcript_clear(pair);
    ck_assert_int_eq(gossip__horizon_heard(c, pair_member(pair, 'c', "a"), c->state.seen + 1),
                     GOSSIP__HORIZON_EMPTY);
    ck_assert_uint_eq(c->state.seen, 0);
    ck_assert_ptr_null(catalog_pending_next(c->catalog, 0, (struct catalog_text){"", 0}, NULL));
    pair_run(pair, 5000);
    ck_assert(pair_saw(pair, "this newcomer starts again, empty"));
    ck_assert(catalog_id_equal(&c->state.node_id, &id));
    ck_assert_ptr_nonnull(entry(pair, 'c', "posts")); /* admitted and fetched anew */
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 8000);
    ck_assert(pair_disk_state(pair, 'c')->ready);
    must_agree(pair, 'b', 'c');
    pair_free(pair);
}
END_TEST

/* "d" comes with the word that it was of this id before. */
static void replacing(struct pair *pair, const struct catalog_id *id) {
    pair_start(pair, 'd', (struct pair_start){.join = {"a:1"}});
    struct gossip *engine = pair_engine(pair, 'd');
    engine->state.replaced_id = *id;
    engine->state.cluster_id = pair_engine(pair, 'a')->state.cluster_id;
    pair_run(pair, 100);
}

START_TEST(former_id_that_lives_is_not_removed) {
    /* Whoever says that it replaces an id takes no member with it that lives here, and one that is gone it does. */
    struct pair *pair = cluster(3);
    struct catalog_id id = pair_member(pair, 'a', "c")->row.id;
    replacing(pair, &id);
    ck_assert_int_eq(gossip__member_find(pair_engine(pair, 'a'), &id)->state, GOSSIP_MEMBER_ALIVE);
    pair_kill(pair, 'c', true);
    pair_kill(pair, 'd', true);
    pair_disk_wipe(pair, 'd');
    pair_next_id(pair, 'd', 0x11);
    replacing(pair, &id);
    ck_assert_int_eq(gossip__member_find(pair_engine(pair, 'a'), &id)->state,
                     GOSSIP_MEMBER_REMOVED);
    pair_free(pair);
}
END_TEST

Suite *lineage_suite(void);
Suite *lineage_suite(void) {
    Suite *suite = suite_create("lineage");
    TCase *replace = tcase_create("lineage_replace");
    tcase_add_test(replace, old_disk_takes_a_new_id);
    tcase_add_test(replace, disk_above_the_horizon_catches_up);
    tcase_add_test(replace, former_id_that_lives_is_not_removed);
    suite_add_tcase(suite, replace);
    TCase *kept = tcase_create("lineage_kept");
    tcase_add_test(kept, what_it_alone_had_is_handed_out);
    tcase_add_test(kept, kept_survives_a_crash);
    suite_add_tcase(suite, kept);
    TCase *removed = tcase_create("lineage_removed");
    tcase_add_test(removed, removed_id_that_comes_back_starts_over);
    tcase_add_test(removed, removed_while_it_serves_stops);
    suite_add_tcase(suite, removed);
    TCase *again = tcase_create("lineage_start_again");
    tcase_add_test(again, newcomer_whose_admitter_is_removed_begins_again);
    tcase_add_test(again, newcomer_below_the_horizon_begins_again);
    suite_add_tcase(suite, again);
    return suite;
}
