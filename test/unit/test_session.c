/* test_session.c - connections: which of two stays, deadlines, bounds, backoff. */
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

static struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    pair_transcript_clear(pair);
    return pair;
}

START_TEST(simultaneous_dials) {
    /* When both dial at once both keep the connection that the smaller id dialled, and no exchange is lost for good. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'a', true);
    pair_kill(pair, 'b', true);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 100);
    struct gossip *a = pair_engine(pair, 'a');
    struct gossip *b = pair_engine(pair, 'b');
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "hello"), 2);
    ck_assert_uint_ge(
        a->counters.closed[GOSSIP_CLOSE_DUPLICATE] + b->counters.closed[GOSSIP_CLOSE_DUPLICATE], 1);
    ck_assert_uint_eq(a->session_count, 1);
    ck_assert_uint_eq(b->session_count, 1);
    ck_assert_ptr_eq(pair_member(pair, 'a', "b")->session, a->sessions);
    ck_assert_ptr_eq(pair_member(pair, 'b', "a")->session, b->sessions);
    ck_assert(a->sessions->connection & GOSSIP_CONNECTION_DIALED); /* a's id is the smaller */
    ck_assert(!(b->sessions->connection & GOSSIP_CONNECTION_DIALED));
    pair_run(pair, 20000);
    ck_assert_uint_eq(a->session_count, 1);
    ck_assert(!pair_saw(pair, "suspect"));
    pair_free(pair);
}
END_TEST

START_TEST(lost_connection_is_replaced) {
    /* N11: one side has lost the connection and the other does not know: the new one stays, with the same start. */
    struct pair *pair = cluster(2);
    if (_i ==
        1) { /* the old one was dialled by a, whose id is the smaller: that alone must not keep it */
        pair_kill(pair, 'a', true);
        pair_start(pair, 'a', (struct pair_start){0});
        pair_run(pair, 5000);
    }
    struct gossip__session *old = pair_member(pair, 'b', "a")->session;
    ck_assert_int_eq((old->connection & GOSSIP_CONNECTION_DIALED) == 0, _i);
    uint32_t lost = pair_member(pair, 'a', "b")->session->connection;
    struct gossip *b = pair_engine(pair, 'b');
    const struct gossip_update *update;
    struct gossip_event event = {
        .type = GOSSIP_DISCONNECTED, .now_ms = pair_now(pair), .connection = old->connection};
    ck_assert_int_eq(gossip_step(b, &event, &update), 0);
    ck_assert_ptr_null(pair_member(pair, 'b', "a")->session);
    pair_run(pair, 4000);
    ck_assert_ptr_nonnull(pair_member(pair, 'b', "a")->session);
    ck_assert_ptr_nonnull(pair_member(pair, 'a', "b")->session);
    ck_assert_uint_ne(pair_member(pair, 'a', "b")->session->connection, lost);
    ck_assert_uint_eq(pair_engine(pair, 'a')->session_count, 1);
    ck_assert_uint_eq(pair_engine(pair, 'a')->counters.closed[GOSSIP_CLOSE_DUPLICATE], 1);
    pair_free(pair);
}
END_TEST

START_TEST(backoff_doubles) {
    /* N7: dials that fail wait twice as long each time, up to a minute, and begin anew once one has succeeded. */
    struct pair *pair = cluster(2);
    struct gossip *a = pair_engine(pair, 'a');
    struct gossip__member *b = pair_member(pair, 'a', "b");
    gossip_duration_ms expected_ms = 1000;
    for (unsigned i = 0; i < 80; i++) {
        gossip__session_dial_failed(a, b);
        ck_assert_uint_eq(b->dial_after_ms - a->now_ms, expected_ms);
        expected_ms = expected_ms * 2 > 60000 ? 60000 : expected_ms * 2;
    }
    pair_kill(pair, 'b', true);
    pair_start(pair, 'b', (struct pair_start){0}); /* which dials */
    pair_run(pair, 100);
    ck_assert_uint_eq(b->dial_failures, 0);
    ck_assert_uint_eq(b->dial_after_ms, 0);
    pair_free(pair);
}
END_TEST

/* --- one engine, events by hand ------------------------------------------------------------- */

static const struct gossip_update *step(struct gossip *engine, struct gossip_event event) {
    const struct gossip_update *update;
    ck_assert_int_eq(gossip_step(engine, &event, &update), 0);
    return update;
}

static size_t count_closed(const struct gossip_update *update, enum gossip_close_reason reason) {
    size_t count = 0;
    for (size_t i = 0; i < update->connection_count; i++) {
        count += update->connections[i].action == GOSSIP_CLOSE &&
                 update->connections[i].reason == reason;
    }
    return count;
}

START_TEST(hello_has_a_deadline) {
    /* B4: who connects and says nothing is closed after GOSSIP__HELLO_TIMEOUT_MS, not before. */
    struct pair *pair = cluster(1);
    struct gossip *a = pair_engine(pair, 'a');
    gossip_time_ms start_ms = pair_now(pair);
    (void)step(
        a, (struct gossip_event){.type = GOSSIP_CONNECTED, .now_ms = start_ms, .connection = 77});
    ck_assert_uint_eq(gossip__session_deadline(a), start_ms + GOSSIP__HELLO_TIMEOUT_MS);
    const struct gossip_update *update =
        step(a, (struct gossip_event){.type = GOSSIP_TICK,
                                      .now_ms = start_ms + GOSSIP__HELLO_TIMEOUT_MS - 1});
    ck_assert_uint_eq(update->connection_count, 0);
    update = step(a, (struct gossip_event){.type = GOSSIP_TICK,
                                           .now_ms = start_ms + GOSSIP__HELLO_TIMEOUT_MS});
    ck_assert_uint_eq(count_closed(update, GOSSIP_CLOSE_HELLO_TIMEOUT), 1);
    ck_assert_uint_eq(a->session_count, 0);
    pair_free(pair);
}
END_TEST

