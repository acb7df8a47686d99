/* test_real_proxy.c - the fault proxy of real runs over loopback: each rule has its effect on the link that it is for, and
 * on no other. The test is the dialler (node 0) and the node that is dialled (node 1) at once.
 */
#include "bin/chaos/real_proxy.h"
#include "bin/chaos/real_random.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    NODES = REAL_PROXY_NODES_MAX,
    WAIT_MS = 5000,   /* for what must come */
    SILENT_MS = 150,  /* for what must not */
    FRAME_SIZE = 104, /* with its length */
};

static struct {
    struct real_proxy *proxy;
    struct real_rule *rules;
    char advertised[2][REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in listen;
    int server;
    int dialler, target;
} place;

static uint64_t now_ms(void) {
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int listen_somewhere(const char *host, struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    ck_assert_int_eq(inet_pton(AF_INET, host, &address->sin_addr), 1);
    ck_assert_int_eq(bind(descriptor, (struct sockaddr *)address, size), 0);
    ck_assert_int_eq(getsockname(descriptor, (struct sockaddr *)address, &size), 0);
    ck_assert_int_eq(listen(descriptor, 8), 0);
    return descriptor;
}

static void proxy_setup(void) {
    char message[REAL_MESSAGE_SIZE_MAX], host[32], gossip[REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in address;
    (void)snprintf(host, sizeof host, "127.201.%d.%d", getpid() >> 8 & 0xff,
                   1 + (getpid() & 0xff) % 250);
    place.rules = calloc((size_t)NODES * NODES, sizeof *place.rules);
    ck_assert_ptr_nonnull(place.rules);
    ck_assert(real_proxy_new(1, &place.proxy, message));
    for (size_t i = 0; i < 2; i++) {
        close(listen_somewhere(host, &address));
        (void)snprintf(place.advertised[i], sizeof place.advertised[i], "%s:%u", host,
                       ntohs(address.sin_port));
        ck_assert(real_proxy_node(place.proxy, i, place.advertised[i], NULL, message));
    }
    place.listen = address;
    place.server = listen_somewhere(host, &address);
    (void)snprintf(gossip, sizeof gossip, "%s:%u", host, ntohs(address.sin_port));
    ck_assert_msg(real_proxy_up(place.proxy, 1, gossip, message), "%s", message);
    place.dialler = place.target = -1;
}

static void proxy_teardown(void) {
    real_proxy_free(place.proxy);
    free(place.rules);
    close(place.server);
    close(place.dialler);
    close(place.target);
}

static void rule(size_t from, size_t to, struct real_rule rule) {
    place.rules[from * NODES + to] = rule;
    real_proxy_rules(place.proxy, place.rules);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static size_t put_text(uint8_t *to, const char *text) {
    to[0] = 0xd9;
    to[1] = (uint8_t)strlen(text);
    memcpy(to + 2, text, strlen(text));
    return 2 + strlen(text);
}

static size_t hello_make(uint8_t *frame, const char *address) {
    size_t size = 4;
    frame[size++] = 0x9d;
    for (uint8_t i = 1; i <= 4; i++) {
        frame[size++] = i == 1 ? 1 : i;
    }
    size += put_text(frame + size, "cluster");
    for (size_t i = 0; i < 3; i++) {
        frame[size++] = 0xc4;
        frame[size++] = 16;
        memset(frame + size, (int)i, 16);
        size += 16;
    }
    size += put_text(frame + size, "n1");
    size += put_text(frame + size, address);
    frame[size++] = 0xc2;
    frame[3] = (uint8_t)(size - 4);
    frame[0] = frame[1] = frame[2] = 0;
    return size;
}

static void put(int descriptor, const void *bytes, size_t size_bytes) {
    ck_assert_int_eq(send(descriptor, bytes, size_bytes, MSG_NOSIGNAL), (ssize_t)size_bytes);
}

/* A frame whose content is its number over and over. */
static void put_frame(int descriptor, uint8_t number) {
    uint8_t frame[FRAME_SIZE] = {0, 0, 0, FRAME_SIZE - 4};
    memset(frame + 4, number, FRAME_SIZE - 4);
    put(descriptor, frame, sizeof frame);
}

/* Bytes that came, at most `size_bytes`; fewer when none came for so long; -1: the connection was reset. */
static ssize_t get(int descriptor, uint8_t *bytes, size_t size_bytes, int wait_ms) {
    size_t done = 0;
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    while (done < size_bytes && poll(&wait, 1, wait_ms) == 1) {
        ssize_t size = recv(descriptor, bytes + done, size_bytes - done, 0);
        if (size < 0) {
            return -1;
        }
        if (size == 0) {
            break;
        }
        done += (size_t)size;
    }
    return (ssize_t)done;
}

static int get_frame(int descriptor, int wait_ms) {
    uint8_t frame[FRAME_SIZE];
    ssize_t size = get(descriptor, frame, sizeof frame, wait_ms);
    return size == FRAME_SIZE ? frame[4] : -1;
}

static void dial(void) {
    uint8_t hello[256];
    size_t size = hello_make(hello, place.advertised[0]);
    place.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(place.dialler, (struct sockaddr *)&place.listen, sizeof place.listen),
                     0);
    put(place.dialler, hello, size);
}

static bool is_dialled(int wait_ms) {
    struct pollfd wait = {.fd = place.server, .events = POLLIN};
    return poll(&wait, 1, wait_ms) == 1;
}

/* A connection from 0 to 1 on which both have said hello. */
static void meet(void) {
    uint8_t hello[256], got[256];
    dial();
    ck_assert(is_dialled(WAIT_MS));
    place.target = accept(place.server, NULL, NULL);
    ck_assert_int_ge(place.target, 0);
    size_t size = hello_make(hello, place.advertised[0]);
    ck_assert_int_eq(get(place.target, got, size, WAIT_MS), (ssize_t)size);
    ck_assert_mem_eq(got, hello, size);
    size = hello_make(hello, place.advertised[1]);
    put(place.target, hello, size);
    ck_assert_int_eq(get(place.dialler, got, size, WAIT_MS), (ssize_t)size);
    ck_assert_mem_eq(got, hello, size);
}

/* Frames that came: numbers in the order of their coming. */
static size_t get_all(int descriptor, int *numbers, size_t count_max) {
    size_t count = 0;
    while (count < count_max && (numbers[count] = get_frame(descriptor, SILENT_MS)) >= 0) {
        count++;
    }
    return count;
}

/* --- no rule ----------------------------------------------------------------------------------------------------- */

/* Without a rule everything passes unchanged, both ways, also what is longer than any buffer. */
START_TEST(passes_all) {
    enum { SIZE = 3 * 1024 * 1024 };
    uint8_t *out = malloc(SIZE), *in = malloc(SIZE);
    struct real_random random = {.state = 5};
    meet();
    real_random_fill(&random, out, SIZE);
    out[0] = 0;
    out[1] = (uint8_t)((SIZE - 4) >> 16);
    out[2] = (uint8_t)((SIZE - 4) >> 8);
    out[3] = (uint8_t)(SIZE - 4);
    for (size_t done = 0, got = 0; got < SIZE;) {
        struct pollfd wait[2] = {{.fd = place.dialler, .events = done < SIZE ? POLLOUT : 0},
                                 {.fd = place.target, .events = POLLIN}};
        ck_assert_int_gt(poll(wait, 2, WAIT_MS), 0);
        if (wait[0].revents & POLLOUT) {
            ssize_t size = send(place.dialler, out + done, SIZE - done, MSG_DONTWAIT);
            done += size > 0 ? (size_t)size : 0;
        }
        if (wait[1].revents & POLLIN) {
            ssize_t size = recv(place.target, in + got, SIZE - got, 0);
            ck_assert_int_gt(size, 0);
            got += (size_t)size;
        }
    }
    ck_assert_mem_eq(in, out, SIZE);
    put_frame(place.target, 9);
    ck_assert_int_eq(get_frame(place.dialler, WAIT_MS), 9);
    free(out);
    free(in);
}
END_TEST

/* The end of one side is passed on after what it said before. */
START_TEST(passes_the_end) {
    uint8_t byte;
    meet();
    put_frame(place.dialler, 1);
    shutdown(place.dialler, SHUT_WR);
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 1);
    ck_assert_int_eq(get(place.target, &byte, 1, WAIT_MS), 0);
    ck_assert_int_eq(get(place.dialler, &byte, 1, WAIT_MS), 0);
}
END_TEST

/* Who says no hello is passed on as bytes, and no rule is meant for it. */
START_TEST(passes_strangers) {
    uint8_t got[4];
    rule(0, 1, (struct real_rule){.loss_percent = 100});
    place.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(place.dialler, (struct sockaddr *)&place.listen, sizeof place.listen),
                     0);
    put(place.dialler, "GET / HTTP/1.1\r\n", 16);
    ck_assert(is_dialled(WAIT_MS));
    place.target = accept(place.server, NULL, NULL);
    ck_assert_int_eq(get(place.target, got, 4, WAIT_MS), 4);
    ck_assert_mem_eq(got, "GET ", 4);
}
END_TEST

/* A node that is down refuses dials, as its own port would; up again it takes them. */
START_TEST(refuses_when_down) {
    char message[REAL_MESSAGE_SIZE_MAX], gossip[REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in server;
    socklen_t size = sizeof server;
    real_proxy_down(place.proxy, 1);
    place.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(place.dialler, (struct sockaddr *)&place.listen, sizeof place.listen),
                     -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(place.dialler);
    ck_assert_int_eq(getsockname(place.server, (struct sockaddr *)&server, &size), 0);
    (void)snprintf(gossip, sizeof gossip, "%s:%u", inet_ntoa(server.sin_addr),
                   ntohs(server.sin_port));
    ck_assert(real_proxy_up(place.proxy, 1, gossip, message));
    meet();
}
END_TEST

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* A hundred percent of loss loses every frame of that direction, none of the other, and none of hello. */
START_TEST(loses) {
    int numbers[4];
    rule(0, 1, (struct real_rule){.loss_percent = 100});
    meet();
    put_frame(place.dialler, 1);
    put_frame(place.target, 2);
    ck_assert_int_eq(get_frame(place.dialler, WAIT_MS), 2);
    ck_assert_uint_eq(get_all(place.target, numbers, 4), 0);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).lost, 1);
}
END_TEST

