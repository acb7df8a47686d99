/* test_join.c - founding, joining, readiness, giving way, taking a name over: transcripts of a few engines. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

static bool is_ready(struct pair *pair, char letter) {
    return pair_engine(pair, letter)->stored.ready;
}

static bool same_cluster(struct pair *pair, char a, char b) {
    return catalog_id_equal(&pair_engine(pair, a)->stored.cluster_id,
                            &pair_engine(pair, b)->stored.cluster_id);
}

/* A cluster of the first `count` letters, settled. */
static struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    for (size_t i = 0; i < count; i++) {
        ck_assert(is_ready(pair, (char)('a' + i)));
        ck_assert(pair_tables_equal(pair, 'a', (char)('a' + i)));
    }
    pair_transcript_clear(pair);
    return pair;
}

START_TEST(founds_alone) {
    /* A node without --join and without known members founds a cluster at once and is ready. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 1);
    ck_assert_str_eq(pair_transcript(pair), "  1000 a ! cluster -: founded the cluster test\n"
                                            "  1000 a ! ready -: this node is ready\n");
    ck_assert(pair_disk_state(pair, 'a')->ready);
    pair_free(pair);
}
END_TEST

START_TEST(joins_by_admit) {
    /* A newcomer is stored before its first request is answered, and ready after a walk begun after that. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 100);
    pair_transcript_clear(pair);
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 10);
    ck_assert_str_eq(pair_transcript(pair), "  1101 b > a hello\n"
                                            "  1101 a > b hello\n"
                                            "  1102 a ! member b: joining, was unknown\n"
                                            "  1102 b ! member a: alive, was unknown\n"
                                            "  1102 a > b admit\n"
                                            "  1103 b ! cluster a: admitted to the cluster test\n"
                                            "  1103 b > a digest\n"
                                            "  1104 a > b digest_answer\n"
                                            "  1105 b ! ready -: this node is ready\n"
                                            "  1105 b > a members\n"
                                            "  1106 a ! member b: alive, was joining\n");
    ck_assert(same_cluster(pair, 'a', 'b'));
    ck_assert(pair_tables_equal(pair, 'a', 'b'));
    pair_free(pair);
}
END_TEST

START_TEST(needs_two_members) {
    /* Where there are two members a newcomer is not ready before it has finished with both (G6: two disks know it). */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 8000);
    ck_assert(same_cluster(pair, 'a', 'c'));
    ck_assert(!is_ready(pair, 'c'));
    ck_assert(pair_member(pair, 'c', "a")->joined_through);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 6000);
    ck_assert(is_ready(pair, 'c'));
    ck_assert(pair_tables_equal(pair, 'b', 'c'));
    pair_free(pair);
}
END_TEST

START_TEST(walks_begun_before_do_not_count) {
    /* A walk makes ready only if it began after the member's ADMIT was stored here: that member had stored us by then. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3000);
    struct gossip *c = pair_engine(pair, 'c');
    struct gossip__member *b = pair_member(pair, 'c', "b");
    gossip__join_counted(c, b, pair_now(pair)); /* it has not admitted us at all */
    ck_assert(!b->joined_through);
    b->admitted_ms = pair_now(pair);
    gossip__join_counted(c, b, pair_now(pair) - 1);
    ck_assert(!b->joined_through);
    ck_assert(!c->state.ready);
    gossip__join_counted(c, b, pair_now(pair));
    ck_assert(b->joined_through);
    ck_assert(c->state.ready);
    pair_free(pair);
}
END_TEST

START_TEST(lost_admit_is_repeated) {
    /* An ADMIT that was lost is sent again. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 100);
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 1);
    pair_cut(pair, 'a', 'b', true); /* the hellos are under way, what follows is lost */
    pair_run(pair, 10);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "admit"), 1);
    pair_cut(pair, 'a', 'b', false);
    ck_assert(!is_ready(pair, 'b'));
    pair_run(pair, 3000);
    ck_assert(is_ready(pair, 'b'));
    pair_transcript_clear(pair);
    pair_run(pair, 3000);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "admit"), 0);
    pair_free(pair);
}
END_TEST

START_TEST(interrupted_join_goes_on) {
    /* A join that a crash interrupts goes on where it was: the newcomer knows its cluster from its disk. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3000);
    ck_assert(!is_ready(pair, 'c'));
    pair_kill(pair, 'c', true);
    ck_assert(catalog_id_equal(&pair_disk_state(pair, 'c')->cluster_id,
                               &pair_disk_state(pair, 'a')->cluster_id));
    pair_cut(pair, 'b', 'c', false);
    pair_start(pair, 'c', (struct pair_start){0}); /* without a seed */
    pair_run(pair, 6000);
    ck_assert(is_ready(pair, 'c'));
    pair_free(pair);
}
END_TEST

