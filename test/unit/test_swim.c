/* test_swim.c - who is alive, suspect, dead, left: transcripts of a few engines, with links cut and processes killed. */
#include "test/unit/support/pair.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

static struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 8000);
    pair_transcript_clear(pair);
    return pair;
}

static enum gossip_member_state state_of(struct pair *pair, char letter, const char *name) {
    return pair_member(pair, letter, name)->state;
}

START_TEST(everybody_has_a_turn) {
    /* Within two rounds of the permutation a node starts an exchange with each other member, one an interval. */
    struct pair *pair = cluster(5);
    pair_run(pair, 2 * 4 * 1200);
    size_t total = 0;
    for (char to = 'b'; to <= 'e'; to++) {
        size_t sent = pair_sent(pair, 'a', to, "digest");
        ck_assert_uint_ge(sent, 1);
        total += sent;
    }
    ck_assert_uint_ge(total, 8);
    ck_assert_uint_le(total, 2 * 4 * 1200 / 800 + 1);
    pair_free(pair);
}
END_TEST

START_TEST(quiet_at_rest) {
    /* In a cluster that agrees there is one exchange a node and interval, and nothing else (G8). */
    struct pair *pair = cluster(3);
    pair_run(pair, 60000);
    pair_transcript_clear(pair);
    pair_run(pair, 20000);
    size_t digests = 0;
    size_t answers = 0;
    size_t others = 0;
    for (const char *line = pair_transcript(pair); *line != '\0'; line = strchr(line, '\n') + 1) {
        bool is_digest = strncmp(line + 13, "digest\n", 7) == 0;
        bool is_answer = strncmp(line + 13, "digest_answer\n", 14) == 0;
        digests += is_digest;
        answers += is_answer;
        others += !is_digest && !is_answer;
    }
    ck_assert_uint_eq(others, 0);
    ck_assert_uint_le(digests > answers ? digests - answers : answers - digests, 3);
    ck_assert_uint_ge(digests, 3 * 20 * 10 / 12 - 3);
    ck_assert_uint_le(digests, 3 * 20 * 10 / 8 + 3);
    pair_free(pair);
}
END_TEST

START_TEST(killed_is_suspect_then_dead) {
    /* A process that is gone without a word is suspect within three rounds, dead 4 * ceil(log2(n + 1)) intervals later. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', false);
    gossip_time_ms killed_ms = pair_now(pair);
    while (state_of(pair, 'a', "c") == GOSSIP_MEMBER_ALIVE) {
        pair_run(pair, 10);
    }
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_SUSPECT);
    ck_assert_uint_le(pair_now(pair) - killed_ms, 5 * 1200);
    ck_assert(pair_saw(pair, "a > b probe") || pair_saw(pair, "b > a probe"));
    gossip_time_ms suspect_ms = pair_now(pair);
    while (state_of(pair, 'a', "c") == GOSSIP_MEMBER_SUSPECT) {
        pair_run(pair, 10);
    }
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_DEAD);
    ck_assert_uint_ge(pair_now(pair) - suspect_ms, 4 * 2 * 1000 - 20);
    ck_assert_uint_le(pair_now(pair) - suspect_ms, 4 * 2 * 1000 + 20);
    ck_assert_ptr_null(
        pair_member(pair, 'a', "c")->session); /* N11: a half-open connection is given up */
    pair_run(pair, 5000);
    ck_assert_int_eq(state_of(pair, 'b', "c"), GOSSIP_MEMBER_DEAD);
    pair_free(pair);
}
END_TEST

START_TEST(refused_dial_asks_helpers) {
    /* A connection that ends and a dial that is refused are no answer either. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', true);
    pair_run(pair, 5000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_SUSPECT);
    ck_assert(pair_saw(pair, "a > b probe"));
    pair_free(pair);
}
END_TEST

START_TEST(turn_knows_no_backoff) {
    /* Who is said to be alive is dialled in its turn, also after dials that failed for minutes: after a long split it is others
     * who say so first, and then nothing must keep it from being asked (L2). */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED,
                                          .connection = member->session->connection});
    member->dial_failures = 10;
    member->dial_after_ms = solo->now_ms + GOSSIP__DIAL_BACKOFF_MS_MAX;
    ck_assert_ptr_null(solo->engine->sessions);
    solo_run(solo, 1200);
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_ALIVE);
    ck_assert_ptr_nonnull(solo->engine->sessions);
    ck_assert_ptr_eq(solo->engine->sessions->member, member);
    solo_free(solo);
}
END_TEST

START_TEST(helpers_save) {
    /* Who is reached by another is not suspect: only the link between a and c is cut (N6). */
    struct pair *pair = cluster(3);
    pair_cut(pair, 'a', 'c', true);
    pair_run(pair, 30000);
    ck_assert(pair_saw(pair, "b > a probe_answer"));
    ck_assert(!pair_saw(pair, "dead, was"));
    ck_assert(!pair_saw(pair, "suspect, was"));
    pair_free(pair);
}
END_TEST

START_TEST(accused_is_alive_again) {
    /* A suspect that can be heard again is alive at once, refutes under a higher incarnation, and that spreads. */
    struct pair *pair = cluster(3);
    uint64_t before = pair_member(pair, 'a', "c")->row.incarnation;
    pair_cut(pair, 'a', 'c', true);
    pair_cut(pair, 'b', 'c', true);
    pair_run(pair, 6000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_SUSPECT);
    pair_cut(pair, 'a', 'c', false);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, 6000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_ALIVE);
    ck_assert_int_eq(state_of(pair, 'b', "c"), GOSSIP_MEMBER_ALIVE);
    ck_assert_uint_gt(pair_member(pair, 'a', "c")->row.incarnation, before);
    ck_assert_uint_eq(pair_member(pair, 'a', "c")->row.incarnation,
                      pair_engine(pair, 'c')->state.incarnation);
    ck_assert_uint_eq(pair_member(pair, 'b', "c")->row.incarnation,
                      pair_engine(pair, 'c')->state.incarnation);
    pair_free(pair);
}
END_TEST

