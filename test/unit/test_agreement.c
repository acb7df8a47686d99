/* test_agreement.c - waiting for agreement in clusters of a few engines (G6): who is asked, who is named, and when. */
#include "test/unit/support/cluster.h"

#include <check.h>
#include <string.h>

#define POSTS "{\"fields\":{\"f\":{\"type\":\"string\"}}}"
#define POSTS_NEXT "{\"fields\":{\"g\":{\"type\":\"string\"}}}"

static void write_posts(struct pair *pair, char letter, const char *json) {
    pair_write(pair, letter, CATALOG_SCHEMA, "posts", "", json);
}

static int code_of(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    return reply == NULL ? 1 : reply->code;
}

START_TEST(all_confirm) {
    /* A healthy cluster of 1, 2, 3, 5 agrees within a few round trips, and each member is named, this node first. */
    static const char *const told[] = {"a agreed", "a agreed, b agreed",
                                       "a agreed, b agreed, c agreed",
                                       "a agreed, b agreed, c agreed, d agreed, e agreed"};
    static const size_t sizes[] = {1, 2, 3, 5};
    for (size_t i = 0; i < 4; i++) {
        struct pair *pair = cluster(sizes[i]);
        write_posts(pair, 'a', POSTS);
        pair_agree(pair, 'a', 10, "posts", 5000, false);
        pair_agree(pair, 'a', 11, "", 5000, false);
        pair_run(pair, 200);
        ck_assert_int_eq(code_of(pair, 'a', 10), 0);
        ck_assert_int_eq(code_of(pair, 'a', 11), 0);
        ck_assert_str_eq(pair_agreement(pair, 'a', 10), told[i]);
        ck_assert_str_eq(pair_agreement(pair, 'a', 11), told[i]);
        ck_assert_uint_eq(pair_engine(pair, 'a')->operation_count, 0);
        pair_free(pair);
    }
}
END_TEST

START_TEST(transcript_of_an_entry) {
    /* The question is repeated until the push has landed, and asked at once when it is acknowledged (docs/PROTOCOL.md). */
    struct pair *pair = cluster(2);
    pair_run(pair, 500);
    write_posts(pair, 'a', POSTS);
    pair_transcript_clear(pair);
    pair_agree(pair, 'a', 10, "posts", 5000, false);
    pair_run(pair, 10);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "confirm"), 2);
    ck_assert_uint_eq(pair_sent(pair, 'b', 'a', "confirmation"), 2);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    pair_free(pair);
}
END_TEST