/* Half of the loss loses about half. */
START_TEST(loses_some) {
    int numbers[200];
    rule(0, 1, (struct real_rule){.loss_percent = 50});
    meet();
    for (uint8_t i = 0; i < 200; i++) {
        put_frame(place.dialler, i);
    }
    size_t count = get_all(place.target, numbers, 200);
    ck_assert_uint_ge(count, 60);
    ck_assert_uint_le(count, 140);
    ck_assert_uint_eq(count + real_proxy_traffic(place.proxy).lost, 200);
}
END_TEST

/* Delayed frames come later and in their order. */
START_TEST(delays) {
    int numbers[10];
    rule(0, 1, (struct real_rule){.delay_ms = 40});
    meet();
    uint64_t begin = now_ms();
    for (uint8_t i = 0; i < 10; i++) {
        put_frame(place.dialler, i);
    }
    for (size_t i = 0; i < 10; i++) {
        numbers[i] = get_frame(place.target, WAIT_MS);
        ck_assert_int_eq(numbers[i], (int)i);
    }
    ck_assert_uint_ge(now_ms() - begin, 20);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).delayed, 10);
}
END_TEST

/* A repeated frame comes twice, the second time within the span. */
START_TEST(repeats) {
    int numbers[8], sum = 0;
    rule(0, 1, (struct real_rule){.repeat_percent = 100, .repeat_ms = 50});
    meet();
    put_frame(place.dialler, 1);
    put_frame(place.dialler, 2);
    ck_assert_uint_eq(get_all(place.target, numbers, 8), 4);
    for (size_t i = 0; i < 4; i++) {
        sum += numbers[i];
    }
    ck_assert_int_eq(sum, 6);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).repeated, 2);
}
END_TEST

