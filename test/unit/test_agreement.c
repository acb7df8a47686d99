/* test_agreement.c - waiting for agreement in clusters of a few engines (G6): who is required, and what counts. */
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

Suite *agreement_suite(void);
Suite *agreement_suite(void) {
    Suite *suite = suite_create("agreement");
    TCase *waiting = tcase_create("agreement");
    tcase_add_test(waiting, all_confirm);
    tcase_add_test(waiting, dead_are_skipped_with_a_majority);
    tcase_add_test(waiting, one_that_left_is_required);
    tcase_add_test(waiting, bad_input_changes_nothing);
    tcase_add_test(waiting, superseded_counts);
    tcase_add_test(waiting, caller_and_node_may_go);
    suite_add_tcase(suite, waiting);
    return suite;
}
