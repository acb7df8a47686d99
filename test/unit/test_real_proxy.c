/* test_real_proxy.c - the fault proxy of real runs over loopback: each rule has its effect on the link that it is for, and
 * on no other. The test is the dialler (node 0) and the node that is dialled (node 1) at once.
 */
#include "test/unit/support/real_line.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- no rule ----------------------------------------------------------------------------------------------------- */

/* Without a rule everything passes unchanged, both ways, also what is longer than any buffer. */
START_TEST(passes_all) {
    enum { SIZE = 3 * 1024 * 1024 };
    uint8_t *out = malloc(SIZE), *in = malloc(SIZE);
    struct real_random random = {.state = 5};
    line_meet();
    real_random_fill(&random, out, SIZE);
    out[0] = 0;
    out[1] = (uint8_t)((SIZE - 4) >> 16);
    out[2] = (uint8_t)((SIZE - 4) >> 8);
    out[3] = (uint8_t)(SIZE - 4);
    for (size_t done = 0, got = 0; got < SIZE;) {
        struct pollfd wait[2] = {{.fd = line.dialler, .events = done < SIZE ? POLLOUT : 0},
                                 {.fd = line.target, .events = POLLIN}};
        ck_assert_int_gt(poll(wait, 2, LINE_WAIT_MS), 0);
        if (wait[0].revents & POLLOUT) {
            ssize_t size = send(line.dialler, out + done, SIZE - done, MSG_DONTWAIT);
            done += size > 0 ? (size_t)size : 0;
        }
        if (wait[1].revents & POLLIN) {
            ssize_t size = recv(line.target, in + got, SIZE - got, 0);
            ck_assert_int_gt(size, 0);
            got += (size_t)size;
        }
    }
    ck_assert_mem_eq(in, out, SIZE);
    line_put_frame(line.target, 9);
    ck_assert_int_eq(line_get_frame(line.dialler, LINE_WAIT_MS), 9);
    free(out);
    free(in);
}
END_TEST

/* The end of one side is passed on after what it said before. */
START_TEST(passes_the_end) {
    uint8_t byte;
    line_meet();
    line_put_frame(line.dialler, 1);
    shutdown(line.dialler, SHUT_WR);
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 1);
    ck_assert_int_eq(line_get(line.target, &byte, 1, LINE_WAIT_MS), 0);
    ck_assert_int_eq(line_get(line.dialler, &byte, 1, LINE_WAIT_MS), 0);
}
END_TEST

/* Who says no hello is passed on as bytes, and no rule is meant for it. */
START_TEST(passes_strangers) {
    uint8_t got[4];
    line_rule(0, 1, (struct real_rule){.loss_percent = 100});
    line.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(line.dialler, (struct sockaddr *)&line.listen, sizeof line.listen), 0);
    line_put(line.dialler, "GET / HTTP/1.1\r\n", 16);
    ck_assert(line_is_dialled(LINE_WAIT_MS));
    line.target = accept(line.server, NULL, NULL);
    ck_assert_int_eq(line_get(line.target, got, 4, LINE_WAIT_MS), 4);
    ck_assert_mem_eq(got, "GET ", 4);
}
END_TEST