START_TEST(restarts_ready) {
    /* A restarted member needs no seed, is ready at once, and bears a higher incarnation. */
    struct pair *pair = cluster(3);
    uint64_t before = pair_member(pair, 'a', "c")->row.incarnation;
    pair_kill(pair, 'c', true);
    pair_run(pair, 500);
    pair_start(pair, 'c', (struct pair_start){0});
    ck_assert(pair_engine(pair, 'c')->state.ready);
    pair_run(pair, 2000);
    ck_assert_int_eq(pair_member(pair, 'a', "c")->state, GOSSIP_MEMBER_ALIVE);
    ck_assert_uint_gt(pair_member(pair, 'a', "c")->row.incarnation, before);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'c', "admit"), 0);
    pair_free(pair);
}
END_TEST

/* Of a and d, in which there was an entry. */
static struct pair *cluster_with_entry(void) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 100);
    pair_write(pair, 'a', CATALOG_SCHEMA, "e", "", "{\"fields\":{}}");
    pair_start(pair, 'd', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3000);
    ck_assert(pair_engine(pair, 'd')->state.had_entry);
    return pair;
}

START_TEST(put_back_before_ready) {
    /* Whose disk was put back to a time before it was ready is admitted anew, though its members know it as ready. */
    struct pair *pair = cluster(3);
    for (char letter = 'b'; letter <= 'c'; letter++) {
        pair_kill(pair, letter, true);
        pair_disk_state(pair, letter)->ready = false;
    }
    pair_start(pair, 'b', (struct pair_start){0});
    pair_start(pair, 'c', (struct pair_start){0});
    ck_assert(!is_ready(pair, 'b'));
    ck_assert(!is_ready(pair, 'c'));
    ck_assert(pair_member(pair, 'a', "c")->row.ready);
    pair_run(pair, 5000);
    ck_assert(is_ready(pair, 'b'));
    ck_assert(is_ready(pair, 'c'));
    ck_assert(pair_tables_equal(pair, 'a', 'b'));
    ck_assert(pair_tables_equal(pair, 'a', 'c'));
    pair_transcript_clear(pair);
    pair_run(pair, 3000);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'c', "admit"), 0);
    pair_free(pair);
}
END_TEST

START_TEST(all_restart_at_once) {
    /* After a mass restart the members find each other from their disks alone. */
    struct pair *pair = cluster(4);
    for (char letter = 'a'; letter <= 'd'; letter++) {
        pair_kill(pair, letter, true);
    }
    for (char letter = 'a'; letter <= 'd'; letter++) {
        pair_start(pair, letter, (struct pair_start){0});
    }
    pair_run(pair, 5000);
    for (char letter = 'b'; letter <= 'd'; letter++) {
        char name[2] = {letter, '\0'};
        ck_assert_int_eq(pair_member(pair, 'a', name)->state, GOSSIP_MEMBER_ALIVE);
        ck_assert(pair_tables_equal(pair, 'a', letter));
    }
    pair_free(pair);
}
END_TEST

START_TEST(newcomers_found_together) {
    /* Newcomers that reach only each other found one cluster after 10 intervals: the smallest id does. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){.join = {"b:1", "c:1"}});
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1", "c:1"}});
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1", "b:1"}});
    pair_run(pair, 9000);
    ck_assert(!pair_saw(pair, "founded"));
    pair_run(pair, 9000);
    ck_assert(pair_saw(pair, "a ! cluster -: founded"));
    ck_assert(!pair_saw(pair, "b ! cluster -: founded"));
    ck_assert(!pair_saw(pair, "c ! cluster -: founded"));
    for (char letter = 'b'; letter <= 'c'; letter++) {
        ck_assert(is_ready(pair, letter));
        ck_assert(same_cluster(pair, 'a', letter));
    }
    pair_free(pair);
}
END_TEST

START_TEST(dead_seeds_found_nothing) {
    /* A newcomer whose seeds are all dead keeps trying, founds nothing, and joins when one comes up. */
    struct pair *pair = pair_new();
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 60000);
    ck_assert(!pair_saw(pair, "founded"));
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 3000);
    ck_assert(is_ready(pair, 'b'));
    pair_free(pair);
}
END_TEST

