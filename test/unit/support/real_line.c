/* real_line.c - both ends of a connection through the fault proxy. */
#include "test/unit/support/real_line.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct real_line line;

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

void line_setup(void) {
    char message[REAL_MESSAGE_SIZE_MAX], host[32], gossip[REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in address;
    (void)snprintf(host, sizeof host, "127.201.%d.%d", getpid() >> 8 & 0xff,
                   1 + (getpid() & 0xff) % 250);
    line.rules = calloc((size_t)LINE_NODES * LINE_NODES, sizeof *line.rules);
    ck_assert_ptr_nonnull(line.rules);
    ck_assert(real_proxy_new(1, &line.proxy, message));
    for (size_t i = 0; i < 2; i++) {
        close(listen_somewhere(host, &address));
        (void)snprintf(line.advertised[i], sizeof line.advertised[i], "%s:%u", host,
                       ntohs(address.sin_port));
        ck_assert(real_proxy_node(line.proxy, i, line.advertised[i], NULL, message));
    }
    line.listen = address;
    line.server = listen_somewhere(host, &address);
    (void)snprintf(gossip, sizeof gossip, "%s:%u", host, ntohs(address.sin_port));
    ck_assert_msg(real_proxy_up(line.proxy, 1, gossip, message), "%s", message);
    line.dialler = line.target = -1;
}

void line_teardown(void) {
    real_proxy_free(line.proxy);
    free(line.rules);
    close(line.server);
    close(line.dialler);
    close(line.target);
}

void line_rule(size_t from, size_t to, struct real_rule rule) {
    line.rules[from * LINE_NODES + to] = rule;
    real_proxy_rules(line.proxy, line.rules);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

/* As much of one as the proxy reads: ten elements, the last of them the address. */
static size_t hello_make(uint8_t *frame, const char *address) {
    int size = snprintf((char *)frame + 4, 200,
                        "\x9a\x01\x01\x01\x01\xa1"
                        "c\xa1"
                        "c\xa1i\xa1o\xa1n\xd9%c%s",
                        (char)strlen(address), address);
    memcpy(frame, (const uint8_t[]){0, 0, 0, (uint8_t)size}, 4);
    return 4 + (size_t)size;
}

void line_put(int descriptor, const void *bytes, size_t size_bytes) {
    ck_assert_int_eq(send(descriptor, bytes, size_bytes, MSG_NOSIGNAL), (ssize_t)size_bytes);
}

void line_put_frame(int descriptor, uint8_t number) {
    uint8_t frame[LINE_FRAME_SIZE] = {0, 0, 0, LINE_FRAME_SIZE - 4};
    memset(frame + 4, number, LINE_FRAME_SIZE - 4);
    line_put(descriptor, frame, sizeof frame);
}

ssize_t line_get(int descriptor, uint8_t *bytes, size_t size_bytes, int wait_ms) {
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

int line_get_frame(int descriptor, int wait_ms) {
    uint8_t frame[LINE_FRAME_SIZE];
    ssize_t size = line_get(descriptor, frame, sizeof frame, wait_ms);
    return size == LINE_FRAME_SIZE ? frame[4] : -1;
}

/* The proxy is through with what it did when it has taken over the rules. */
struct real_traffic line_traffic(void) {
    real_proxy_rules(line.proxy, line.rules);
    return real_proxy_traffic(line.proxy);
}

uint64_t line_stalled(enum scenario_class class) {
    real_proxy_rules(line.proxy, line.rules);
    return real_proxy_stalled(line.proxy, class);
}

void line_connect(void) {
    int yes = 1; /* or the kernel holds small frames back by itself */
    line.dialler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(line.dialler, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), 0);
    ck_assert_int_eq(connect(line.dialler, (struct sockaddr *)&line.listen, sizeof line.listen), 0);
}

void line_dial(void) {
    uint8_t hello[256];
    size_t size = hello_make(hello, line.advertised[0]);
    line_connect();
    line_put(line.dialler, hello, size);
}

bool line_is_dialled(int wait_ms) {
    struct pollfd wait = {.fd = line.server, .events = POLLIN};
    return poll(&wait, 1, wait_ms) == 1;
}

void line_meet(void) {
    uint8_t hello[256], got[256];
    line_dial();
    ck_assert(line_is_dialled(LINE_WAIT_MS));
    line.target = accept(line.server, NULL, NULL);
    ck_assert_int_ge(line.target, 0);
    size_t size = hello_make(hello, line.advertised[0]);
    ck_assert_int_eq(line_get(line.target, got, size, LINE_WAIT_MS), (ssize_t)size);
    ck_assert_mem_eq(got, hello, size);
    size = hello_make(hello, line.advertised[1]);
    line_put(line.target, hello, size);
    ck_assert_int_eq(line_get(line.dialler, got, size, LINE_WAIT_MS), (ssize_t)size);
    ck_assert_mem_eq(got, hello, size);
}

size_t line_get_frames(int descriptor, int *numbers, size_t count_max) {
    size_t count = 0;
    while (count < count_max &&
           (numbers[count] = line_get_frame(descriptor, LINE_SILENT_MS)) >= 0) {
        count++;
    }
    return count;
}