START_TEST(lagging_is_named) {
    /* Who answers and lacks it is lagging at the deadline; who has it by then is not waited for any longer. */
    struct pair *pair = cluster(3);
    pair_cut(pair, 'a', 'b', true);
    pair_cut(pair, 'c', 'b', true);
    write_posts(pair, 'a', POSTS);
    pair_run(pair, 20);
    pair_engine(pair, 'a')->config.pushes_lost = true;
    pair_cut(pair, 'a', 'b', false);
    pair_agree(pair, 'a', 10, "posts", 100, false);
    pair_run(pair, 99);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_run(pair, 1);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b lagging, c agreed");
    ck_assert_uint_eq(pair_reply(pair, 'a', 10)->lines[1].since_ms, 100);
    pair_agree(pair, 'a', 11, "posts", 60000, false);
    pair_run(pair, 4000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    pair_free(pair);
}
END_TEST

START_TEST(unreachable_is_named) {
    /* B08: who does not answer is named unreachable, dead or not; success is told only when it is back and has it. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', false);
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 2000, false);
    pair_agree(pair, 'a', 11, "", 2000, false);
    pair_agree(pair, 'a', 12, "posts", 120000, false);
    pair_run(pair, 2000);
    for (uint64_t token = 10; token <= 11; token++) {
        ck_assert_int_eq(code_of(pair, 'a', token), GOSSIP_ENOTAGREED);
        ck_assert_str_eq(pair_agreement(pair, 'a', token), "a agreed, b agreed, c unreachable");
    }
    pair_run(pair, 30000);
    ck_assert_int_eq(pair_member(pair, 'a', "c")->state, GOSSIP_MEMBER_DEAD);
    ck_assert_int_eq(code_of(pair, 'a', 12), 1);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    pair_free(pair);
}
END_TEST

START_TEST(no_storm_of_dials) {
    /* G8: whoever cannot be reached is dialled with the backoff of all dials, however many wait for it. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'b', true);
    pair_run(pair, 30000);
    pair_transcript_clear(pair);
    for (uint64_t token = 10; token < 60; token++) {
        pair_agree(pair, 'a', token, "", 10000, false);
    }
    struct gossip__member *b = pair_member(pair, 'a', "b");
    unsigned failures = b->dial_failures;
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 59), GOSSIP_ENOTAGREED);
    ck_assert_uint_le(b->dial_failures - failures, 12); /* the interval's own */
    pair_free(pair);
}
END_TEST

START_TEST(dead_are_skipped_with_a_majority) {
    /* With skip_dead a dead member is left out if a majority of all has confirmed; one that is only slow is not. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', false);
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 1000, true);
    pair_run(pair, 1000);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    pair_agree(pair, 'a', 11, "posts", 60000, true);
    pair_run(pair, 30000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    ck_assert_str_eq(pair_agreement(pair, 'a', 11), "a agreed, b agreed, c unreachable");
    pair_kill(pair, 'b', false);
    pair_run(pair, 30000);
    pair_agree(pair, 'a', 12, "posts", 1000, true);
    pair_run(pair, 1000);
    ck_assert_int_eq(code_of(pair, 'a', 12), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'a', 12), "a agreed, b unreachable, c unreachable");
    pair_free(pair);
}
END_TEST

START_TEST(one_that_left_is_required) {
    /* Stopped on purpose is not removed: it is waited for, unless the dead are skipped; removed ones are not. */
    struct pair *pair = cluster(3);
    pair_stop(pair, 'c');
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 500, false);
    pair_agree(pair, 'a', 11, "posts", 500, true);
    pair_run(pair, 500);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    pair_agree(pair, 'a', 12, "posts", 60000, false);
    pair_run(pair, 100);
    pair_remove(pair, 'a', "c");
    pair_run(pair, 100);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    ck_assert_str_eq(pair_agreement(pair, 'a', 12), "a agreed, b agreed");
    pair_free(pair);
}
END_TEST

START_TEST(times_of_any_length) {
    /* 0 answers at once from what is known, 1 ms after a millisecond, a year does not overflow anything. */
    struct pair *pair = cluster(2);
    pair_run(pair, 3000);
    pair_agree(pair, 'a', 9, "", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 9), 0); /* the last digest said so */
    write_posts(pair, 'a', POSTS);
    pair_cut(pair, 'a', 'b', true);
    pair_run(pair, 5);
    pair_transcript_clear(pair);
    pair_agree(pair, 'a', 10, "posts", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b unknown");
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "confirm"), 0);
    gossip_time_ms asked_ms = pair_now(pair);
    pair_agree(pair, 'a', 11, "posts", 1, false);
    pair_run(pair, 1);
    ck_assert_int_eq(code_of(pair, 'a', 11), GOSSIP_ENOTAGREED);
    ck_assert_uint_eq(pair_reply(pair, 'a', 11)->replied_ms, asked_ms + 1);
    ck_assert_str_eq(pair_agreement(pair, 'a', 11), "a agreed, b unknown");
    pair_agree(pair, 'a', 12, "posts", UINT64_C(31536000000), false);
    pair_agree(pair, 'a', 13, "posts", GOSSIP_NEVER, false);
    pair_run(pair, 40000);
    pair_agree(pair, 'a', 14, "posts", 0, false);
    ck_assert_str_eq(pair_agreement(pair, 'a', 14), "a agreed, b unreachable");
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    ck_assert_int_eq(code_of(pair, 'a', 13), 0);
    pair_free(pair);
}
END_TEST

