/* test_ev_connection.c - one connection of a real node: peers that keep no rule, queues, deadlines, the close. */
#include "gossip/message.h"

#include "test/unit/support/loopback.h"

#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(who_connects_is_told_who_is_here) {
    /* DESIGN 8: hello goes first, as one frame. */
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_received, &peer, 2000));
    size_t length = (size_t)peer.received[2] << 8 | peer.received[3];
    ck_assert_uint_eq(peer.received_count, 4 + length);
    struct gossip__message message;
    enum gossip_rejection rejection;
    ck_assert_int_eq(gossip__message_decode(&merkle_allocator_libc, peer.received + 4, length,
                                            &message, &rejection),
                     0);
    ck_assert_int_eq(message.type, GOSSIP__HELLO);
    ck_assert_mem_eq(message.hello.name.data, "node-1", 6);
    ck_assert_mem_eq(message.hello.address.data, loopback.node.driver.listener.address,
                     message.hello.address.size_bytes);
    gossip__message_close(&message);
    close(peer.descriptor);
    ck_assert(
        loopback_turn_until(loopback.loop, loopback_has_no_connections, &loopback.node, 2000));
}
END_TEST

START_TEST(bytes_that_are_no_frame_end_the_connection) {
    /* B1, B2, S11: garbage, another protocol, lengths out of bounds: closed within a frame, counted, nothing changed. */
    static const struct {
        const char *bytes;
        size_t size_bytes;
        enum gossip_close_reason reason;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: db-1\r\n\r\n", 30, GOSSIP_CLOSE_TOO_BIG},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9, GOSSIP_CLOSE_TOO_BIG}, /* TLS */
        {"SSH-2.0-x\r\n", 11, GOSSIP_CLOSE_TOO_BIG},
        {"\0\0\0\0", 4, GOSSIP_CLOSE_MALFORMED},
        {"\xff\xff\xff\xff", 4, GOSSIP_CLOSE_TOO_BIG},
        {"\x7f\xff\xff\xff", 4, GOSSIP_CLOSE_TOO_BIG},
        {"\0\1\0\1", 4, GOSSIP_CLOSE_TOO_BIG}, /* more than a stranger may */
    };
    const uint64_t *closed = loopback.node.driver.closed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = closed[cases[i].reason];
        struct loopback_peer peer = loopback_peer_connect(&loopback.node);
        loopback_peer_send(&peer, cases[i].bytes, cases[i].size_bytes);
        loopback_check_closed(&peer, 2000);
        ck_assert_uint_eq(closed[cases[i].reason], before + 1);
    }
    ck_assert_uint_ge(loopback.node.notices, 1);
    ck_assert_uint_le(loopback.node.notices, 3); /* B: no flood of the log */
}
END_TEST

START_TEST(frames_that_are_no_message_end_the_connection) {
    /* B1, B3: well-framed garbage is the engine's to refuse; the driver carries the refusal out. */
    static const char frame[] = "\0\0\0\4\xde\xad\xbe\xef";
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    loopback_peer_send(&peer, frame, sizeof frame - 1);
    loopback_check_closed(&peer, 2000);
    const struct gossip_counters *counters = gossip_counters(loopback.node.engine);
    ck_assert_uint_eq(counters->rejected[GOSSIP_REJECT_FRAME], 1);
    ck_assert_uint_eq(counters->closed[GOSSIP_CLOSE_MALFORMED], 1);
}
END_TEST

START_TEST(a_frame_that_comes_too_slowly_is_not_waited_for) {
    /* B4: a byte now and then does not hold a connection: the deadline runs from the first byte of the frame. */
    loopback.node.driver.times.frame_ms = 500;
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    loopback_peer_send(&peer, "\0\0\x10", 3);
    (void)loopback_turn_until(loopback.loop, loopback_never, NULL, 60);
    ck_assert(!loopback_peer_has_ended(&peer));
    loopback_peer_send(&peer, "\0x", 2);
    loopback_check_closed(&peer, 5000);
    ck_assert_uint_eq(loopback.node.driver.closed[GOSSIP_CLOSE_DEADLINE], 1);
}
END_TEST

