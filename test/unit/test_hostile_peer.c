/* test_hostile_peer.c - a member that lies, floods, or says the right thing at the wrong moment (G8, G9).
 *
 * What a member says of the catalog is believed; but nothing that it sends may end this process, keep it busy without
 * end, or fill its memory.
 */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A node with a peer, and an exchange with it that waits for the answer to its digest. */
static struct solo *solo_asking(uint32_t *exchange) {
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_clear(solo);
    (void)solo_ask(solo, 1, GOSSIP_SYNC, "p1", 0);
    *exchange = solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.exchange;
    return solo;
}

/* The peer has a tree of its own: what it answers to a digest, and to what follows. */
struct other {
    struct merkle_tree *tree;
    struct merkle_buffer entry; /* bytes of the only one */
};

static struct other other_new(const char *entity) {
    struct other other;
    struct catalog_entry *entry;
    merkle_buffer_init(&other.entry, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &other.tree), 0);
    solo_entry(&other.entry, entity, solo_clock(1), 0x31, 300);
    ck_assert_int_eq(catalog_entry_decode(&merkle_allocator_libc, other.entry.data,
                                          other.entry.size_bytes, &entry),
                     0);
    const struct merkle_item item = {.slot = entry->slot, .digest = entry->digest};
    ck_assert_int_eq(merkle_tree_insert(other.tree, &item), 0);
    catalog_entry_release(entry);
    return other;
}

static void other_free(struct other *other) {
    merkle_tree_free(other->tree);
    merkle_buffer_close(&other->entry);
}

static void answer_digest(struct solo *solo, struct other *other, uint32_t exchange) {
    struct merkle_buffer walk;
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    merkle_buffer_init(&walk, &merkle_allocator_libc);
    solo_digest(solo, &answer, exchange);
    answer.digest.root = merkle_tree_root(other->tree);
    ck_assert_int_eq(merkle_walk_answer_root(other->tree, exchange, &walk), 0);
    answer.digest.walk = (struct gossip__span){.data = walk.data, .size_bytes = walk.size_bytes};
    solo_receive(solo, 1, &answer);
    merkle_buffer_close(&walk);
}

START_TEST(peer_tells_that_it_was_removed) {
    /* G9: a removed member that answers a digest says so in the same message: that ends the exchange, and nothing more. */
    uint32_t exchange;
    struct solo *solo = solo_asking(&exchange);
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    const struct gossip__member_update row = {.id = solo_peer_id(1),
                                              .name = entry_maker_text("p1"),
                                              .address = entry_maker_text("p1:1"),
                                              .incarnation = 1,
                                              .state = GOSSIP_MEMBER_REMOVED,
                                              .ready = true};
    solo_digest(solo, &answer, exchange);
    answer.digest.updates = (struct gossip__member_updates){.rows = &row, .count = 1};
    memset(&answer.digest.table, 0x77, sizeof answer.digest.table);
    solo_receive(solo, 1, &answer);
    struct catalog_id id = solo_peer_id(1);
    const struct gossip__member *member = gossip__member_find(solo->engine, &id);
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_ptr_null(member->exchange);
    ck_assert_int_eq(solo_reply(solo, 1), GOSSIP_EUNREACHABLE);
    ck_assert_uint_eq(solo->engine->stored.seen, 0);
    solo_free(solo);
}
END_TEST

START_TEST(equal_roots_under_another_table) {
    /* G3: equal roots count for `seen` only if both member tables were equal in those messages (DESIGN 4.7). */
    for (unsigned other = 0; other < 2; other++) {
        uint32_t exchange;
        struct solo *solo = solo_asking(&exchange);
        struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
        solo_digest(solo, &answer, exchange);
        answer.digest.clock = answer.digest.seen = solo_clock(5);
        if (other == 1) {
            memset(&answer.digest.table, 0x77, sizeof answer.digest.table);
        }
        solo_receive(solo, 1, &answer);
        struct catalog_id id = solo_peer_id(1);
        const struct gossip__member *member = gossip__member_find(solo->engine, &id);
        ck_assert(member->agreed_known);
        ck_assert_uint_eq(member->counted, other == 0 ? solo_clock(5) : 0);
        ck_assert_uint_eq(solo->engine->state.seen, other == 0 ? solo_clock(5) : 0);
        solo_free(solo);
    }
}
END_TEST

