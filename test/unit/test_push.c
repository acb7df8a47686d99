/* test_push.c - committed writes, given at once to the other members. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One place is kept for exchanges. */
enum { FRESH_IN_FLIGHT = GOSSIP__PUSHES_IN_FLIGHT - 1 };

static struct solo *solo_with(unsigned peers) {
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= peers; peer++) {
        (void)solo_peer(solo, peer);
    }
    solo_clear(solo);
    return solo;
}

static void write_stored(struct solo *solo, const char *entity, const char *field) {
    ck_assert_int_eq(solo_write(solo, 77, entity, field), 1);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 77), 0);
    solo->reply_count = 0;
}

/* One batch of many opaque entries with bodies of this size. */
static void write_many(struct solo *solo, size_t count, size_t body_size_bytes) {
    struct catalog_write *writes = calloc(count, sizeof *writes);
    char(*names)[16] = calloc(count, sizeof *names);
    uint8_t *body = calloc(1, body_size_bytes);
    ck_assert(writes != NULL && names != NULL && body != NULL);
    ck_assert_uint_ge(body_size_bytes, 259);
    memset(body, 'x', body_size_bytes);
    body[0] = 0xda;
    body[1] = (uint8_t)((body_size_bytes - 3) >> 8);
    body[2] = (uint8_t)(body_size_bytes - 3);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "m%zu", i);
        writes[i] = (struct catalog_write){.operation = CATALOG_SET,
                                           .key = entry_maker_key(SOLO_KIND, names[i], "n"),
                                           .body = body,
                                           .body_size_bytes = body_size_bytes};
    }
    const struct gossip_operation operation = {
        .type = GOSSIP_WRITE, .token = 78, .writes = writes, .write_count = count};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 78), 0);
    free(body);
    free(names);
    free(writes);
}

static void acknowledge(struct solo *solo, unsigned peer, uint64_t sequence) {
    solo_receive(
        solo, peer,
        &(struct gossip__message){.type = GOSSIP__PUSH_ACK, .push_ack = {.sequence = sequence}});
}

static size_t in_flight(const struct gossip__member *member) {
    size_t count = 0;
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        count += member->push.in_flight[i].sequence != 0;
    }
    return count;
}

/* Time goes on while the peer says that it lives, and nothing else. */
static void run_alive(struct solo *solo, unsigned peer, gossip_duration_ms span_ms) {
    for (gossip_duration_ms gone_ms = 0; gone_ms < span_ms; gone_ms += 50) {
        solo_run(solo, 50);
        solo_receive(solo, peer, &(struct gossip__message){.type = GOSSIP__PONG});
    }
}

static uint64_t pushes(const struct solo *solo, enum gossip_push_result result) {
    return solo->engine->counters.pushes[result];
}

START_TEST(sent_when_stored) {
    /* G2, G11: a write is pushed to every member when it is on disk, not before, with the bytes that are stored. */
    struct solo *solo = solo_with(3);
    (void)solo_write(solo, 1, "posts", "f");
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    solo_store(solo, 0);
    for (unsigned peer = 1; peer <= 3; peer++) {
        ck_assert_uint_eq(solo_sent(solo, peer, GOSSIP__PUSH), 1);
    }
    const struct gossip__push *push = &solo_sent_last(solo, 2, GOSSIP__PUSH)->push;
    struct catalog_entry *entry = solo_find(solo, "posts");
    ck_assert_uint_eq(push->sequence, 1);
    ck_assert_uint_eq(push->exchange, 0);
    ck_assert_uint_eq(push->entry_count, 1);
    ck_assert_uint_eq(push->entries[0].size_bytes, entry->size_bytes);
    ck_assert_mem_eq(push->entries[0].data, entry->bytes, entry->size_bytes);
    acknowledge(solo, 2, 99); /* none of ours */
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_ACKNOWLEDGED), 0);
    acknowledge(solo, 2, 1);
    acknowledge(solo, 2, 1);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_ACKNOWLEDGED), 1);
    solo_free(solo);
}
END_TEST

