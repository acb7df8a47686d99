/* test_recv_forward.c - staged changes that members pass on to this node: each runs once, however often it comes. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const uint8_t body[] = {0x81, 0xa6, 'f', 'i', 'e', 'l', 'd', 's', 0x80};

static void forward(struct solo *solo, unsigned peer, uint64_t sequence, const char *entity,
                    gossip_duration_ms timeout_ms) {
    solo_receive(solo, peer,
                 &(struct gossip__message){
                     .type = GOSSIP__FORWARD,
                     .forward = {.sequence = sequence,
                                 .staged = GOSSIP_STAGED_SET,
                                 .timeout_ms = timeout_ms,
                                 .key = {CATALOG_SCHEMA, {entity, strlen(entity)}, {"", 0}},
                                 .body = {body, sizeof body}}});
}

static void confirm(struct solo *solo, unsigned peer) {
    const struct gossip__confirm *asked = &solo_sent_last(solo, peer, GOSSIP__CONFIRM)->confirm;
    struct gossip__message message = {
        .type = GOSSIP__CONFIRMATION,
        .confirmation = {.sequence = asked->sequence,
                         .salt = asked->salt,
                         .result = GOSSIP__CONFIRMATION_HAS,
                         .table = gossip__member_table_fingerprint(solo->engine, asked->salt)}};
    solo_receive(solo, peer, &message);
}

START_TEST(runs_once) {
    /* A repeat joins the change that runs, and gets the same answer again when it has ended; no host's reply is made. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_clear(solo);
    forward(solo, 1, 7, "posts", 60000);
    forward(solo, 1, 7, "posts", 60000);
    ck_assert_uint_eq(solo_flying(solo), 1);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 1);
    confirm(solo, 1); /* pending_add */
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 2);
    confirm(solo, 1); /* active */
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD_ANSWER), 1);
    forward(solo, 1, 7, "posts", 60000);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD_ANSWER), 2);
    const struct gossip__forward_answer *answer =
        &solo_sent_last(solo, 1, GOSSIP__FORWARD_ANSWER)->forward_answer;
    ck_assert_int_eq(answer->code, 0);
    ck_assert_uint_eq(answer->sequence, 7);
    ck_assert_uint_eq(answer->line_count, 2);
    ck_assert_mem_eq(answer->lines[0].name.data, "solo", 4);
    ck_assert_uint_eq(solo_find(solo, "posts")->number, 2);
    ck_assert_uint_eq(solo->reply_count, 0);
    ck_assert_uint_eq(solo->engine->operation_count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(not_passed_on) {
    /* A change that belongs to yet another member is answered with an error, and goes nowhere. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_peer(solo, 2);
    const struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, "posts", "");
    const struct made_version version = {
        solo_clock(1),      0x31,        "p2", 1, CATALOG_PENDING_ADD,
        (const char *)body, sizeof body, NULL, 0, 0};
    const struct made_pair pair = {0x31, solo_clock(1)};
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(&key, &version, 1, &pair, 1, &bytes);
    const struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 2,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 1, .entries = &span, .entry_count = 1}});
    solo_store_all(solo);
    solo_clear(solo);
    forward(solo, 1, 7, "posts", 60000);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__FORWARD), 0);
    ck_assert_int_eq(solo_sent_last(solo, 1, GOSSIP__FORWARD_ANSWER)->forward_answer.code,
                     CATALOG_ESTATE);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

START_TEST(many_are_bounded) {
    /* G8: so many run at once, further ones are busy; of those that ended the oldest answers are forgotten. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_clear(solo);
    for (uint64_t i = 1; i <= 3 * GOSSIP__FORWARDS_MAX; i++) {
        char entity[8];
        (void)snprintf(entity, sizeof entity, "e%u", (unsigned)i);
        forward(solo, 1, i, entity, 1000);
    }
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD_ANSWER), 2 * GOSSIP__FORWARDS_MAX);
    ck_assert_int_eq(solo_sent_last(solo, 1, GOSSIP__FORWARD_ANSWER)->forward_answer.code,
                     GOSSIP_EBUSY);
    solo_store_all(solo);
    solo_run(solo, 1100); /* they end */
    for (uint64_t i = 1000; i < 1000 + 3 * GOSSIP__FORWARDS_MAX; i++) {
        solo_clear(solo);
        forward(solo, 1, i, "nothing", 0);
        solo_store_all(solo);
        ck_assert_int_eq(solo_sent_last(solo, 1, GOSSIP__FORWARD_ANSWER)->forward_answer.code,
                         GOSSIP_ENOTAGREED);
    }
    solo_free(solo);
}
END_TEST

/* Whether this one begins a change of its own: of an entry that does not exist, from what is known. */
static bool begins(struct solo *solo, uint64_t sequence) {
    solo_clear(solo);
    forward(solo, 1, sequence, "nothing", 0);
    bool begun = solo->engine->staged != NULL;
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD_ANSWER), 1);
    return begun;
}

START_TEST(named_by_process_and_sequence) {
    /* The same sequence of another process is another change; of what has ended the oldest is forgotten first. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    ck_assert(begins(solo, 1)); /* pending_add: each later one only asks what is known of it */
    uint64_t ended = solo->engine->forwards_ended;
    (void)begins(solo, 1);
    ck_assert_uint_eq(solo->engine->forwards_ended, ended);
    member->session->peer_origin.bytes[0] ^= 1;
    (void)begins(solo, 1);
    ck_assert_uint_eq(solo->engine->forwards_ended, ended + 1);
    for (uint64_t i = 3; i <= GOSSIP__FORWARDS_MAX + 2; i++) { /* two more than there is room for */
        (void)begins(solo, i);
    }
    ended = solo->engine->forwards_ended;
    for (uint64_t i = 3; i <= GOSSIP__FORWARDS_MAX + 2; i++) {
        (void)begins(solo, i);
    }
    ck_assert_uint_eq(solo->engine->forwards_ended, ended);
    solo_free(solo);
}
END_TEST

START_TEST(only_members_are_heard) {
    /* A peer whose row is not on disk here, or that was removed, passes nothing on. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    member->session->admitted = false;
    solo_clear(solo);
    forward(solo, 1, 7, "posts", 60000);
    ck_assert_ptr_null(solo->engine->staged);
    member->session->admitted = true;
    gossip__member_set_state(solo->engine, member, GOSSIP_MEMBER_REMOVED);
    forward(solo, 1, 8, "posts", 60000);
    ck_assert_ptr_null(solo->engine->staged);
    solo_free(solo);
}
END_TEST

Suite *recv_forward_suite(void);
Suite *recv_forward_suite(void) {
    Suite *suite = suite_create("recv_forward");
    TCase *taken = tcase_create("recv_forward");
    tcase_add_test(taken, runs_once);
    tcase_add_test(taken, not_passed_on);
    tcase_add_test(taken, many_are_bounded);
    tcase_add_test(taken, named_by_process_and_sequence);
    tcase_add_test(taken, only_members_are_heard);
    suite_add_tcase(suite, taken);
    return suite;
}