/* A node that is down refuses dials, as its own port would; up again it takes them. */
START_TEST(refuses_when_down) {
    char message[REAL_MESSAGE_SIZE_MAX], gossip[REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in server;
    socklen_t size = sizeof server;
    real_proxy_down(line.proxy, 1);
    line.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(line.dialler, (struct sockaddr *)&line.listen, sizeof line.listen),
                     -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(line.dialler);
    ck_assert_int_eq(getsockname(line.server, (struct sockaddr *)&server, &size), 0);
    (void)snprintf(gossip, sizeof gossip, "%s:%u", inet_ntoa(server.sin_addr),
                   ntohs(server.sin_port));
    ck_assert(real_proxy_up(line.proxy, 1, gossip, message));
    line_meet();
}
END_TEST

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* A hundred percent of loss loses every frame of that direction, none of the other, and none of hello. */
START_TEST(loses) {
    int numbers[4];
    line_rule(0, 1, (struct real_rule){.loss_percent = 100});
    line_meet();
    line_put_frame(line.dialler, 1);
    line_put_frame(line.target, 2);
    ck_assert_int_eq(line_get_frame(line.dialler, LINE_WAIT_MS), 2);
    ck_assert_uint_eq(line_get_frames(line.target, numbers, 4), 0);
    ck_assert_uint_eq(line_traffic().lost, 1);
}
END_TEST

/* Half of the loss loses about half. */
START_TEST(loses_some) {
    int numbers[200];
    line_rule(0, 1, (struct real_rule){.loss_percent = 50});
    line_meet();
    for (uint8_t i = 0; i < 200; i++) {
        line_put_frame(line.dialler, i);
    }
    size_t count = line_get_frames(line.target, numbers, 200);
    ck_assert_uint_ge(count, 60);
    ck_assert_uint_le(count, 140);
    ck_assert_uint_eq(count + line_traffic().lost, 200);
}
END_TEST

/* Delayed frames come later and in their order. */
START_TEST(delays) {
    int numbers[10];
    line_rule(0, 1, (struct real_rule){.delay_ms = 40});
    line_meet();
    uint64_t begin = real_clock_ms();
    for (uint8_t i = 0; i < 10; i++) {
        line_put_frame(line.dialler, i);
    }
    for (size_t i = 0; i < 10; i++) {
        numbers[i] = line_get_frame(line.target, LINE_WAIT_MS);
        ck_assert_int_eq(numbers[i], (int)i);
    }
    ck_assert_uint_ge(real_clock_ms() - begin, 20);
    ck_assert_uint_eq(line_traffic().delayed, 10);
}
END_TEST

/* A repeated frame comes twice, the second time within the span. */
START_TEST(repeats) {
    int numbers[8], sum = 0;
    line_rule(0, 1, (struct real_rule){.repeat_percent = 100, .repeat_ms = 50});
    line_meet();
    line_put_frame(line.dialler, 1);
    line_put_frame(line.dialler, 2);
    ck_assert_uint_eq(line_get_frames(line.target, numbers, 8), 4);
    for (size_t i = 0; i < 4; i++) {
        sum += numbers[i];
    }
    ck_assert_int_eq(sum, 6);
    ck_assert_uint_eq(line_traffic().repeated, 2);
}
END_TEST

/* A frame that is to be overtaken comes after those that follow it, and is not lost. */
START_TEST(reorders) {
    int number;
    line_meet();
    line_rule(0, 1, (struct real_rule){.reorder_percent = 100});
    line_put_frame(line.dialler, 1);
    ck_assert(!line_is_dialled(20)); /* lets the proxy read it */
    line_rule(0, 1, (struct real_rule){0});
    line_put_frame(line.dialler, 2);
    number = line_get_frame(line.target, LINE_WAIT_MS);
    ck_assert_int_eq(number, 2);
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 1);
    ck_assert_uint_eq(line_traffic().reordered, 1);
}
END_TEST

/* A spoilt frame has its length and no content that MessagePack knows. */
START_TEST(corrupts) {
    line_rule(0, 1, (struct real_rule){.corrupt_percent = 100});
    line_meet();
    line_put_frame(line.dialler, 1);
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 0xc1);
    ck_assert_uint_eq(line_traffic().corrupted, 1);
}
END_TEST