START_TEST(coalesced_by_key) {
    /* While as many messages as allowed are in flight keys wait, each once; one acknowledgement sends them, as they are now. */
    struct solo *solo = solo_with(1);
    struct gossip__member *member = solo->engine->members[0];
    char entity[8];
    for (unsigned i = 0; i < FRESH_IN_FLIGHT; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        write_stored(solo, entity, "f");
    }
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), FRESH_IN_FLIGHT);
    write_stored(solo, "twice", "f");
    write_stored(solo, "once", "f");
    write_stored(solo, "twice", "g");
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), FRESH_IN_FLIGHT);
    ck_assert_uint_eq(member->push.count, 2);
    acknowledge(solo, 1, 3);
    const struct gossip__push *push = &solo_sent_last(solo, 1, GOSSIP__PUSH)->push;
    ck_assert_uint_eq(push->sequence, FRESH_IN_FLIGHT + 1);
    ck_assert_uint_eq(push->entry_count, 2);
    struct catalog_entry *entry = solo_find(solo, "twice");
    ck_assert_uint_eq(entry->number, 2);
    ck_assert_mem_eq(push->entries[0].data, entry->bytes, entry->size_bytes);
    ck_assert_uint_eq(member->push.count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(queue_is_bounded) {
    /* G8: above GOSSIP__PUSH_QUEUE_MAX keys are left to the timer exchange and counted; so are keys that do not move on. */
    struct solo *solo = solo_with(1);
    struct gossip__member *member = solo->engine->members[0];
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_ALIVE);
    write_many(solo, GOSSIP__PUSH_QUEUE_MAX + 5, 300);
    ck_assert_uint_eq(member->push.count, GOSSIP__PUSH_QUEUE_MAX);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_DROPPED), 5);
    member->push.since_ms = solo->now_ms + 1 - GOSSIP__PUSH_WAIT_MS_MAX;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_uint_eq(member->push.count, GOSSIP__PUSH_QUEUE_MAX);
    solo->now_ms++;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_uint_eq(member->push.count, 0);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_DROPPED), 5 + GOSSIP__PUSH_QUEUE_MAX);
    solo_free(solo);
}
END_TEST

START_TEST(messages_are_bounded) {
    /* G8: a message has GOSSIP__PUSH_ENTRIES_MAX entries at most, and ends after the one that reaches the soft size. */
    struct solo *solo = solo_with(1);
    struct gossip__member *member = solo->engine->members[0];
    write_many(solo, 3 * GOSSIP__PUSH_ENTRIES_MAX + 7, 300);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), FRESH_IN_FLIGHT);
    ck_assert_uint_eq(member->push.in_flight[0].handle_count, GOSSIP__PUSH_ENTRIES_MAX);
    acknowledge(solo, 1, 2);
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__PUSH)->push.entry_count, 7);
    solo_free(solo);
    solo = solo_with(1);
    member = solo->engine->members[0];
    write_many(solo, 20, 30 * 1024);
    /* eight of just over 30 KiB stay below 256 KiB, the ninth reaches it */
    ck_assert_uint_eq(member->push.in_flight[0].handle_count, 9);
    ck_assert_uint_eq(member->push.in_flight[1].handle_count, 9);
    ck_assert_uint_eq(member->push.in_flight[2].handle_count, 2);
    solo_free(solo);
}
END_TEST

START_TEST(repeated_then_given_up) {
    /* Without an answer a message is sent again with doubling waits, GOSSIP__PUSH_TRIES times in all, then given up. */
    struct solo *solo = solo_with(1);
    write_stored(solo, "posts", "f");
    static const unsigned waits_ms[] = {250, 500, 1000, 2000, 4000};
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        ck_assert_uint_eq(gossip__push_deadline(solo->engine), solo->now_ms + waits_ms[i]);
        run_alive(solo, 1, waits_ms[i] - 50);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), i + 1);
        run_alive(solo, 1, 50);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), i + 2);
    }
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__PUSH)->push.sequence, 1);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_RETRIED), GOSSIP__PUSH_TRIES - 1);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_DROPPED), 0);
    run_alive(solo, 1, 8000);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), GOSSIP__PUSH_TRIES);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_DROPPED), 1);
    ck_assert_uint_eq(in_flight(solo->engine->members[0]), 0);
    ck_assert_uint_eq(gossip__push_deadline(solo->engine), GOSSIP_NEVER);
    solo_free(solo);
}
END_TEST

