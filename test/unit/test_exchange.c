/* test_exchange.c - writes, pushes, the timer exchange, diff and sync: transcripts of a few engines. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const char posts[] = "{\"fields\":{\"title\":{\"type\":\"string\"}}}";
static const char posts_later[] =
    "{\"fields\":{\"title\":{\"type\":\"string\"},\"day\":{\"type\":\"string\"}}}";

/* A cluster of the first `count` letters, settled, with 100 schemas. */
static struct pair *cluster(size_t count) {
    char entity[16];
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        pair_write(pair, 'a', CATALOG_SCHEMA, entity, "", posts);
        pair_run(pair, 10);
    }
    pair_run(pair, 5000);
    pair_transcript_clear(pair);
    return pair;
}

static struct merkle_digest root(struct pair *pair, char letter) {
    return merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, letter))));
}

static bool equal(struct pair *pair, char a, char b) {
    struct merkle_digest left = root(pair, a);
    struct merkle_digest right = root(pair, b);
    return merkle_digest_equal(&left, &right);
}

static struct gossip_status status(struct pair *pair, char letter) {
    return gossip_status(pair_engine(pair, letter), pair_now(pair), 0);
}

/* The kinds of the frames of a transcript, in order, without times: "b>a digest, a>b digest_answer, ...". */
static void frames(const char *transcript, char *text, size_t size_bytes) {
    size_t length = 0;
    text[0] = '\0';
    for (const char *line = transcript; *line != '\0'; line = strchr(line, '\n') + 1) {
        char from;
        char to;
        char message[32];
        if (sscanf(line, "%*u %c > %c %31s", &from, &to, message) == 3) {
            length += (size_t)snprintf(text + length, size_bytes - length, "%c>%c %s, ", from, to,
                                       message);
        }
    }
}

START_TEST(push_is_acknowledged) {
    /* A write reaches every alive member at once, and each acknowledges it when it is stored (G2). */
    struct pair *pair = cluster(3);
    pair_write(pair, 'b', CATALOG_SCHEMA, "posts", "", posts);
    pair_run(pair, 5);
    ck_assert(pair_saw(pair, "b = 0"));
    ck_assert_uint_eq(pair_sent(pair, 'b', 'a', "push"), 1);
    ck_assert_uint_eq(pair_sent(pair, 'b', 'c', "push"), 1);
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "push_ack"), 1);
    ck_assert_uint_eq(pair_sent(pair, 'c', 'b', "push_ack"), 1);
    ck_assert(equal(pair, 'a', 'b') && equal(pair, 'b', 'c'));
    ck_assert_int_eq(status(pair, 'b').agreed, GOSSIP_YES);
    pair_free(pair);
}
END_TEST

START_TEST(missed_write_is_healed) {
    /* G1: what a lost push left behind is found by the next exchange and pulled; docs/PROTOCOL.md shows this transcript. */
    char text[2000];
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'b', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", posts);
    pair_run(pair, 100);
    ck_assert(!equal(pair, 'a', 'b'));
    ck_assert_int_ne(status(pair, 'a').agreed, GOSSIP_YES);
    gossip__push_drop_all(pair_engine(pair, 'a'), pair_member(pair, 'a', "b"));
    pair_cut(pair, 'a', 'b', false);
    pair_transcript_clear(pair);
    pair_ask(pair, 'b', GOSSIP_SYNC, "a");
    pair_run(pair, 30);
    frames(pair_transcript(pair), text, sizeof text);
    ck_assert_str_eq(
        text, "b>a digest, a>b digest_answer, b>a walk, a>b walk_answer, b>a pull, a>b entries, "
              "b>a digest, a>b digest_answer, ");
    ck_assert(equal(pair, 'a', 'b'));
    ck_assert_int_eq(status(pair, 'b').agreed, GOSSIP_YES);
    pair_free(pair);
}
END_TEST

START_TEST(timer_heals_both_ways) {
    /* One exchange makes both sides equal: it pulls what one lacks and pushes what the other lacks, within two intervals. */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'b', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "left", "", posts);
    pair_write(pair, 'b', CATALOG_SCHEMA, "right", "", posts);
    pair_write(pair, 'a', CATALOG_SCHEMA, "both", "", posts);
    pair_write(pair, 'b', CATALOG_SCHEMA, "both", "", posts_later);
    pair_run(pair, 600);
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, 2 * PAIR_INTERVAL_MS);
    ck_assert(equal(pair, 'a', 'b'));
    ck_assert_uint_eq(catalog_count(gossip_catalog(pair_engine(pair, 'a'))).conflicts, 1);
    ck_assert_uint_eq(catalog_count(gossip_catalog(pair_engine(pair, 'b'))).conflicts, 1);
    /* G7: the next write that has seen both decides, on both nodes alike. */
    pair_write(pair, 'b', CATALOG_SCHEMA, "both", "", posts);
    pair_run(pair, 50);
    ck_assert(equal(pair, 'a', 'b'));
    ck_assert_uint_eq(catalog_count(gossip_catalog(pair_engine(pair, 'a'))).conflicts, 0);
    pair_free(pair);
}
END_TEST