START_TEST(connections_are_bounded) {
    /* B5, N15: connections above GOSSIP__SESSIONS_MAX are closed at once, and counted (G8). */
    struct pair *pair = cluster(1);
    struct gossip *a = pair_engine(pair, 'a');
    gossip_time_ms now_ms = pair_now(pair);
    for (uint32_t i = 1; i <= GOSSIP__SESSIONS_MAX + 5; i++) {
        const struct gossip_update *update =
            step(a, (struct gossip_event){
                        .type = GOSSIP_CONNECTED, .now_ms = now_ms, .connection = 1000 + i});
        ck_assert_uint_eq(count_closed(update, GOSSIP_CLOSE_LIMIT), i > GOSSIP__SESSIONS_MAX);
    }
    ck_assert_uint_eq(a->session_count, GOSSIP__SESSIONS_MAX);
    for (uint32_t i = 1; i <= GOSSIP__SESSIONS_MAX; i++) {
        (void)step(a, (struct gossip_event){
                          .type = GOSSIP_DISCONNECTED, .now_ms = now_ms, .connection = 1000 + i});
    }
    ck_assert_uint_eq(a->session_count, 0);
    pair_free(pair);
}
END_TEST

START_TEST(unknown_connections_are_ignored) {
    /* Events of connections that the engine gave up, late or repeated, change nothing. */
    struct pair *pair = cluster(2);
    struct gossip *a = pair_engine(pair, 'a');
    gossip_time_ms now_ms = pair_now(pair);
    uint32_t gone = GOSSIP_CONNECTION_DIALED | 12345;
    const struct gossip_update *update = step(
        a, (struct gossip_event){.type = GOSSIP_CONNECTED, .now_ms = now_ms, .connection = gone});
    ck_assert_uint_eq(update->send_count + update->connection_count, 0);
    (void)step(a, (struct gossip_event){
                      .type = GOSSIP_DISCONNECTED, .now_ms = now_ms, .connection = gone});
    update = step(a, (struct gossip_event){.type = GOSSIP_CONNECTED,
                                           .now_ms = now_ms,
                                           .connection = a->sessions->connection});
    ck_assert_uint_eq(update->send_count, 0);
    ck_assert_uint_eq(a->session_count, 1);
    ck_assert_int_eq(a->sessions->state, GOSSIP__SESSION_ESTABLISHED);
    pair_free(pair);
}
END_TEST

START_TEST(idlest_is_closed) {
    /* Above GOSSIP__SESSIONS_ESTABLISHED_MAX the session that was not used for longest is closed, one a tick. */
    struct pair *pair = cluster(1);
    struct gossip *a = pair_engine(pair, 'a');
    gossip_time_ms now_ms = pair_now(pair);
    for (uint8_t i = 1; i <= GOSSIP__SESSIONS_ESTABLISHED_MAX + 1; i++) {
        struct gossip__message message = {
            .type = GOSSIP__HELLO,
            .hello = {.protocol_min = 1,
                      .protocol_max = 1,
                      .format = CATALOG_FORMAT,
                      .cluster_name = {"test", 4},
                      .cluster_id = a->state.cluster_id,
                      .node_id = {{i, 1}},
                      .origin = {{i}},
                      .address = {"peer:1", 6},
                      .incarnation = 1 << 16,
                      .ready = true},
        };
        struct merkle_buffer frame;
        merkle_buffer_init(&frame, &merkle_allocator_libc);
        const char name[] = {'p', (char)('A' + i / 16), (char)('A' + i % 16)};
        message.hello.name = (struct catalog_text){name, sizeof name};
        ck_assert_int_eq(gossip__message_encode(&message, &frame), 0);
        (void)step(a, (struct gossip_event){
                          .type = GOSSIP_CONNECTED, .now_ms = now_ms + i, .connection = i});
        (void)step(a, (struct gossip_event){.type = GOSSIP_MESSAGE,
                                            .now_ms = now_ms + i,
                                            .message = {.connection = i,
                                                        .bytes = frame.data + 4,
                                                        .size_bytes = frame.size_bytes - 4}});
        merkle_buffer_close(&frame);
    }
    ck_assert_uint_eq(a->session_count, GOSSIP__SESSIONS_ESTABLISHED_MAX + 1);
    gossip__session_find(a, 3)->used_ms = now_ms - 1;
    const struct gossip_update *update =
        step(a, (struct gossip_event){.type = GOSSIP_TICK, .now_ms = now_ms + 200});
    ck_assert_uint_eq(count_closed(update, GOSSIP_CLOSE_IDLE), 1);
    ck_assert_ptr_null(gossip__session_find(a, 3));
    pair_free(pair);
}
END_TEST

Suite *session_suite(void);
Suite *session_suite(void) {
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session_establish");
    tcase_add_test(tcase, simultaneous_dials);
    tcase_add_loop_test(tcase, lost_connection_is_replaced, 0, 2);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("session_dial");
    tcase_add_test(tcase, backoff_doubles);
    tcase_add_test(tcase, unknown_connections_are_ignored);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("session_tick");
    tcase_add_test(tcase, hello_has_a_deadline);
    tcase_add_test(tcase, connections_are_bounded);
    tcase_add_test(tcase, idlest_is_closed);
    suite_add_tcase(suite, tcase);
    return suite;
}