START_TEST(join_to_itself_is_ignored) {
    /* A --join to itself is no seed, under its own address or another: the node founds. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 1);
    ck_assert(is_ready(pair, 'a'));
    pair_start(pair, 'b',
               (struct pair_start){.join = {"inside:1"}, .listen = "inside:1", .address = "b:1"});
    pair_run(pair, 100);
    ck_assert_uint_gt(pair_engine(pair, 'b')->counters.closed[GOSSIP_CLOSE_SELF], 0);
    pair_run(pair, 2000);
    ck_assert(is_ready(pair, 'b'));
    pair_free(pair);
}
END_TEST

/* Makes a and b founders of a cluster each; those of which an entry was once stored say so. */
static struct pair *two_clusters(bool a_had_entry, bool b_had_entry) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 100);
    pair_kill(pair, 'a', true);
    pair_kill(pair, 'b', true);
    pair_disk_state(pair, 'a')->had_entry = a_had_entry;
    pair_disk_state(pair, 'b')->had_entry = b_had_entry;
    pair_transcript_clear(pair);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 5000);
    return pair;
}

START_TEST(two_clusters_refuse) {
    /* Two clusters of one name that both had entries refuse each other, and both say so. */
    struct pair *pair = two_clusters(true, true);
    ck_assert(!same_cluster(pair, 'a', 'b'));
    ck_assert(pair_saw(pair, "a ! refused b: refused the peer: cluster_id"));
    ck_assert(pair_saw(pair, "b ! refused a: refused the peer: cluster_id"));
    ck_assert_uint_gt(pair_engine(pair, 'a')->counters.closed[GOSSIP_CLOSE_CLUSTER_ID], 0);
    ck_assert_uint_eq(pair_engine(pair, 'a')->member_count, 0);
    ck_assert_uint_eq(pair_engine(pair, 'b')->member_count, 0);
    pair_transcript_clear(pair);
    pair_run(pair, 20000); /* still, but nothing is said twice a minute */
    ck_assert(!pair_saw(pair, " ! "));
    pair_free(pair);
}
END_TEST

START_TEST(empty_cluster_gives_way) {
    /* A cluster that never had an entry gives way: its nodes join the other as newcomers; of two such one does. */
    bool a_had_entry = _i == 1;
    bool b_had_entry = _i == 2;
    struct pair *pair = two_clusters(a_had_entry, b_had_entry);
    char winner = b_had_entry ? 'b' : 'a';
    char loser = b_had_entry ? 'a' : 'b';
    ck_assert(same_cluster(pair, 'a', 'b'));
    ck_assert(is_ready(pair, loser));
    ck_assert(!pair_saw(pair, winner == 'a' ? "a ! cluster" : "b ! cluster"));
    ck_assert(pair_tables_equal(pair, 'a', 'b'));
    pair_free(pair);
}
END_TEST

START_TEST(giving_way_brings_nothing) {
    /* What was known of members of another cluster does not come along into this one, above all not that they are ready:
     * c, in no cluster, meets b as the founder of one; then b gives way, and is a newcomer in the cluster that admits c. */
    struct pair *pair = cluster_with_entry();
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 100);
    pair_start(pair, 'c', (struct pair_start){.join = {"b:1", "a:1"}});
    pair_cut(pair, 'a', 'c', true);
    pair_run(pair, 1);
    pair_cut(pair, 'b', 'c', true); /* the hellos are under way, the ADMIT is lost */
    pair_run(pair, 10);
    struct gossip *c = pair_engine(pair, 'c');
    ck_assert(catalog_id_is_none(&c->state.cluster_id));
    ck_assert(pair_member(pair, 'c', "b")->row.ready);
    struct merkle_buffer rows;
    merkle_buffer_init(&rows, &merkle_allocator_libc);
    ck_assert_uint_eq(gossip__member_table(c, &rows).count, 0); /* nor is it told */
    ck_assert_uint_eq(gossip__member_riders(c, &rows).count, 0);
    merkle_buffer_close(&rows);

    pair_kill(pair, 'b', false);
    pair_cut(pair, 'b', 'd', true); /* so that it is not ready too soon */
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 20000); /* it tries its seed once c, whom it admitted, is dead */
    ck_assert(same_cluster(pair, 'a', 'b'));
    ck_assert(!is_ready(pair, 'b'));
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 15000);
    ck_assert(same_cluster(pair, 'a', 'c'));
    ck_assert(!pair_member(pair, 'c', "b")->row.ready);
    ck_assert(!pair_member(pair, 'a', "b")->row.ready);
    ck_assert(pair_tables_equal(pair, 'a', 'c'));
    pair_free(pair);
}
END_TEST

