/* test_lineage.c - old disks, removed ids, newcomers that begin again: transcripts of a few engines. */
#include "test/unit/support/cluster.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char body[] = "{\"fields\":{\"a\":{\"type\":\"string\"}}}";
static const char other_body[] = "{\"fields\":{\"b\":{\"type\":\"number\"}}}";

enum { SETTLED_MS = 40000 };

/* A cluster of three; the disk of "c", as it was before "posts" was dropped and forgotten by all, is back in its place, with
 * "only", which it wrote alone. It is down, or (cut off) still up. */
static struct pair *restored(void) {
    struct pair *pair = cluster(3);
    pair_set(pair, 'a', "posts", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'c', 'h'); /* the copy */
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 3000);
    pair_set(pair, 'b', "posts", NULL);
    pair_run(pair, SETTLED_MS);
    ck_assert_ptr_null(pair_entry(pair, 'a', "posts"));
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'h', 'c');
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 100);
    pair_set(pair, 'c', "only", body);
    ck_assert(!pair_entry(pair, 'c', "posts")->tombstone);
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
        ck_assert_ptr_null(pair_entry(pair, 'a', "posts"));
        ck_assert_ptr_null(pair_entry(pair, 'b', "posts"));
    }
    ck_assert(pair_saw(pair, "this disk is older than what its id has confirmed"));
    ck_assert_ptr_null(pair_entry(pair, 'c', "posts"));
    ck_assert(!catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert(pair_disk_state(pair, 'c')->ready);
    ck_assert(catalog_id_is_none(&pair_disk_state(pair, 'c')->replaced_id));
    for (char letter = 'a'; letter <= 'b'; letter++) {
        ck_assert_int_eq(pair_member(pair, letter, "c")->state, GOSSIP_MEMBER_ALIVE);
        struct gossip__member *former = gossip__member_find(pair_engine(pair, letter), &before);
        ck_assert_int_eq(former->state, GOSSIP_MEMBER_REMOVED);
    }
    pair_must_agree(pair, 'a', 'b');
    pair_must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(word_of_who_is_no_longer_ready_does_not_count) {
    /* Decision 0031: from whom is not ready nobody can fetch anew; that it was ready once, as the table says for ever, before its
     * disk was put back, changes nothing. */
    struct pair *pair = cluster(2);
    struct gossip *a = pair_engine(pair, 'a');
    struct gossip__member *b = pair_member(pair, 'a', "b");
    catalog_clock heard = a->state.seen + 1;
    ck_assert(b->row.ready);
    b->session->peer_ready = false;
    ck_assert_int_eq(gossip__horizon_heard(a, b, heard), GOSSIP__HORIZON_NEW_ID);
    ck_assert_uint_eq(b->doubted_ms, 0);
    b->session->peer_ready = true;
    ck_assert_int_eq(gossip__horizon_heard(a, b, heard), GOSSIP__HORIZON_NEW_ID);
    ck_assert_uint_ne(b->doubted_ms, 0);
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
    ck_assert_ptr_null(pair_entry(pair, 'c', "only"));
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
    pair_set(pair, 'a', "posts", body);
    pair_run(pair, SETTLED_MS);
    pair_kill(pair, 'c', true);
    pair_disk_copy(pair, 'c', 'h');
    pair_set(pair, 'a', "posts", other_body); /* c is away: nothing is forgotten */
    pair_run(pair, SETTLED_MS);
    pair_disk_copy(pair, 'h', 'c');
    struct catalog_id before = pair_disk_state(pair, 'c')->node_id;
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, SETTLED_MS);
    ck_assert(catalog_id_equal(&pair_disk_state(pair, 'c')->node_id, &before));
    ck_assert_uint_eq(pair_entry(pair, 'c', "posts")->number, 2);
    pair_free(pair);
}
END_TEST