/* A slow link takes the time that its rate asks for, however much has passed before it was slow. */
START_TEST(slows_down) {
    uint8_t frame[LINE_FRAME_SIZE];
    line_meet();
    for (int i = 0; i < 50; i++) {
        line_put_frame(line.dialler, 1);
        ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 1);
    }
    line_rule(0, 1, (struct real_rule){.rate = 400});
    uint64_t begin = real_clock_ms();
    line_put_frame(line.dialler, 1);
    ck_assert_int_eq(line_get(line.target, frame, LINE_FRAME_SIZE, LINE_WAIT_MS), LINE_FRAME_SIZE);
    ck_assert_uint_ge(real_clock_ms() - begin, 180);
    ck_assert_uint_le(real_clock_ms() - begin, 2000);
    ck_assert_uint_gt(line_stalled(SCENARIO_CLASS_SLOW_LINK), 0);
}
END_TEST

/* Cut into single bytes frames arrive whole, in as many writes as they have bytes, with pauses. */
START_TEST(cuts_into_pieces) {
    enum { FRAMES = 9 };
    line_meet();
    line_rule(0, 1, (struct real_rule){.fragment = 1});
    uint64_t begin_ms = real_clock_ms();
    for (uint8_t i = 0; i < FRAMES; i++) {
        line_put_frame(line.dialler, i);
    }
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), i);
    }
    ck_assert_uint_ge(real_clock_ms() - begin_ms, 20);
    ck_assert_uint_eq(line_traffic().fragments, FRAMES * LINE_FRAME_SIZE);
}
END_TEST

/* --- cut off ----------------------------------------------------------------------------------------------------- */

/* What is blocked does not pass and is not refused; it comes when the link is whole again. The other direction passes. */
START_TEST(blocks_one_way) {
    int numbers[2];
    line_meet();
    line_rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_ONE_WAY});
    line_put_frame(line.dialler, 1);
    line_put_frame(line.target, 2);
    ck_assert_int_eq(line_get_frame(line.dialler, LINE_WAIT_MS), 2);
    ck_assert_uint_eq(line_get_frames(line.target, numbers, 2), 0);
    ck_assert_uint_eq(line_stalled(SCENARIO_CLASS_ONE_WAY), 1);
    line_rule(0, 1, (struct real_rule){0});
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 1);
}
END_TEST

/* The end of a connection, or its failure, does not get through a cut link either. */
START_TEST(blocks_the_end) {
    uint8_t byte;
    struct pollfd wait;
    line_meet();
    line_rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_PARTITION});
    line_rule(1, 0, (struct real_rule){.blocked = SCENARIO_CLASS_PARTITION});
    struct linger linger = {.l_onoff = _i, .l_linger = 0}; /* 1: RST */
    ck_assert_int_eq(setsockopt(line.dialler, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(line.dialler);
    line.dialler = -1;
    wait = (struct pollfd){.fd = line.target, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, LINE_SILENT_MS), 0);
    line_rule(0, 1, (struct real_rule){0});
    line_rule(1, 0, (struct real_rule){0});
    ck_assert_int_le(line_get(line.target, &byte, 1, LINE_WAIT_MS), 0);
}
END_TEST

/* A dial of a cut link is accepted, hears nothing, and goes through when the link is whole again. */
START_TEST(blocks_dials) {
    line_rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_HANG});
    line_dial();
    ck_assert(!line_is_dialled(LINE_SILENT_MS));
    ck_assert_uint_eq(line_stalled(SCENARIO_CLASS_HANG), 1);
    line_rule(0, 1, (struct real_rule){0});
    ck_assert(line_is_dialled(LINE_WAIT_MS));
}
END_TEST