/* A frame that is to be overtaken comes after those that follow it, and is not lost. */
START_TEST(reorders) {
    int number;
    meet();
    rule(0, 1, (struct real_rule){.reorder_percent = 100});
    put_frame(place.dialler, 1);
    ck_assert(!is_dialled(20)); /* lets the proxy read it */
    rule(0, 1, (struct real_rule){0});
    put_frame(place.dialler, 2);
    number = get_frame(place.target, WAIT_MS);
    ck_assert_int_eq(number, 2);
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 1);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).reordered, 1);
}
END_TEST

/* A spoilt frame has its length and no content that MessagePack knows. */
START_TEST(corrupts) {
    rule(0, 1, (struct real_rule){.corrupt_percent = 100});
    meet();
    put_frame(place.dialler, 1);
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 0xc1);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).corrupted, 1);
}
END_TEST

/* A slow link takes the time that its rate asks for. */
START_TEST(slows_down) {
    uint8_t frame[FRAME_SIZE];
    meet();
    rule(0, 1, (struct real_rule){.rate = 400});
    uint64_t begin = now_ms();
    put_frame(place.dialler, 1);
    ck_assert_int_eq(get(place.target, frame, FRAME_SIZE, WAIT_MS), FRAME_SIZE);
    ck_assert_uint_ge(now_ms() - begin, 180);
    ck_assert_uint_le(now_ms() - begin, 2000);
    ck_assert_uint_gt(real_proxy_stalled(place.proxy, SCENARIO_CLASS_SLOW_LINK), 0);
}
END_TEST