START_TEST(answer_with_more_than_was_asked) {
    /* G9: an answer with more entries than were asked for, or with counts that make no sense, closes the connection. */
    for (unsigned lie = 0; lie < 2; lie++) {
        uint32_t exchange;
        struct solo *solo = solo_asking(&exchange);
        struct other other = other_new("posts");
        (void)solo_write(solo, 2, "own", "f"); /* a leaf here, so that items are asked for */
        solo_store_all(solo);
        answer_digest(solo, &other, exchange);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PULL), 1);
        const struct gossip__span two[2] = {{other.entry.data, other.entry.size_bytes},
                                            {other.entry.data, other.entry.size_bytes}};
        struct gossip__message entries = {
            .type = GOSSIP__ENTRIES,
            .entries = {.exchange = exchange,
                        .sequence = solo_sent_last(solo, 1, GOSSIP__PULL)->pull.sequence,
                        .entries = two,
                        .entry_count = lie == 0 ? 2 : 1,
                        .missing = lie == 0 ? 0 : UINT64_MAX}};
        solo_receive(solo, 1, &entries);
        ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_MALFORMED);
        ck_assert_ptr_null(solo_find(solo, "posts"));
        other_free(&other);
        solo_free(solo);
    }
}
END_TEST

START_TEST(answer_with_something_else) {
    /* G8: an answer that holds none of what was asked for is not asked for again, or that would never end. */
    uint32_t exchange;
    struct solo *solo = solo_asking(&exchange);
    struct other other = other_new("posts");
    struct other wrong = other_new("something");
    struct merkle_item item = {.slot = UINT64_MAX, .digest = {{1}}};
    ck_assert_int_eq(merkle_tree_insert(other.tree, &item), 0);
    (void)solo_write(solo, 2, "own", "f");
    solo_store_all(solo);
    answer_digest(solo, &other, exchange);
    uint64_t sequence = solo_sent_last(solo, 1, GOSSIP__PULL)->pull.sequence;
    const struct gossip__span span = {wrong.entry.data, wrong.entry.size_bytes};
    solo_clear(solo);
    solo_receive(solo, 1,
                 &(struct gossip__message){.type = GOSSIP__ENTRIES,
                                           .entries = {.exchange = exchange,
                                                       .sequence = sequence,
                                                       .entries = &span,
                                                       .entry_count = 1}});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PULL), 0);
    struct catalog_id id = solo_peer_id(1);
    ck_assert(gossip__member_find(solo->engine, &id)->exchange->incomplete);
    other_free(&wrong);
    other_free(&other);
    solo_free(solo);
}
END_TEST