START_TEST(removed_id_that_comes_back_starts_over) {
    /* DESIGN 4.7: a member that was removed while it was away takes a new id at its return, and what it alone had is handed
     * out. */
    struct pair *pair = cluster(3);
    pair_set(pair, 'a', "posts", body);
    pair_run(pair, 3000);
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    pair_set(pair, 'c', "only", body);
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
    ck_assert_ptr_null(pair_entry(pair, 'a', "only"));
    pair_must_agree(pair, 'a', 'c');
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
    pair_must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

START_TEST(removed_id_stays_removed_without_store) {
    /* An id that was removed serves nobody: not either if the new one could not be stored. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'b', true);
    pair_disk_state(pair, 'b')->removed = true;
    pair_start(pair, 'b', (struct pair_start){0});
    struct gossip *b = pair_engine(pair, 'b');
    ck_assert(b->lineage_replacing);
    gossip__flight_stored(b, b->ticket_last, CATALOG_EIO);
    ck_assert(b->state.removed);
    ck_assert_int_eq(gossip__write_refusal(b), GOSSIP_EREMOVED);
    pair_free(pair);
}
END_TEST

/* A peer says, for the second time, that this disk is too old. */
static void doubt_twice(struct solo *solo, unsigned peer) {
    struct gossip__message digest = {.type = GOSSIP__DIGEST};
    solo_digest(solo, &digest, 1);
    digest.digest.clock = digest.digest.seen = digest.digest.horizon = solo_clock(900);
    solo_receive(solo, peer, &digest);
    solo->now_ms += 1000;
    solo_receive(solo, peer, &digest);
}

static bool is_kept(const struct catalog_batch *batch, const char *entity) {
    for (size_t i = 0; i < batch->kept_count; i++) {
        struct catalog_key key = catalog_entry_key(batch->kept[i]);
        if (key.entity.size_bytes == strlen(entity) &&
            memcmp(key.entity.data, entity, strlen(entity)) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(write_in_flight_is_kept) {
    /* G2: a write that is acknowledged while the new id is on its way to the disk is kept, as one before it is. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    (void)solo_write(solo, 1, "before", "f");
    solo_store_all(solo);
    member->met = true;
    (void)solo_write(solo, 2, "meanwhile", "f");
    doubt_twice(solo, 1);
    ck_assert(solo->engine->lineage_replacing);
    ck_assert_uint_eq(solo->update->batch_count, 1);
    ck_assert(solo->update->batches[0].reset);
    ck_assert(is_kept(&solo->update->batches[0], "before"));
    ck_assert(is_kept(&solo->update->batches[0], "meanwhile"));
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    ck_assert_uint_eq(solo->engine->kept_count, 2);
    ck_assert(!gossip__seen_whole(solo->engine)); /* what it had of the others is gone (seen.c) */
    solo_free(solo);
}
END_TEST

/* A decoded entry of solo_entry, held once. */
static struct catalog_entry *made(catalog_clock clock, uint8_t origin) {
    struct merkle_buffer bytes;
    struct catalog_entry *entry = NULL;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, "posts", clock, origin, 300 + origin);
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry), 0);
    merkle_buffer_close(&bytes);
    return entry;
}

/* The cluster has `stored` (NULL: nothing), this node kept `kept`; what is handed out of it, held. */
static struct catalog_entry *handed_out(struct catalog_entry *stored, struct catalog_entry *kept) {
    struct solo *solo = solo_new();
    struct gossip *engine = solo->engine;
    if (stored != NULL) {
        ck_assert_int_eq(catalog_load(engine->catalog, stored), 0);
    }
    engine->kept = merkle_allocate(engine->allocator, 1, sizeof *engine->kept);
    ck_assert_ptr_nonnull(engine->kept);
    engine->kept[0] = catalog_entry_hold(kept);
    engine->kept_count = 1;
    gossip__lineage_ready(engine);
    struct catalog_entry *handed =
        engine->kept_count == 0 ? NULL : catalog_entry_hold(engine->kept[0]);
    solo_free(solo);
    return handed;
}

START_TEST(what_is_lacked_of_a_conflict_is_handed_out) {
    /* G2: of an entry in conflict the version that the cluster lacks is handed out, whether it was in force or not. */
    for (uint8_t later = 1; later <= 2; later++) {
        struct catalog_entry *sides[] = {made(solo_clock(later == 1 ? 2 : 1), 1),
                                         made(solo_clock(later == 2 ? 2 : 1), 2)};
        struct catalog_entry *conflict = NULL;
        ck_assert_int_eq(
            catalog_merge(&merkle_allocator_libc, sides[0], sides[1], 0, &conflict, NULL), 0);
        ck_assert(conflict->conflict);
        struct catalog_entry *handed = handed_out(sides[1], conflict);
        ck_assert_ptr_nonnull(handed);
        ck_assert(merkle_digest_equal(&handed->digest, &sides[0]->digest));
        catalog_entry_release(handed);
        handed = handed_out(NULL, conflict);
        ck_assert_ptr_eq(handed, conflict);
        catalog_entry_release(handed);
        ck_assert_ptr_null(handed_out(conflict, conflict));
        catalog_entry_release(conflict);
        catalog_entry_release(sides[0]);
        catalog_entry_release(sides[1]);
    }
}
END_TEST

/* Of a node "a" that is loaded by hand. */
static const struct gossip_config config = {
    .allocator = &merkle_allocator_libc,
    .cluster_name = "test",
    .node_name = "a",
    .address = "a:1",
    .interval_ms = 1000,
    .freshness_limit_ms = 5000,
    .origin = {{1}},
    .fresh_node_id = {{2}},
    .fresh_cluster_id = {{3}},
};

START_TEST(rows_ahead_of_the_state) {
    /* Of a file that lost its last write in part the rows may be newer than the mark: what is written next is newer still, and
     * the horizon can follow (seed 111940). */
    struct catalog_entry *entry = made(solo_clock(5), 1);
    const struct catalog_load load = {.state = {.node_id = {{2}}, .high_water = solo_clock(4)},
                                      .entries = &entry,
                                      .entry_count = 1};
    struct gossip *engine;
    ck_assert_int_eq(gossip_new(&config, &load, &engine), 0);
    ck_assert_uint_eq(engine->state.high_water, solo_clock(5));
    gossip_free(engine);
    catalog_entry_release(entry);
}
END_TEST

START_TEST(lost_rows_of_kept_are_told) {
    /* Decision 0033: rows of what was kept that are damaged or gone are told at each start. */
    const struct catalog_load load = {.fresh = true, .kept_lost_count = 2};
    struct gossip *engine;
    ck_assert_int_eq(gossip_new(&config, &load, &engine), 0);
    const struct gossip_update *update;
    ck_assert_int_eq(
        gossip_step(engine, &(struct gossip_event){.type = GOSSIP_START, .now_ms = 1}, &update), 0);
    ck_assert_uint_gt(update->notice_count, 0);
    ck_assert_int_eq(update->notices[0].type, GOSSIP_NOTICE_STORE);
    ck_assert_int_eq(update->notices[0].severity, GOSSIP_ERROR);
    ck_assert_ptr_nonnull(strstr(update->notices[0].text, "2 rows"));
    gossip_free(engine);
}
END_TEST

START_TEST(kept_is_written_once) {
    /* G8: a file that is written is not asked for again while the store does not take the word. */
    struct solo *solo = solo_new();
    (void)solo_write(solo, 1, "posts", "f");
    solo_store_all(solo);
    struct gossip *engine = solo->engine;
    engine->kept = malloc(sizeof *engine->kept);
    engine->kept[0] = catalog_entry_hold(solo_find(solo, "posts"));
    engine->kept_count = 1;
    engine->kept_ready = true;
    (void)solo_write(solo, 2, "lost", "f");
    ck_assert_uint_eq(solo->update->kept_count, 1);
    solo_store(solo, CATALOG_EIO);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_KEPT});
    for (unsigned i = 0; i < 3; i++) {
        solo->now_ms += 1000;
        solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
        ck_assert_uint_eq(solo->update->kept_count, 0);
    }
    struct catalog_load load = {.entries = solo->disk.entries,
                                .entry_count = solo->disk.entry_count,
                                .kept = engine->kept,
                                .kept_count = 1,
                                .state = solo->disk.state};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    ck_assert(solo->update->batches[0].kept_cleared);
    ck_assert_uint_eq(engine->kept_count, 0);
    solo_free(solo);
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
    tcase_add_test(kept, word_of_who_is_no_longer_ready_does_not_count);
    tcase_add_test(kept, what_it_alone_had_is_handed_out);
    tcase_add_test(kept, kept_survives_a_crash);
    tcase_add_test(kept, write_in_flight_is_kept);
    tcase_add_test(kept, kept_is_written_once);
    tcase_add_test(kept, what_is_lacked_of_a_conflict_is_handed_out);
    tcase_add_test(kept, rows_ahead_of_the_state);
    tcase_add_test(kept, lost_rows_of_kept_are_told);
    suite_add_tcase(suite, kept);
    TCase *removed = tcase_create("lineage_removed");
    tcase_add_test(removed, removed_id_that_comes_back_starts_over);
    tcase_add_test(removed, removed_while_it_serves_stops);
    tcase_add_test(removed, removed_id_stays_removed_without_store);
    suite_add_tcase(suite, removed);
    return suite;
}