START_TEST(known_only_if_all_of_it_is) {
    /* With a timeout of 0 a root heard before a change, another table, or another process tells nothing. */
    struct pair *pair = cluster(2);
    write_posts(pair, 'a', POSTS);
    pair_run(pair, 3000);
    struct gossip__member *b = pair_member(pair, 'a', "b");
    pair_agree(pair, 'a', 10, "posts", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    const struct gossip__told told = b->told;
    for (unsigned flaw = 0; flaw < 4; flaw++) {
        b->told.root.bytes[0] ^= flaw == 0;
        b->told.table.bytes[0] ^= flaw == 1;
        b->told.origin.bytes[5] ^= flaw == 2;
        b->told.known = flaw != 3;
        pair_agree(pair, 'a', 11 + flaw, "posts", 0, false);
        ck_assert_int_eq(code_of(pair, 'a', 11 + flaw), GOSSIP_ENOTAGREED);
        b->told = told;
    }
    pair_free(pair);
}
END_TEST

START_TEST(bad_input_changes_nothing) {
    /* No such entry, a node that is not ready, one that stops, one that was removed, too many: each a clear answer. */
    struct pair *pair = cluster(2);
    pair_agree(pair, 'a', 10, "nothing", 1000, false);
    ck_assert_int_eq(code_of(pair, 'a', 10), CATALOG_ENOTFOUND);
    pair_start(pair, 'c', (struct pair_start){.join = {"z:1"}});
    pair_agree(pair, 'c', 10, "", 1000, false);
    ck_assert_int_eq(code_of(pair, 'c', 10), GOSSIP_EJOINING);
    pair_kill(pair, 'b', false);
    for (uint64_t token = 100; token < 100 + GOSSIP__AGREEMENTS_MAX; token++) {
        pair_agree(pair, 'a', token, "", 60000, false);
        ck_assert_int_eq(code_of(pair, 'a', token), 1);
    }
    pair_agree(pair, 'a', 11, "", 60000, false);
    ck_assert_int_eq(code_of(pair, 'a', 11), GOSSIP_EBUSY);
    ck_assert_uint_eq(pair_engine(pair, 'a')->operation_count, GOSSIP__AGREEMENTS_MAX);
    pair_stop(pair, 'a'); /* all of them are told */
    ck_assert_int_eq(code_of(pair, 'a', 100), GOSSIP_ESTOPPING);
    pair_free(pair);

    pair = cluster(3);
    pair_cut(pair, 'b', 'c', true);
    pair_agree(pair, 'b', 10, "", 60000, false);
    pair_remove(pair, 'a', "b");
    pair_run(pair, 3000);
    ck_assert_int_eq(code_of(pair, 'b', 10), GOSSIP_EREMOVED);
    pair_agree(pair, 'b', 11, "", 60000, false);
    ck_assert_int_eq(code_of(pair, 'b', 11), GOSSIP_EREMOVED);
    pair_free(pair);
}
END_TEST

START_TEST(superseded_counts) {
    /* What superseded the version counts for it, a drop too; a conflict is waited for in all its versions. */
    struct pair *pair = cluster(3);
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    write_posts(pair, 'a', POSTS);
    pair_run(pair, 100);
    pair_agree(pair, 'a', 10, "posts", 60000, false);
    write_posts(pair, 'b', NULL);
    pair_run(pair, 100);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_cut(pair, 'b', 'c', false); /* c hears of the drop only */
    pair_run(pair, 4000);
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);

    write_posts(pair, 'a', POSTS);
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    write_posts(pair, 'a', POSTS_NEXT);
    write_posts(pair, 'c', POSTS_NEXT);
    write_posts(pair, 'c', POSTS);
    pair_run(pair, 100);
    pair_agree(pair, 'c', 11, "posts", 60000, false);
    pair_run(pair, 100);
    ck_assert_int_eq(code_of(pair, 'c', 11), 1);
    pair_cut(pair, 'a', 'c', false);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'c', 11), 0);
    pair_agree(pair, 'b', 12, "posts", 1000, false);
    pair_run(pair, 1000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    pair_free(pair);
}
END_TEST

START_TEST(caller_and_node_may_go) {
    /* The initiator restarts: nothing is left of the agreement, no answer is misunderstood; a new one is asked anew. */
    struct pair *pair = cluster(3);
    write_posts(pair, 'a', POSTS);
    pair_kill(pair, 'c', false);
    pair_agree(pair, 'a', 10, "posts", 60000, false);
    pair_run(pair, 1000);
    pair_kill(pair, 'a', true);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 100);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_agree(pair, 'a', 11, "posts", 60000, false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    pair_free(pair);
}
END_TEST

/* --- restarts ------------------------------------------------------------------------------------ */

