/* test_agreement_ask.c - how members are asked for agreement, and when their answers are void again (G6, G8). */
#include "test/unit/support/cluster.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

#define POSTS "{\"fields\":{\"f\":{\"type\":\"string\"}}}"

static void write_posts(struct pair *pair, char letter, const char *json) {
    pair_write(pair, letter, CATALOG_SCHEMA, "posts", "", json);
}

static int code_of(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    return reply == NULL ? 1 : reply->code;
}

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

static void agree_whole(struct solo *solo) {
    const struct gossip_operation operation = {
        .type = GOSSIP_AGREEMENT, .token = 9, .timeout_ms = 60000};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
}

START_TEST(whole_under_equal_tables) {
    /* Equal roots under another member table confirm nothing: the tables are exchanged, and it is asked again. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_clear(solo);
    agree_whole(solo);
    struct gossip__message digest = {.type = GOSSIP__DIGEST_ANSWER};
    solo_digest(solo, &digest, solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.exchange);
    digest.digest.table.bytes[0] ^= 1;
    solo_receive(solo, 1, &digest);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__MEMBERS), 1);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_run(solo, 50);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST), 2);
    solo_answer_equal(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    solo_free(solo);
}
END_TEST

START_TEST(whole_of_many) {
    /* As many exchanges as may be under way at once; the end of one makes room for the next, without any wait. */
    enum { PEERS = 2 * GOSSIP__EXCHANGES_MAX + 3 };
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= PEERS; peer++) {
        (void)solo_peer(solo, peer);
    }
    solo_clear(solo);
    agree_whole(solo);
    const gossip_time_ms begun_ms = solo->now_ms;
    bool answered[PEERS + 1] = {false};
    for (size_t count = 0; count < PEERS; count++) {
        size_t asked = 0;
        unsigned next = 0;
        for (unsigned peer = 1; peer <= PEERS; peer++) {
            asked += solo_sent(solo, peer, GOSSIP__DIGEST);
            next = solo_sent(solo, peer, GOSSIP__DIGEST) == 1 && !answered[peer] ? peer : next;
        }
        ck_assert_uint_eq(
            asked, count + GOSSIP__EXCHANGES_MAX < PEERS ? count + GOSSIP__EXCHANGES_MAX : PEERS);
        ck_assert_int_eq(solo_reply(solo, 9), 1);
        solo_answer_equal(solo, next);
        answered[next] = true;
        solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    }
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    ck_assert_uint_eq(solo->now_ms, begun_ms);
    solo_free(solo);
}
END_TEST

START_TEST(dialled_at_once) {
    /* A member without a connection is dialled, and asked as soon as it says hello. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    solo_clear(solo);
    agree_whole(solo);
    ck_assert_uint_eq(solo->update->connection_count, 1);
    ck_assert_int_eq(solo->update->connections[0].action, GOSSIP_DIAL);
    ck_assert_str_eq(solo->update->connections[0].address, "p1:1");
    (void)solo_peer(solo, 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST), 1);
    solo_answer_equal(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    solo_free(solo);
}
END_TEST

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

START_TEST(transcript_of_an_entry) {
    /* The push goes before the question, which is answered when it has landed (docs/PROTOCOL.md has this transcript). */
    struct pair *pair = cluster(2);
    pair_run(pair, 500);
    write_posts(pair, 'a', POSTS);
    pair_transcript_clear(pair);
    pair_agree(pair, 'a', 10, "posts", 5000, false);
    ck_assert_str_eq(pair_transcript(pair), ""); /* it is not on a's own disk yet */
    pair_run(pair, 10);
    ck_assert_str_eq(pair_transcript(pair), "  6600 a ! changed -: -\n"
                                            "  6600 a = 0\n"
                                            "  6600 a > b push\n"
                                            "  6600 a > b confirm\n"
                                            "  6601 b ! changed -: -\n"
                                            "  6601 b > a push_ack\n"
                                            "  6601 b > a confirmation\n"
                                            "  6602 a = 0\n");
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

Suite *agreement_ask_suite(void);
Suite *agreement_ask_suite(void) {
    Suite *suite = suite_create("agreement_ask");
    TCase *asking = tcase_create("agreement_ask");
    tcase_add_test(asking, transcript_of_an_entry);
    tcase_add_test(asking, lagging_is_named);
    tcase_add_test(asking, no_storm_of_dials);
    tcase_add_test(asking, whole_under_equal_tables);
    tcase_add_test(asking, whole_of_many);
    tcase_add_test(asking, dialled_at_once);
    suite_add_tcase(suite, asking);
    TCase *restart = tcase_create("agreement_restart");
    tcase_add_test(restart, restart_is_asked_again);
    suite_add_tcase(suite, restart);
    TCase *table = tcase_create("agreement_table");
    tcase_add_test(table, newcomer_is_required);
    tcase_add_test(table, whoever_a_confirmer_knows);
    suite_add_tcase(suite, table);
    return suite;
}