START_TEST(half_a_frame_is_discarded) {
    /* N12: an end within a frame changes nothing. */
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    loopback_peer_send(&peer, "\0\0\x01\0half", 8);
    (void)loopback_turn_until(loopback.loop, loopback_peer_has_received, &peer, 1000);
    ck_assert_int_eq(shutdown(peer.descriptor, SHUT_WR), 0);
    loopback_check_closed(&peer, 2000);
    for (size_t reason = 0; reason < GOSSIP_CLOSE_REASON_COUNT; reason++) {
        ck_assert_uint_eq(loopback.node.driver.closed[reason], 0);
    }
}
END_TEST

static struct gossip__connection *connection_of_stranger(struct loopback_peer *peer) {
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_received, peer, 2000));
    ck_assert_ptr_nonnull(loopback.node.driver.connections);
    return loopback.node.driver.connections;
}

START_TEST(a_queue_that_is_full_ends_the_connection) {
    /* G8, G9: what a peer does not read is kept up to a bound. */
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    static const uint8_t frame[1024 * 1024];
    for (size_t i = 0; i < GOSSIP__WRITE_QUEUE_SIZE_MAX / sizeof frame; i++) {
        gossip__connection_send(connection, frame, sizeof frame);
    }
    ck_assert_int_eq(connection->state, GOSSIP__OPEN);
    gossip__connection_send(connection, frame, 1);
    ck_assert_int_eq(connection->state, GOSSIP__ENDED);
    loopback_check_closed(&peer, 2000);
    ck_assert_uint_eq(loopback.node.driver.closed[GOSSIP_CLOSE_LIMIT], 1);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_not_waited_for) {
    /* B4, G9: a queue that does not move has a deadline. */
    loopback.node.driver.times.write_ms = 100;
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    static const uint8_t frame[1024 * 1024];
    for (size_t i = 0; i < 12; i++) {
        gossip__connection_send(connection, frame, sizeof frame);
    }
    ck_assert(
        loopback_turn_until(loopback.loop, loopback_has_no_connections, &loopback.node, 3000));
    ck_assert_uint_eq(loopback.node.driver.closed[GOSSIP_CLOSE_DEADLINE], 1);
    close(peer.descriptor);
}
END_TEST

START_TEST(what_was_sent_goes_out_before_a_close) {
    /* gossip.h: CLOSE comes after what was sent has gone out; a peer that does not read is waited for a moment only. */
    loopback.node.driver.times.flush_ms = 100;
    struct loopback_peer peer = loopback_peer_connect(&loopback.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    size_t before = peer.received_count;
    gossip__connection_send(connection, (const uint8_t *)"farewell", 8);
    gossip__connection_flush_and_close(connection);
    ck_assert_int_eq(connection->state, GOSSIP__FLUSHING);
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_ended, &peer, 1000));
    ck_assert_uint_eq(peer.received_count, before + 8);
    ck_assert_mem_eq(peer.received + before, "farewell", 8);
    close(peer.descriptor);

    static const uint8_t frame[8 * 1024 * 1024];
    peer = loopback_peer_connect(&loopback.node);
    connection = connection_of_stranger(&peer);
    gossip__connection_send(connection, frame, sizeof frame);
    gossip__connection_flush_and_close(connection);
    ck_assert(
        loopback_turn_until(loopback.loop, loopback_has_no_connections, &loopback.node, 2000));
    close(peer.descriptor);
}
END_TEST

Suite *ev_connection_suite(void);
Suite *ev_connection_suite(void) {
    Suite *suite = suite_create("ev_connection");
    TCase *tcase = tcase_create("connection_read");
    tcase_add_checked_fixture(tcase, loopback_setup, loopback_teardown);
    tcase_add_test(tcase, who_connects_is_told_who_is_here);
    tcase_add_test(tcase, bytes_that_are_no_frame_end_the_connection);
    tcase_add_test(tcase, frames_that_are_no_message_end_the_connection);
    tcase_add_test(tcase, a_frame_that_comes_too_slowly_is_not_waited_for);
    tcase_add_test(tcase, half_a_frame_is_discarded);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("connection_write");
    tcase_add_checked_fixture(tcase, loopback_setup, loopback_teardown);
    tcase_add_test(tcase, a_queue_that_is_full_ends_the_connection);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_not_waited_for);
    tcase_add_test(tcase, what_was_sent_goes_out_before_a_close);
    suite_add_tcase(suite, tcase);
    return suite;
}