/* Cut into single bytes a frame arrives whole, in more pieces than one. */
START_TEST(cuts_into_pieces) {
    uint8_t byte[FRAME_SIZE];
    size_t pieces = 0;
    meet();
    rule(0, 1, (struct real_rule){.fragment = 1});
    put_frame(place.dialler, 7);
    for (size_t done = 0; done < FRAME_SIZE; pieces++) {
        ssize_t size = recv(place.target, byte + done, FRAME_SIZE - done, 0);
        ck_assert_int_gt(size, 0);
        done += (size_t)size;
    }
    ck_assert_uint_ge(pieces, 4);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).fragments, FRAME_SIZE);
    ck_assert_uint_eq(byte[FRAME_SIZE - 1], 7);
}
END_TEST

/* --- cut off ----------------------------------------------------------------------------------------------------- */

/* What is blocked does not pass and is not refused; it comes when the link is whole again. The other direction passes. */
START_TEST(blocks_one_way) {
    int numbers[2];
    meet();
    rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_ONE_WAY});
    put_frame(place.dialler, 1);
    put_frame(place.target, 2);
    ck_assert_int_eq(get_frame(place.dialler, WAIT_MS), 2);
    ck_assert_uint_eq(get_all(place.target, numbers, 2), 0);
    ck_assert_uint_eq(real_proxy_stalled(place.proxy, SCENARIO_CLASS_ONE_WAY), 1);
    rule(0, 1, (struct real_rule){0});
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 1);
}
END_TEST

/* The end of a connection does not get through a cut link either. */
START_TEST(blocks_the_end) {
    uint8_t byte;
    struct pollfd wait;
    meet();
    rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_PARTITION});
    rule(1, 0, (struct real_rule){.blocked = SCENARIO_CLASS_PARTITION});
    close(place.dialler);
    place.dialler = -1;
    wait = (struct pollfd){.fd = place.target, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, SILENT_MS), 0);
    rule(0, 1, (struct real_rule){0});
    rule(1, 0, (struct real_rule){0});
    ck_assert_int_le(get(place.target, &byte, 1, WAIT_MS), 0);
}
END_TEST