/* A blocked half holds a bounded amount of bytes, whatever is sent to it. */
START_TEST(is_bounded) {
    static uint8_t bytes[256 * 1024];
    uint64_t sent = 0;
    line_meet();
    line_rule(0, 1, (struct real_rule){.rate = 1});
    for (size_t i = 0; i < sizeof bytes / LINE_FRAME_SIZE; i++) {
        bytes[i * LINE_FRAME_SIZE + 3] = LINE_FRAME_SIZE - 4;
    }
    for (;;) {
        struct pollfd wait = {.fd = line.dialler, .events = POLLOUT};
        if (poll(&wait, 1, 2 * LINE_SILENT_MS) != 1) {
            break;
        }
        ssize_t size = send(line.dialler, bytes, sizeof bytes / LINE_FRAME_SIZE * LINE_FRAME_SIZE,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        ck_assert(size > 0 || errno == EAGAIN);
        sent += size > 0 ? (uint64_t)size : 0;
        ck_assert_uint_lt(sent, 64 * 1024 * 1024);
    }
    ck_assert_uint_ge(sent, REAL_PROXY_QUEUE_SIZE_MAX);
}
END_TEST

/* --- reset, inject ----------------------------------------------------------------------------------------------- */

/* Both ends of a reset connection get the beginning of a frame and then an error, not an end. */
START_TEST(resets) {
    static bool pairs[LINE_NODES * LINE_NODES];
    uint8_t bytes[64];
    line_meet();
    pairs[1 * LINE_NODES + 0] = true;
    real_proxy_reset(line.proxy, pairs);
    ck_assert_int_eq(line_get(line.target, bytes, 8, LINE_WAIT_MS), 8);
    ck_assert_int_eq(line_get(line.target, bytes, 1, LINE_WAIT_MS), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_int_eq(line_get(line.dialler, bytes, 8, LINE_WAIT_MS), 8);
    ck_assert_int_eq(line_get(line.dialler, bytes, 1, LINE_WAIT_MS), -1);
    ck_assert_uint_eq(line_traffic().resets, 1);
    ck_assert_uint_eq(real_proxy_pairs(line.proxy), 0);
}
END_TEST

/* Other pairs keep their connections. */
START_TEST(resets_no_other) {
    static bool pairs[LINE_NODES * LINE_NODES];
    line_meet();
    pairs[1 * LINE_NODES + 2] = true;
    real_proxy_reset(line.proxy, pairs);
    line_put_frame(line.dialler, 3);
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 3);
}
END_TEST

/* An injected frame stands between two others, whole, at the node that it is for. */
START_TEST(injects) {
    uint8_t frame[LINE_FRAME_SIZE] = {0, 0, 0, LINE_FRAME_SIZE - 4};
    ck_assert(!real_proxy_inject(line.proxy, 1, frame, sizeof frame));
    line_meet();
    memset(frame + 4, 8, LINE_FRAME_SIZE - 4);
    ck_assert(real_proxy_inject(line.proxy, 1, frame, sizeof frame));
    ck_assert_int_eq(line_get_frame(line.target, LINE_WAIT_MS), 8);
    ck_assert(real_proxy_inject(line.proxy, 0, frame, sizeof frame));
    ck_assert_int_eq(line_get_frame(line.dialler, LINE_WAIT_MS), 8);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count) {
    TCase *group = tcase_create(name);
    tcase_add_checked_fixture(group, line_setup, line_teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(group, tests[i]);
    }
    suite_add_tcase(suite, group);
}
static void add_loop(Suite *suite, const char *name, const TTest *test, int end) {
    TCase *group = tcase_create(name);
    tcase_add_checked_fixture(group, line_setup, line_teardown);
    tcase_add_loop_test(group, test, 0, end);
    suite_add_tcase(suite, group);
}
#define ADD(name, ...)                                                                             \
    add(suite, name, (const TTest *const[]){__VA_ARGS__},                                          \
        sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

Suite *real_proxy_suite(void);
Suite *real_proxy_suite(void) {
    Suite *suite = suite_create("real_proxy");
    ADD("real_proxy_pass", passes_all, passes_the_end, passes_strangers, refuses_when_down);
    ADD("real_proxy_rules", loses, loses_some, delays, repeats, reorders, corrupts, slows_down,
        cuts_into_pieces);
    ADD("real_proxy_blocked", blocks_one_way, blocks_dials, is_bounded);
    add_loop(suite, "real_proxy_blocked_end", blocks_the_end, 2);
    ADD("real_proxy_reset", resets, resets_no_other);
    ADD("real_proxy_inject", injects);
    return suite;
}