START_TEST(name_is_taken_over) {
    /* P4: an empty disk under its old name is refused while the old id may live, and takes the name over once that is
     * dead here and a direct dial to it has failed; the old id is removed on all. */
    struct pair *pair = cluster(3);
    struct catalog_id old = pair_member(pair, 'a', "b")->row.id;
    pair_kill(pair, 'b', true);
    pair_disk_wipe(pair, 'b');
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1", "c:1"}});
    pair_run(pair, 3000);
    ck_assert(!is_ready(pair, 'b'));
    ck_assert(pair_saw(pair, "refused b: refused the peer: duplicate_name"));
    pair_run(pair, 20000);
    ck_assert(is_ready(pair, 'b'));
    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct gossip__member *replaced = gossip__member_find(pair_engine(pair, letter), &old);
        ck_assert_ptr_nonnull(replaced);
        ck_assert_int_eq(replaced->state, GOSSIP_MEMBER_REMOVED);
        ck_assert_uint_eq(gossip__member_required_count(pair_engine(pair, letter)), 3);
        ck_assert(pair_tables_equal(pair, 'a', letter));
    }
    pair_free(pair);
}
END_TEST

START_TEST(newcomers_dial_no_namesake) {
    /* N7: a newcomer cannot take the name of a dead member away, so it does not dial that for a namesake's sake: who listens
     * at its address now is the namesake, whose hello would make it dial again. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3000);
    pair_kill(pair, 'b', true);
    pair_run(pair, 20000);
    ck_assert(!is_ready(pair, 'c'));
    ck_assert_int_eq(pair_member(pair, 'c', "b")->state, GOSSIP_MEMBER_DEAD);
    pair_disk_wipe(pair, 'b');
    pair_next_id(pair, 'b', 0xfe);
    pair_cut(pair, 'b', 'c', false);
    pair_cut(pair, 'a', 'b', true);
    pair_disk_state(pair, 'b')->cluster_id = pair_engine(pair, 'a')->state.cluster_id;
    pair_transcript_clear(pair);
    pair_start(pair, 'b', (struct pair_start){.join = {"c:1"}});
    pair_run(pair, 5000);
    ck_assert(pair_saw(pair, "refused b: refused the peer: duplicate_name"));
    ck_assert_uint_lt(pair_sent(pair, 'c', 'b', "hello"), 20);
    pair_free(pair);
}
END_TEST

START_TEST(removed_is_told) {
    /* A removed id is told while it is down, and never becomes a member again (G3): its node comes back under another. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', true);
    pair_remove(pair, 'a', "c");
    pair_run(pair, 3000);
    ck_assert(pair_saw(pair, "a = 0"));
    ck_assert_int_eq(pair_member(pair, 'b', "c")->state, GOSSIP_MEMBER_REMOVED);
    struct catalog_id id = pair_member(pair, 'b', "c")->row.id;
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 33000);
    ck_assert(!pair_engine(pair, 'c')->removed);
    ck_assert(!catalog_id_equal(&pair_engine(pair, 'c')->stored.node_id, &id));
    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct gossip__member *former = gossip__member_find(pair_engine(pair, letter), &id);
        ck_assert_int_eq(former->state, GOSSIP_MEMBER_REMOVED);
    }
    ck_assert_uint_eq(gossip__member_required_count(pair_engine(pair, 'a')), 3);
    pair_free(pair);
}
END_TEST

START_TEST(removed_while_alive) {
    /* A member that is removed while it runs is told over its session, once the removal is on disk. */
    struct pair *pair = cluster(3);
    pair_remove(pair, 'a', "c");
    pair_run(pair, 3000);
    ck_assert(pair_engine(pair, 'c')->removed);
    ck_assert_ptr_null(pair_member(pair, 'a', "c")->session);
    pair_free(pair);
}
END_TEST

Suite *join_suite(void);
Suite *join_suite(void) {
    Suite *suite = suite_create("join");
    TCase *tcase = tcase_create("join_found");
    tcase_add_test(tcase, founds_alone);
    tcase_add_test(tcase, newcomers_found_together);
    tcase_add_test(tcase, dead_seeds_found_nothing);
    tcase_add_test(tcase, join_to_itself_is_ignored);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("join_admit");
    tcase_add_test(tcase, joins_by_admit);
    tcase_add_test(tcase, needs_two_members);
    tcase_add_test(tcase, walks_begun_before_do_not_count);
    tcase_add_test(tcase, lost_admit_is_repeated);
    tcase_add_test(tcase, interrupted_join_goes_on);
    tcase_add_test(tcase, restarts_ready);
    tcase_add_test(tcase, put_back_before_ready);
    tcase_add_test(tcase, all_restart_at_once);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("join_give_way");
    tcase_add_test(tcase, two_clusters_refuse);
    tcase_add_loop_test(tcase, empty_cluster_gives_way, 0, 3);
    tcase_add_test(tcase, giving_way_brings_nothing);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("join_removed");
    tcase_add_test(tcase, name_is_taken_over);
    tcase_add_test(tcase, newcomers_dial_no_namesake);
    tcase_add_test(tcase, removed_is_told);
    tcase_add_test(tcase, removed_while_alive);
    suite_add_tcase(suite, tcase);
    return suite;
}
