/* test_engine.c - the step: messages in the wrong state, bytes that are none, and memory that is short anywhere. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/message_samples.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static uint64_t rejected(const struct solo *solo, enum gossip_rejection rejection) {
    return solo->engine->counters.rejected[rejection];
}

static bool may_come_first(enum gossip__message_type type) {
    return type == GOSSIP__HELLO || type == GOSSIP__REFUSE;
}

START_TEST(before_hello) {
    /* G9: before hello every message but HELLO and REFUSE closes the connection, and changes nothing. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        if (may_come_first(message_samples[i].type)) {
            continue;
        }
        struct solo *solo = solo_new();
        solo_connect(solo, 1);
        solo_receive(solo, 1, &message_samples[i]);
        ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_UNEXPECTED);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__REFUSE), 1);
        ck_assert_uint_eq(solo->engine->member_count, 0);
        ck_assert_uint_eq(solo_flying(solo), 0);
        solo_free(solo);
    }
}
END_TEST

START_TEST(second_hello) {
    /* A hello on a session that has had one closes it. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        if (message_samples[i].type == GOSSIP__HELLO) {
            solo_receive(solo, 1, &message_samples[i]);
            break;
        }
    }
    ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_UNEXPECTED);
    ck_assert_ptr_null(solo->engine->members[0]->session);
    solo_free(solo);
}
END_TEST

START_TEST(before_admitted) {
    /* DESIGN 7.4: requests and entries of a member whose row is not on disk here stay unanswered, and are no error. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        enum gossip__message_type type = message_samples[i].type;
        if (type < GOSSIP__DIGEST || type > GOSSIP__PUSH_ACK) {
            continue;
        }
        struct solo *solo = solo_new();
        struct gossip__member *member = solo_peer(solo, 1);
        member->session->admitted = false;
        solo_clear(solo);
        solo_receive(solo, 1, &message_samples[i]);
        ck_assert_uint_eq(solo->frame_count, 0);
        ck_assert_uint_eq(solo_flying(solo), 0);
        ck_assert(!member->root_known);
        ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_NONE);
        solo_free(solo);
    }
}
END_TEST

START_TEST(any_message_of_a_member) {
    /* G9: a member that sends any message at any time is answered, or closed, and never breaks the engine. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        struct solo *solo = solo_new();
        ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
        solo_store_all(solo);
        (void)solo_peer(solo, 1);
        solo_receive(solo, 1, &message_samples[i]);
        ck_assert_int_eq(solo->result, 0);
        solo_store_all(solo);
        solo_run(solo, 3000);
        ck_assert_ptr_nonnull(solo_find(solo, "posts"));
        ck_assert_int_eq(solo->result, 0);
        solo_free(solo);
    }
}
END_TEST

START_TEST(after_removal) {
    /* Nothing more is taken from a removed id, even while its connection still stands. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    gossip_time_ms heard_ms = member->heard_ms;
    gossip__member_set_state(solo->engine, member, GOSSIP_MEMBER_REMOVED);
    solo->now_ms += 100;
    solo_clear(solo);
    solo_receive(solo, 1, &(struct gossip__message){.type = GOSSIP__PING});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PONG), 0);
    ck_assert_uint_eq(member->heard_ms, heard_ms);
    solo_free(solo);
}
END_TEST

START_TEST(unknown_type_is_ignored) {
    /* G10: a message of a later protocol is counted and ignored; the session goes on. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_receive_bytes(solo, 1, "\x92\x7f\xc0", 3);
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_UNKNOWN_TYPE), 1);
    ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_NONE);
    solo_receive(solo, 1, &(struct gossip__message){.type = GOSSIP__PING, .ping = {.sequence = 3}});
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__PONG)->ping.sequence, 3);
    solo_free(solo);
}
END_TEST

START_TEST(malformed_bytes_close) {
    /* G9: bytes that are no message close the connection, with a reason, and are counted by what is wrong with them. */
    static const struct {
        const char *bytes;
        size_t size_bytes;
        enum gossip_rejection rejection;
    } frames[] = {
        {"", 0, GOSSIP_REJECT_FRAME},
        {"\xc1", 1, GOSSIP_REJECT_FRAME},
        {"\x92\xcc\x0c\x03", 4, GOSSIP_REJECT_FRAME}, /* 12 in two bytes */
        {"\x92\x0c", 2, GOSSIP_REJECT_FRAME},
        {"\x92\x0c\x03\x00", 4, GOSSIP_REJECT_FRAME},
        {"\xdd\xff\xff\xff\xff", 5, GOSSIP_REJECT_FRAME},
        {"\x92\x0c\xa1x", 4, GOSSIP_REJECT_MESSAGE},
        {"\x91\x0c", 2, GOSSIP_REJECT_MESSAGE},
        {"\xc0", 1, GOSSIP_REJECT_MESSAGE},
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct solo *solo = solo_new();
        (void)solo_peer(solo, 1);
        solo_receive_bytes(solo, 1, frames[i].bytes, frames[i].size_bytes);
        ck_assert_uint_eq(rejected(solo, frames[i].rejection), 1);
        ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_MALFORMED);
        ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__REFUSE)->refuse.reason,
                          GOSSIP_CLOSE_MALFORMED);
        solo_receive(solo, 1, &(struct gossip__message){.type = GOSSIP__PING}); /* too late */
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PONG), 0);
        solo_free(solo);
    }
}
END_TEST