START_TEST(restart_is_asked_again) {
    /* B09: a confirmation is of one process. A member that is put back to an older disk has to confirm anew. */
    struct pair *pair = cluster(4);
    pair_kill(pair, 'b', true);
    pair_disk_copy(pair, 'b', 'h'); /* a copy of its disk of before the write */
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 3000);
    pair_cut(pair, 'a', 'c', true); /* c keeps the agreement waiting */
    pair_cut(pair, 'b', 'c', true);
    pair_cut(pair, 'd', 'c', true);
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 60000, false);
    pair_run(pair, 200);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_kill(pair, 'b', true);
    pair_disk_copy(pair, 'h', 'b');
    pair_start(pair, 'b', (struct pair_start){0});
    pair_cut(pair, 'b', 'd', true);
    pair_engine(pair, 'a')->config.pushes_lost = true;
    pair_run(pair, 4); /* it has said hello, and nothing else */
    pair_cut(pair, 'a', 'b', true);
    pair_cut(pair, 'a', 'c', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    pair_free(pair);
}
END_TEST

/* --- the table ----------------------------------------------------------------------------------- */

START_TEST(newcomer_is_required) {
    /* B10: whoever joins while an agreement waits is required as well, and named. */
    struct pair *pair = cluster(3);
    pair_cut(pair, 'a', 'b', true); /* b keeps it waiting */
    pair_cut(pair, 'c', 'b', true);
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 60000, false);
    pair_run(pair, 100);
    pair_start(pair, 'd', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 10);
    pair_cut(pair, 'a', 'd', true);
    pair_cut(pair, 'b', 'd', true);
    pair_cut(pair, 'c', 'd', true);
    pair_cut(pair, 'a', 'b', false);
    pair_cut(pair, 'c', 'b', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    pair_cut(pair, 'a', 'd', false);
    pair_cut(pair, 'b', 'd', false);
    pair_cut(pair, 'c', 'd', false);
    pair_run(pair, 20000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b agreed, c agreed, d agreed");
    pair_free(pair);
}
END_TEST

START_TEST(whoever_a_confirmer_knows) {
    /* A confirmation under another table does not count: the tables are exchanged, and whom it names is required. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'c', true);
    pair_run(pair, 100);
    write_posts(pair, 'a', POSTS);
    pair_run(pair, 100);
    pair_start(pair, 'c', (struct pair_start){.join = {"b:1"}});
    pair_run(pair, 4); /* b has just admitted c, and a has not heard of it */
    ck_assert_ptr_null(pair_member(pair, 'a', "c"));
    ck_assert_ptr_nonnull(pair_member(pair, 'b', "c"));
    pair_transcript_clear(pair);
    pair_agree(pair, 'a', 10, "posts", 700, false);
    pair_run(pair, 700);
    ck_assert_uint_gt(pair_sent(pair, 'a', 'b', "members"), 0);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b agreed, c unreachable");
    pair_free(pair);
}
END_TEST

Suite *agreement_suite(void);
Suite *agreement_suite(void) {
    Suite *suite = suite_create("agreement");
    TCase *waiting = tcase_create("agreement");
    tcase_add_test(waiting, all_confirm);
    tcase_add_test(waiting, transcript_of_an_entry);
    tcase_add_test(waiting, lagging_is_named);
    tcase_add_test(waiting, unreachable_is_named);
    tcase_add_test(waiting, no_storm_of_dials);
    tcase_add_test(waiting, dead_are_skipped_with_a_majority);
    tcase_add_test(waiting, one_that_left_is_required);
    tcase_add_test(waiting, times_of_any_length);
    tcase_add_test(waiting, known_only_if_all_of_it_is);
    tcase_add_test(waiting, bad_input_changes_nothing);
    tcase_add_test(waiting, superseded_counts);
    tcase_add_test(waiting, caller_and_node_may_go);
    suite_add_tcase(suite, waiting);
    TCase *restart = tcase_create("agreement_restart");
    tcase_add_test(restart, restart_is_asked_again);
    suite_add_tcase(suite, restart);
    TCase *table = tcase_create("agreement_table");
    tcase_add_test(table, newcomer_is_required);
    tcase_add_test(table, whoever_a_confirmer_knows);
    suite_add_tcase(suite, table);
    return suite;
}