/* A dial of a cut link is accepted, hears nothing, and goes through when the link is whole again. */
START_TEST(blocks_dials) {
    rule(0, 1, (struct real_rule){.blocked = SCENARIO_CLASS_HANG});
    dial();
    ck_assert(!is_dialled(SILENT_MS));
    ck_assert_uint_eq(real_proxy_stalled(place.proxy, SCENARIO_CLASS_HANG), 1);
    rule(0, 1, (struct real_rule){0});
    ck_assert(is_dialled(WAIT_MS));
}
END_TEST

/* A blocked half holds a bounded amount of bytes, whatever is sent to it. */
START_TEST(is_bounded) {
    static uint8_t bytes[256 * 1024];
    uint64_t sent = 0;
    meet();
    rule(0, 1, (struct real_rule){.rate = 1});
    for (size_t i = 0; i < sizeof bytes / FRAME_SIZE; i++) {
        bytes[i * FRAME_SIZE + 3] = FRAME_SIZE - 4;
    }
    for (;;) {
        struct pollfd wait = {.fd = place.dialler, .events = POLLOUT};
        if (poll(&wait, 1, 2 * SILENT_MS) != 1) {
            break;
        }
        ssize_t size = send(place.dialler, bytes, sizeof bytes / FRAME_SIZE * FRAME_SIZE,
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
    static bool pairs[NODES * NODES];
    uint8_t bytes[64];
    meet();
    pairs[1 * NODES + 0] = true;
    real_proxy_reset(place.proxy, pairs);
    ck_assert_int_eq(get(place.target, bytes, 8, WAIT_MS), 8);
    ck_assert_int_eq(get(place.target, bytes, 1, WAIT_MS), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_int_eq(get(place.dialler, bytes, 8, WAIT_MS), 8);
    ck_assert_int_eq(get(place.dialler, bytes, 1, WAIT_MS), -1);
    ck_assert_uint_eq(real_proxy_traffic(place.proxy).resets, 1);
    real_proxy_rules(place.proxy, place.rules); /* the proxy is through with it when this returns */
    ck_assert_uint_eq(real_proxy_pairs(place.proxy), 0);
}
END_TEST

/* Other pairs keep their connections. */
START_TEST(resets_no_other) {
    static bool pairs[NODES * NODES];
    meet();
    pairs[1 * NODES + 2] = true;
    real_proxy_reset(place.proxy, pairs);
    put_frame(place.dialler, 3);
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 3);
}
END_TEST

/* An injected frame stands between two others, whole, at the node that it is for. */
START_TEST(injects) {
    uint8_t frame[FRAME_SIZE] = {0, 0, 0, FRAME_SIZE - 4};
    ck_assert(!real_proxy_inject(place.proxy, 1, frame, sizeof frame));
    meet();
    memset(frame + 4, 8, FRAME_SIZE - 4);
    ck_assert(real_proxy_inject(place.proxy, 1, frame, sizeof frame));
    ck_assert_int_eq(get_frame(place.target, WAIT_MS), 8);
    ck_assert(real_proxy_inject(place.proxy, 0, frame, sizeof frame));
    ck_assert_int_eq(get_frame(place.dialler, WAIT_MS), 8);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count) {
    TCase *group = tcase_create(name);
    tcase_add_checked_fixture(group, proxy_setup, proxy_teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(group, tests[i]);
    }
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
    ADD("real_proxy_blocked", blocks_one_way, blocks_the_end, blocks_dials, is_bounded);
    ADD("real_proxy_reset", resets, resets_no_other);
    ADD("real_proxy_inject", injects);
    return suite;
}