START_TEST(unknown_connections) {
    /* Events of connections that the engine does not know, and a dial that it gave up, change nothing. */
    struct solo *solo = solo_new();
    solo_receive(solo, 9, &(struct gossip__message){.type = GOSSIP__PING});
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 9});
    solo_connect(solo, 5 | GOSSIP_CONNECTION_DIALED);
    ck_assert_uint_eq(solo->frame_count, 0);
    ck_assert_uint_eq(solo->engine->session_count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(new_refuses) {
    /* An empty or too long address, name or seed is refused, whole; so is any lack of memory, and nothing leaks. */
    char long_text[CATALOG_NAME_SIZE_MAX + 2];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const char *seeds[] = {"a:1", long_text};
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    const struct catalog_load load = {.fresh = true};
    const struct gossip_config good = {.allocator = &allocator,
                                       .cluster_name = "c",
                                       .node_name = "n",
                                       .address = "a:1",
                                       .seeds = seeds,
                                       .seed_count = 1,
                                       .interval_ms = 1000};
    struct gossip *engine;
    for (unsigned i = 0; i < 5; i++) {
        struct gossip_config config = good;
        config.address = i == 0 ? "" : config.address;
        config.node_name = i == 1 ? long_text : config.node_name;
        config.cluster_name = i == 2 ? "" : config.cluster_name;
        config.seed_count = i == 3 ? 2 : config.seed_count;
        config.seed_count = i == 4 ? GOSSIP_SEEDS_MAX + 1 : config.seed_count;
        ck_assert_int_eq(gossip_new(&config, &load, &engine), GOSSIP_EADDRESS);
        ck_assert_uint_eq(fault.live_blocks, 0);
    }
    for (size_t allowed = 0;; allowed++) {
        fault = (struct alloc_fault){.allowed = allowed, .repeat = true};
        int result = gossip_new(&good, &load, &engine);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 2);
            ck_assert_uint_eq(gossip_deadline(engine), GOSSIP_NEVER);
            gossip_free(engine);
            ck_assert_uint_eq(fault.live_blocks, 0);
            break;
        }
        ck_assert_int_eq(result, GOSSIP_ENOMEM);
        ck_assert_uint_eq(fault.live_blocks, 0);
    }
}
END_TEST

START_TEST(start_tells_of_damage) {
    /* DESIGN 4.8: that a store was set aside, and this node starts empty, is told with the first step. */
    struct catalog_load load = {.fresh = true, .damaged = true, .damage = "what was wrong"};
    const struct gossip_config config = {.allocator = &merkle_allocator_libc,
                                         .cluster_name = "c",
                                         .node_name = "n",
                                         .address = "a:1",
                                         .interval_ms = 1000};
    for (unsigned i = 0; i < 2; i++) {
        struct gossip *engine;
        const struct gossip_update *update;
        const struct gossip_event event = {.type = GOSSIP_START, .wall_ms = SOLO_WALL_MS};
        ck_assert_int_eq(gossip_new(&config, &load, &engine), 0);
        ck_assert_int_eq(gossip_step(engine, &event, &update), 0);
        size_t told = 0;
        for (size_t k = 0; k < update->notice_count; k++) {
            const struct gossip_notice *notice = &update->notices[k];
            told += notice->type == GOSSIP_NOTICE_STORE && notice->severity == GOSSIP_ERROR &&
                    strstr(notice->text, "starts empty: what was wrong") != NULL;
        }
        ck_assert_uint_eq(told, 1 - i);
        gossip_free(engine);
        load = (struct catalog_load){.fresh = true};
    }
}
END_TEST

START_TEST(stop_waits_for_the_disk) {
    /* G11: a stop is told to the peers, refuses writes, and is done when nothing is in flight any more. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_STOP});
    ck_assert(!solo->update->stopped);
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__MEMBERS)->members.updates.rows[0].state,
                      GOSSIP_MEMBER_LEFT);
    ck_assert_int_eq(solo_write(solo, 2, "more", "f"), GOSSIP_ESTOPPING);
    solo_store_all(solo);
    ck_assert(solo->update->stopped);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    solo_free(solo);
}
END_TEST

Suite *engine_suite(void);
Suite *engine_suite(void) {
    Suite *suite = suite_create("engine");
    TCase *receive = tcase_create("engine_message");
    TCase *life = tcase_create("engine_life");
    tcase_add_test(receive, before_hello);
    tcase_add_test(receive, second_hello);
    tcase_add_test(receive, before_admitted);
    tcase_add_test(receive, any_message_of_a_member);
    tcase_add_test(receive, after_removal);
    tcase_add_test(receive, unknown_type_is_ignored);
    tcase_add_test(receive, malformed_bytes_close);
    tcase_add_test(receive, unknown_connections);
    tcase_add_test(life, new_refuses);
    tcase_add_test(life, start_tells_of_damage);
    tcase_add_test(life, stop_waits_for_the_disk);
    suite_add_tcase(suite, receive);
    suite_add_tcase(suite, life);
    return suite;
}