START_TEST(partition_heals) {
    /* After any time apart both sides find each other again without an operator: a dead member is dialled for ever. */
    struct pair *pair = cluster(4);
    for (char left = 'a'; left <= 'b'; left++) {
        for (char right = 'c'; right <= 'd'; right++) {
            pair_cut(pair, left, right, true);
        }
    }
    pair_run(pair, 300000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_DEAD);
    ck_assert_int_eq(state_of(pair, 'd', "b"), GOSSIP_MEMBER_DEAD);
    ck_assert_int_eq(state_of(pair, 'a', "b"), GOSSIP_MEMBER_ALIVE);
    for (char left = 'a'; left <= 'b'; left++) {
        for (char right = 'c'; right <= 'd'; right++) {
            pair_cut(pair, left, right, false);
        }
    }
    pair_run(pair, 8000);
    for (char letter = 'a'; letter <= 'd'; letter++) {
        for (char other = 'a'; other <= 'd'; other++) {
            char name[2] = {other, '\0'};
            if (other != letter) {
                ck_assert_int_eq(state_of(pair, letter, name), GOSSIP_MEMBER_ALIVE);
            }
        }
        ck_assert(pair_tables_equal(pair, 'a', letter));
    }
    pair_free(pair);
}
END_TEST

START_TEST(turns_know_no_backoff) {
    /* L2: a member that only others reach is asked directly as soon as its link has healed, however often dials failed. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', true);
    pair_cut(pair, 'b', 'c', true);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 120000);
    ck_assert_ptr_null(pair_member(pair, 'b', "c")->session);
    ck_assert_int_ne(state_of(pair, 'b', "c"), GOSSIP_MEMBER_DEAD);
    ck_assert_uint_gt(pair_member(pair, 'b', "c")->dial_failures, 6);
    pair_transcript_clear(pair);
    pair_cut(pair, 'b', 'c', false);
    pair_run(pair, GOSSIP__CONNECT_TIMEOUT_MS + 3 * 1200);
    ck_assert_ptr_nonnull(pair_member(pair, 'b', "c")->session);
    ck_assert_uint_ge(pair_sent(pair, 'b', 'c', "digest") + pair_sent(pair, 'c', 'b', "digest"), 1);
    pair_free(pair);
}
END_TEST

START_TEST(left_is_no_alarm) {
    /* A member that stops on purpose says so: left on all, never suspect or dead; a restart makes it alive. */
    struct pair *pair = cluster(3);
    pair_stop(pair, 'c');
    pair_run(pair, 30000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_LEFT);
    ck_assert_int_eq(state_of(pair, 'b', "c"), GOSSIP_MEMBER_LEFT);
    ck_assert(!pair_saw(pair, "suspect"));
    ck_assert(!pair_saw(pair, "dead"));
    ck_assert_uint_eq(gossip__member_required_count(pair_engine(pair, 'a')), 3);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 3000);
    ck_assert_int_eq(state_of(pair, 'a', "c"), GOSSIP_MEMBER_ALIVE);
    ck_assert_int_eq(state_of(pair, 'b', "c"), GOSSIP_MEMBER_ALIVE);
    pair_free(pair);
}
END_TEST

START_TEST(left_survives_restart) {
    /* That a member has left is on disk: who restarts meanwhile, and hears it from nobody, does not suspect it. */
    struct pair *pair = cluster(2);
    pair_stop(pair, 'b');
    pair_run(pair, 2000);
    pair_kill(pair, 'a', true);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 20000);
    ck_assert_int_eq(state_of(pair, 'a', "b"), GOSSIP_MEMBER_LEFT);
    ck_assert(!pair_saw(pair, "member b: dead"));
    pair_free(pair);
}
END_TEST

START_TEST(address_changes) {
    /* N14: who comes back at another address is reached there: its own word under a higher incarnation counts. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', true);
    pair_run(pair, 2000);
    pair_start(pair, 'c', (struct pair_start){.address = "elsewhere:9"});
    pair_run(pair, 6000);
    ck_assert_str_eq(pair_member(pair, 'a', "c")->row.address, "elsewhere:9");
    ck_assert_str_eq(pair_member(pair, 'b', "c")->row.address, "elsewhere:9");
    ck_assert_int_eq(state_of(pair, 'b', "c"), GOSSIP_MEMBER_ALIVE);
    pair_free(pair);
}
END_TEST

Suite *swim_suite(void);
Suite *swim_suite(void) {
    Suite *suite = suite_create("swim");
    TCase *tcase = tcase_create("swim_tick");
    tcase_add_test(tcase, everybody_has_a_turn);
    tcase_add_test(tcase, quiet_at_rest);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("swim_suspicion");
    tcase_add_test(tcase, killed_is_suspect_then_dead);
    tcase_add_test(tcase, refused_dial_asks_helpers);
    tcase_add_test(tcase, helpers_save);
    tcase_add_test(tcase, turn_knows_no_backoff);
    tcase_add_test(tcase, accused_is_alive_again);
    tcase_add_test(tcase, partition_heals);
    tcase_add_test(tcase, turns_know_no_backoff);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("swim_left");
    tcase_add_test(tcase, left_is_no_alarm);
    tcase_add_test(tcase, left_survives_restart);
    tcase_add_test(tcase, address_changes);
    suite_add_tcase(suite, tcase);
    return suite;
}