START_TEST(waits_have_bounds) {
    /* A round trip of hours, measured while a process was frozen, does not make a lost push wait for hours. */
    struct solo *solo = solo_with(1);
    solo->engine->members[0]->rtt_ms = 3600000;
    write_stored(solo, "posts", "f");
    ck_assert_uint_eq(gossip__push_deadline(solo->engine), solo->now_ms + 8000);
    solo_free(solo);
    solo = solo_with(1);
    solo->engine->members[0]->rtt_ms = 100; /* a slow link is not asked twice */
    write_stored(solo, "posts", "f");
    ck_assert_uint_eq(gossip__push_deadline(solo->engine), solo->now_ms + 400);
    solo_free(solo);
}
END_TEST

START_TEST(equal_roots_end_repeats) {
    /* A member that says our root has it all: nothing is sent again, and nothing waits. */
    struct solo *solo = solo_with(1);
    struct gossip__member *member = solo->engine->members[0];
    char entity[8];
    for (unsigned i = 0; i < FRESH_IN_FLIGHT + 3; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        write_stored(solo, entity, "f");
    }
    ck_assert_uint_eq(member->push.count, 3);
    struct gossip__message digest = {.type = GOSSIP__DIGEST};
    solo_digest(solo, &digest, 5);
    digest.digest.root.bytes[0] ^= 1;
    solo_receive(solo, 1, &digest);
    ck_assert_uint_eq(in_flight(member), FRESH_IN_FLIGHT);
    digest.digest.root.bytes[0] ^= 1;
    solo_receive(solo, 1, &digest);
    ck_assert_uint_eq(in_flight(member), 0);
    ck_assert_uint_eq(member->push.count, 0);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_ACKNOWLEDGED), FRESH_IN_FLIGHT);
    solo_clear(solo);
    run_alive(solo, 1, 1000);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    solo_free(solo);
}
END_TEST

START_TEST(new_session_repeats_at_once) {
    /* What was in flight on a connection that ended goes again on the next one, at once. */
    struct solo *solo = solo_with(1);
    write_stored(solo, "posts", "f");
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    solo_clear(solo);
    (void)solo_peer(solo, 1);
    ck_assert_uint_le(gossip_deadline(solo->engine), solo->now_ms);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 1);
    solo_free(solo);
}
END_TEST

START_TEST(goes_with_the_raise) {
    /* What was refused because our horizon was lower goes again as soon as the raise is stored, and not before. */
    struct solo *solo = solo_with(1);
    write_stored(solo, "posts", "f");
    solo->engine->state.seen = solo->engine->state.high_water;
    const struct gossip__message refused = {
        .type = GOSSIP__PUSH_ACK,
        .push_ack = {.sequence = 1, .refused = 1, .horizon = solo_clock(1)}};
    solo_receive(solo, 1, &refused);
    solo_clear(solo);
    solo_run(solo, 20);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    solo_store_all(solo);
    ck_assert_uint_le(gossip_deadline(solo->engine), solo->now_ms);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 1);
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__PUSH)->push.horizon, solo_clock(1));
    acknowledge(solo, 1, 1);
    ck_assert_uint_eq(pushes(solo, GOSSIP_PUSH_ACKNOWLEDGED), 1);
    solo_free(solo);
}
END_TEST

/* A push of peer 1 with one entry, stored here. */
static void receive_fresh(struct solo *solo, const char *entity) {
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, entity, solo_clock(1), 1, 300);
    struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 1,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 1, .entries = &span, .entry_count = 1}});
    solo_store_all(solo);
    merkle_buffer_close(&bytes);
}

static unsigned pushed_to(struct solo *solo, unsigned peers) {
    unsigned count = 0;
    for (unsigned peer = 1; peer <= peers; peer++) {
        ck_assert_uint_le(solo_sent(solo, peer, GOSSIP__PUSH), 1);
        count += solo_sent(solo, peer, GOSSIP__PUSH) == 1;
    }
    return count;
}