START_TEST(rest_moves_no_entry) {
    /* G8: in a cluster that agrees nothing but digests is sent, and no more with more entries. */
    struct pair *pair = cluster(3);
    pair_run(pair, 20 * PAIR_INTERVAL_MS);
    ck_assert(!pair_saw(pair, "push"));
    ck_assert(!pair_saw(pair, "entries"));
    ck_assert(!pair_saw(pair, "walk"));
    ck_assert_uint_ge(pair_sent(pair, 'a', 'b', "digest"), 5);
    pair_free(pair);
}
END_TEST

START_TEST(all_damaged_heal_each_other) {
    /* Where every node has lost rows none can confirm: once all have been walked, what they hold is all there is, and
     * writes are taken again. With one that lost nothing a walk with that one is enough. */
    struct pair *pair = cluster(3);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        pair_kill(pair, letter, true);
        pair_disk_state(pair, letter)->healing = true;
    }
    for (char letter = 'a'; letter <= 'b'; letter++) {
        pair_start(pair, letter, (struct pair_start){.join = {"a:1", "b:1"}});
    }
    pair_run(pair, 10 * PAIR_INTERVAL_MS);
    ck_assert(status(pair, 'a').healing && status(pair, 'b').healing); /* "c" may have the copy */
    ck_assert_int_ne(status(pair, 'a').agreed, GOSSIP_YES);
    pair_start(pair, 'c', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 10 * PAIR_INTERVAL_MS);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        ck_assert(!status(pair, letter).healing);
        ck_assert_int_eq(status(pair, letter).agreed, GOSSIP_YES);
    }
    pair_free(pair);
}
END_TEST

START_TEST(newcomer_does_not_claim_agreement) {
    /* G6: a node that is in no cluster knows nobody who disagrees, and does not say that all agree. */
    struct pair *pair = pair_new();
    pair_start(pair, 'b', (struct pair_start){.join = {"a:1"}});
    pair_run(pair, 3 * PAIR_INTERVAL_MS);
    ck_assert_int_eq(status(pair, 'b').agreed, GOSSIP_UNKNOWN);
    ck_assert_uint_eq(status(pair, 'b').agreed_last_wall_ms, 0);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 5 * PAIR_INTERVAL_MS);
    ck_assert_int_eq(status(pair, 'b').agreed, GOSSIP_YES);
    pair_free(pair);
}
END_TEST

START_TEST(dropped_stays_dropped) {
    /* G3: a node that missed a drop does not bring the entry back. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'b', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "e7", "", NULL);
    pair_run(pair, 100);
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 4 * PAIR_INTERVAL_MS);
    ck_assert(equal(pair, 'a', 'b'));
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"e7", 2}};
    struct catalog_entry *entry = catalog_find(gossip_catalog(pair_engine(pair, 'b')), &key);
    ck_assert(entry == NULL || entry->tombstone); /* forgotten already, perhaps */
    pair_free(pair);
}
END_TEST

START_TEST(diff_changes_nothing) {
    /* A diff names each entry that differs and moves none. */
    enum catalog_relation first;
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'b', true);
    pair_write(pair, 'a', CATALOG_SCHEMA, "left", "", posts);
    pair_write(pair, 'b', CATALOG_SCHEMA, "right", "", posts);
    pair_write(pair, 'a', CATALOG_SCHEMA, "e5", "", posts_later);
    pair_run(pair, 20);
    gossip__push_drop_all(pair_engine(pair, 'a'), pair_member(pair, 'a', "b"));
    gossip__push_drop_all(pair_engine(pair, 'b'), pair_member(pair, 'b', "a"));
    pair_cut(pair, 'a', 'b', false);
    pair_ask(pair, 'a', GOSSIP_DIFF, "b");
    pair_run(pair, 20);
    ck_assert_uint_eq(pair_differences(pair, &first), 3);
    ck_assert_int_eq(first, CATALOG_NEWER_A); /* e5 stands first */
    ck_assert(!equal(pair, 'a', 'b'));
    pair_ask(pair, 'a', GOSSIP_DIFF, "nobody");
    pair_run(pair, 1);
    char line[32];
    (void)snprintf(line, sizeof line, "a = %d", GOSSIP_ENOMEMBER);
    ck_assert(pair_saw(pair, line));
    pair_free(pair);
}
END_TEST