START_TEST(pushes_faster_than_the_disk) {
    /* G8: of one session so many pushes wait for the disk, and no more are taken; honest repeats are far below that. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, "posts", solo_clock(1), 0x31, 300);
    const struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_clear(solo);
    for (uint64_t sequence = 1; sequence <= 10 * GOSSIP__PUSHES_UNSTORED_MAX; sequence++) {
        solo_receive(solo, 1,
                     &(struct gossip__message){
                         .type = GOSSIP__PUSH,
                         .push = {.sequence = sequence, .entries = &span, .entry_count = 1}});
    }
    ck_assert_uint_eq(solo->engine->waiter_count, GOSSIP__PUSHES_UNSTORED_MAX);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 0);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), GOSSIP__PUSHES_UNSTORED_MAX);
    ck_assert_uint_eq(member->session->pushes_unstored, 0);
    solo_receive(
        solo, 1,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 9999, .entries = &span, .entry_count = 1}});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), GOSSIP__PUSHES_UNSTORED_MAX + 1);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

START_TEST(pull_of_the_whole_tree) {
    /* G9: a request for thousands of fingerprints under the root is answered after a bounded number of looks: the rest
     * is said to be missing. */
    enum { ENTRIES = 600, PRINTS = 600 };
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    struct merkle_buffer bytes;
    for (unsigned i = 0; i < ENTRIES; i++) {
        char entity[16];
        (void)snprintf(entity, sizeof entity, "e%u", i);
        merkle_buffer_init(&bytes, &merkle_allocator_libc);
        solo_entry(&bytes, entity, solo_clock(1), 0x31, 300);
        const struct gossip__span span = {bytes.data, bytes.size_bytes};
        solo_receive(solo, 1,
                     &(struct gossip__message){
                         .type = GOSSIP__PUSH,
                         .push = {.sequence = i + 1, .entries = &span, .entry_count = 1}});
        solo_store_all(solo);
        merkle_buffer_close(&bytes);
    }
    struct merkle_fingerprint *prints = calloc(PRINTS, sizeof *prints);
    struct gossip__pull_path *paths = calloc(PRINTS, sizeof *paths);
    ck_assert(prints != NULL && paths != NULL);
    struct merkle_item item;
    ck_assert_uint_eq(
        merkle_tree_range(catalog_tree(solo->engine->catalog), 0, UINT64_MAX, 0, &item, 1), 1);
    for (size_t i = 0; i < PRINTS; i++) { /* the last asks for what is there */
        memset(&prints[i], (int)i, sizeof prints[i]);
        if (i == PRINTS - 1) {
            prints[i] = merkle_fingerprint_of_item(item.slot, &item.digest, 5);
        }
        paths[i] = (struct gossip__pull_path){.fingerprints = &prints[i], .fingerprint_count = 1};
    }
    solo_clear(solo);
    solo_receive(solo, 1,
                 &(struct gossip__message){
                     .type = GOSSIP__PULL,
                     .pull = {.exchange = 5, .sequence = 1, .paths = paths, .path_count = PRINTS}});
    const struct gossip__entries *answer = &solo_sent_last(solo, 1, GOSSIP__ENTRIES)->entries;
    ck_assert_uint_eq(answer->entry_count, 0);
    ck_assert_uint_eq(answer->missing, PRINTS);
    /* And within the bound it is found. */
    solo_receive(solo, 1,
                 &(struct gossip__message){.type = GOSSIP__PULL,
                                           .pull = {.exchange = 5,
                                                    .sequence = 2,
                                                    .paths = paths + PRINTS - 100,
                                                    .path_count = 100}});
    answer = &solo_sent_last(solo, 1, GOSSIP__ENTRIES)->entries;
    ck_assert_uint_eq(answer->entry_count, 1);
    ck_assert_uint_eq(answer->missing, 99);
    free(paths);
    free(prints);
    solo_free(solo);
}
END_TEST

Suite *hostile_peer_suite(void);
Suite *hostile_peer_suite(void) {
    Suite *suite = suite_create("hostile_peer");
    TCase *answers = tcase_create("hostile_answers");
    tcase_add_test(answers, peer_tells_that_it_was_removed);
    tcase_add_test(answers, equal_roots_under_another_table);
    tcase_add_test(answers, answer_with_more_than_was_asked);
    tcase_add_test(answers, answer_with_something_else);
    suite_add_tcase(suite, answers);
    TCase *floods = tcase_create("hostile_floods");
    tcase_set_timeout(floods, 60);
    tcase_add_test(floods, pushes_faster_than_the_disk);
    tcase_add_test(floods, pull_of_the_whole_tree);
    suite_add_tcase(suite, floods);
    return suite;
}