START_TEST(few_members_all_from_the_writer) {
    /* Up to GOSSIP__PUSH_ALL_MEMBERS_MAX nodes the writer pushes to each, and nobody passes on. */
    struct solo *solo = solo_with(GOSSIP__PUSH_ALL_MEMBERS_MAX - 1);
    write_stored(solo, "posts", "f");
    ck_assert_uint_eq(pushed_to(solo, GOSSIP__PUSH_ALL_MEMBERS_MAX - 1),
                      GOSSIP__PUSH_ALL_MEMBERS_MAX - 1);
    solo_clear(solo);
    receive_fresh(solo, "theirs");
    ck_assert_uint_eq(pushed_to(solo, GOSSIP__PUSH_ALL_MEMBERS_MAX - 1), 0);
    solo_free(solo);
}
END_TEST

START_TEST(many_members_a_few) {
    /* Above that it goes to ceil(log2 n) + 2 at most, and what was new is passed on, but not back. */
    enum { PEERS = 40 };
    struct solo *solo = solo_with(PEERS);
    unsigned all = 0;
    char entity[8];
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        solo_clear(solo);
        write_stored(solo, entity, "f");
        unsigned count = pushed_to(solo, PEERS);
        ck_assert_uint_ge(count, 4); /* eight draws of forty, some of the same */
        ck_assert_uint_le(count, 8);
        all += count;
    }
    ck_assert_uint_gt(all, 15);
    solo_clear(solo);
    receive_fresh(solo, "theirs");
    ck_assert_uint_ge(pushed_to(solo, PEERS), 3);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    solo_clear(solo);
    receive_fresh(solo, "theirs"); /* not new any more: it ends here */
    ck_assert_uint_eq(pushed_to(solo, PEERS), 0);
    for (unsigned i = 0; i < 30; i++) { /* it would be drawn at one in five */
        (void)snprintf(entity, sizeof entity, "t%u", i);
        receive_fresh(solo, entity);
    }
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    ck_assert_uint_gt(solo_sent(solo, 2, GOSSIP__PUSH), 0);
    solo_free(solo);
}
END_TEST

START_TEST(not_to_who_is_gone) {
    /* Members that are suspect, dead, or left get no pushes: the exchange after their return finds what they lack. */
    struct solo *solo = solo_with(3);
    gossip__member_set_state(solo->engine, solo->engine->members[0], GOSSIP_MEMBER_SUSPECT);
    gossip__member_set_state(solo->engine, solo->engine->members[1], GOSSIP_MEMBER_DEAD);
    write_stored(solo, "posts", "f");
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__PUSH), 0);
    ck_assert_uint_eq(solo_sent(solo, 3, GOSSIP__PUSH), 1);
    solo_free(solo);
}
END_TEST

START_TEST(dials_who_is_not_connected) {
    /* A member without a connection is dialled, and gets what waits when it is there. */
    struct solo *solo = solo_with(1);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    (void)solo_write(solo, 77, "posts", "f");
    solo_store(solo, 0);
    ck_assert_uint_eq(solo->update->connection_count, 1);
    ck_assert_int_eq(solo->update->connections[0].action, GOSSIP_DIAL);
    ck_assert_str_eq(solo->update->connections[0].address, "p1:1");
    solo_clear(solo);
    (void)solo_peer(solo, 1);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 1);
    solo_free(solo);
}
END_TEST

Suite *push_suite(void);
Suite *push_suite(void) {
    Suite *suite = suite_create("push");
    TCase *stored = tcase_create("push_stored");
    TCase *queue = tcase_create("push_queue");
    TCase *repeat = tcase_create("push_tick");
    TCase *fan_out = tcase_create("push_fan_out");
    tcase_add_test(stored, sent_when_stored);
    tcase_add_test(stored, dials_who_is_not_connected);
    tcase_add_test(queue, coalesced_by_key);
    tcase_add_test(queue, queue_is_bounded);
    tcase_add_test(queue, messages_are_bounded);
    tcase_add_test(repeat, repeated_then_given_up);
    tcase_add_test(repeat, waits_have_bounds);
    tcase_add_test(repeat, equal_roots_end_repeats);
    tcase_add_test(repeat, new_session_repeats_at_once);
    tcase_add_test(repeat, goes_with_the_raise);
    tcase_add_test(fan_out, few_members_all_from_the_writer);
    tcase_add_test(fan_out, many_members_a_few);
    tcase_add_test(fan_out, not_to_who_is_gone);
    suite_add_tcase(suite, stored);
    suite_add_tcase(suite, queue);
    suite_add_tcase(suite, repeat);
    suite_add_tcase(suite, fan_out);
    return suite;
}