START_TEST(sync_asks_now) {
    /* A sync exchanges at once and says how it ended; a member that does not answer is named by the deadline. */
    char line[32];
    struct pair *pair = cluster(2);
    pair_ask(pair, 'a', GOSSIP_SYNC, "b");
    pair_run(pair, 10);
    ck_assert(pair_saw(pair, "a = 0"));
    pair_transcript_clear(pair);
    pair_cut(pair, 'a', 'b', true);
    pair_ask(pair, 'a', GOSSIP_SYNC, "b");
    pair_run(pair, 6000);
    (void)snprintf(line, sizeof line, "a = %d", GOSSIP_EUNREACHABLE);
    ck_assert(pair_saw(pair, line));
    pair_free(pair);
}
END_TEST

START_TEST(who_takes_nothing_is_left_alone) {
    /* G8: a member whose store is down is not pushed to again and again; once it is open it heals within two intervals. */
    struct pair *pair = cluster(2);
    pair_engine(pair, 'a')->horizon_own_ms =
        UINT64_MAX; /* b could not raise, and would not be compared with */
    pair_engine(pair, 'b')->store_error = CATALOG_EFULL;
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", posts);
    pair_run(pair, 2 * PAIR_INTERVAL_MS);
    pair_transcript_clear(pair);
    pair_run(pair, 20 * PAIR_INTERVAL_MS);
    ck_assert(!equal(pair, 'a', 'b'));
    ck_assert_uint_ge(pair_sent(pair, 'a', 'b', "push"), 3);
    ck_assert_uint_le(pair_sent(pair, 'a', 'b', "push"), 6);
    ck_assert(!pair_saw(pair, "repaired"));
    pair_engine(pair, 'b')->store_error = 0;
    pair_run(pair, 2 * PAIR_INTERVAL_MS);
    ck_assert(equal(pair, 'a', 'b'));
    pair_free(pair);
}
END_TEST

START_TEST(refused_where_it_must_be) {
    /* A write is refused with its reason where the rules, the state of the node, or the operator say so. */
    char line[32];
    struct pair *pair = cluster(2);
    pair_write(pair, 'a', CATALOG_SCHEMA, "absent", "", NULL);
    (void)snprintf(line, sizeof line, "a = %d", CATALOG_ENOTFOUND);
    ck_assert(pair_saw(pair, line));
    pair_start(pair, 'c', (struct pair_start){.join = {"z:9"}});
    pair_write(pair, 'c', CATALOG_SCHEMA, "posts", "", posts);
    (void)snprintf(line, sizeof line, "c = %d", GOSSIP_EJOINING);
    ck_assert(pair_saw(pair, line));
    pair_transcript_clear(pair);
    pair_write(pair, 'a', CATALOG_SCHEMA, "e3", "", posts);
    ck_assert(pair_saw(pair, "a = 0")); /* in force already: at once, and nothing is stored */
    ck_assert(!pair_saw(pair, "changed"));
    pair_free(pair);
}
END_TEST

Suite *exchange_suite(void);
Suite *exchange_suite(void) {
    Suite *suite = suite_create("exchange");
    TCase *push = tcase_create("exchange_push");
    TCase *heal = tcase_create("exchange_heal");
    TCase *ask = tcase_create("exchange_ask");
    tcase_add_test(push, push_is_acknowledged);
    tcase_add_test(push, who_takes_nothing_is_left_alone);
    tcase_add_test(push, refused_where_it_must_be);
    tcase_add_test(heal, missed_write_is_healed);
    tcase_add_test(heal, timer_heals_both_ways);
    tcase_add_test(heal, rest_moves_no_entry);
    tcase_add_test(heal, dropped_stays_dropped);
    tcase_add_test(heal, newcomer_does_not_claim_agreement);
    tcase_add_test(heal, all_damaged_heal_each_other);
    tcase_add_test(ask, diff_changes_nothing);
    tcase_add_test(ask, sync_asks_now);
    suite_add_tcase(suite, push);
    suite_add_tcase(suite, heal);
    suite_add_tcase(suite, ask);
    return suite;
}
