/* bench_http.c - writes acknowledged over HTTP, by a client that costs little: one thread, raw sockets, poll.
 *
 *      ATTUNE_HTTP=127.0.0.1:7741 attune-bench http
 *
 * It writes to a daemon that runs already, for a whole cluster may stand behind it: first 10,000 schemas, then changes of
 * them, one at a time and 64 at once, each connection kept alive. Without ATTUNE_HTTP there is nothing to measure.
 */
#include "bin/bench/bench.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENTITIES = 10000,
    CONNECTIONS = 64,
    FIELDS = 10,
    BUFFER_SIZE = 8192,
    WRITES_ALONE = 2000,
    WRITES = 30000
};

struct connection {
    int fd;
    double begin_s;
    size_t used;
    char answer[BUFFER_SIZE];
};

struct load {
    struct sockaddr_in address;
    uint64_t random;
    size_t total, submitted, done;
    double *latencies_s;
    struct connection connections[CONNECTIONS];
};

static bool address_of(const char *text, struct sockaddr_in *address) {
    char host[64];
    unsigned port;
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port == 0 || port > 65535)
        return false;
    address->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static bool connect_to(struct load *load, struct connection *connection) {
    const int on = 1;
    connection->used = 0;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return false;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(connection->fd, (struct sockaddr *)&load->address, sizeof load->address) == 0;
}

static bool submit(struct load *load, struct connection *connection, bool in_order) {
    char body[1024], request[2048];
    uint64_t entity = in_order ? load->submitted : bench_random(&load->random);
    int used =
        snprintf(body, sizeof body, "{\"fields\":{\"key\":{\"type\":\"string\",\"required\":true}");
    for (int i = 0; i < FIELDS; i++)
        used += snprintf(body + used, sizeof body - (size_t)used,
                         ",\"f%d_%016llx\":{\"type\":\"string\"}", i,
                         (unsigned long long)bench_random(&load->random));
    used += snprintf(body + used, sizeof body - (size_t)used, "}}");
    int size_bytes = snprintf(
        request, sizeof request,
        "PUT /v1/schemas/e%05u HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
        (unsigned)(entity % ENTITIES), used, body);
    load->submitted++;
    connection->begin_s = bench_seconds();
    return write(connection->fd, request, (size_t)size_bytes) == size_bytes;
}

/* 1: the answer is whole and says 200 or 201; 0: not whole yet; -1: the connection or the write failed. */
static int receive(struct connection *connection) {
    ssize_t got = read(connection->fd, connection->answer + connection->used,
                       BUFFER_SIZE - 1 - connection->used);
    if (got <= 0)
        return -1;
    connection->used += (size_t)got;
    connection->answer[connection->used] = '\0';
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *length = strcasestr(connection->answer, "\r\nContent-Length:");
    if (length == NULL || length > end)
        return -1;
    size_t whole = (size_t)(end + 4 - connection->answer) + strtoul(length + 17, NULL, 10);
    if (connection->used < whole)
        return whole < BUFFER_SIZE ? 0 : -1;
    connection->used = 0;
    return strncmp(connection->answer, "HTTP/1.1 20", 11) == 0 ? 1 : -1;
}

static bool turn(struct load *load, struct pollfd *polls, size_t together, bool in_order) {
    if (poll(polls, together, 10000) <= 0)
        return false;
    for (size_t i = 0; i < together; i++) {
        struct connection *connection = &load->connections[i];
        int got = polls[i].revents != 0 ? receive(connection) : 0;
        if (got < 0) {
            fprintf(stderr, "attune-bench: no answer, or: %s\n", connection->answer);
            return false;
        }
        if (got == 0)
            continue;
        load->latencies_s[load->done++] = bench_seconds() - connection->begin_s;
        if (load->submitted < load->total && !submit(load, connection, in_order))
            return false;
    }
    return true;
}

static int compare(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print(struct load *load, const char *name, double seconds, double p50_ms_limit,
                  double p99_ms_limit) {
    qsort(load->latencies_s, load->total, sizeof(double), compare);
    const double p50_ms = load->latencies_s[load->total / 2] * 1e3;
    const double p99_ms = load->latencies_s[load->total * 99 / 100] * 1e3;
    printf("%-28s %9.0f/s   p50 %7.3f ms%s", name, (double)load->total / seconds, p50_ms,
           bench_mark(p50_ms, p50_ms_limit));
    printf("   p99 %7.3f ms%s\n", p99_ms, bench_mark(p99_ms, p99_ms_limit));
}

static bool run_load(struct load *load, const char *name, size_t total, size_t together,
                     bool in_order, double p50_ms_limit, double p99_ms_limit) {
    struct pollfd polls[CONNECTIONS];
    bool fine = true;
    load->total = total;
    load->submitted = load->done = 0;
    load->latencies_s = bench_allocate(total, sizeof(double));
    for (size_t i = 0; i < together; i++) {
        fine = fine && connect_to(load, &load->connections[i]);
        polls[i] = (struct pollfd){.fd = load->connections[i].fd, .events = POLLIN};
    }
    const double begin_s = bench_seconds();
    for (size_t i = 0; i < together && fine; i++)
        fine = submit(load, &load->connections[i], in_order);
    while (fine && load->done < total)
        fine = turn(load, polls, together, in_order);
    if (fine)
        print(load, name, bench_seconds() - begin_s, p50_ms_limit, p99_ms_limit);
    for (size_t i = 0; i < together; i++) {
        close(load->connections[i].fd);
        load->connections[i].fd = -1;
    }
    free(load->latencies_s);
    return fine;
}

int bench_http(void) {
    const char *address = getenv("ATTUNE_HTTP");
    struct load *load = bench_allocate(1, sizeof *load);
    load->random = 1;
    for (size_t i = 0; i < CONNECTIONS; i++)
        load->connections[i].fd = -1;
    bool fine = true;
    if (address == NULL) {
        printf("left out: ATTUNE_HTTP=HOST:PORT does not name a daemon to write to\n");
    } else if (!address_of(address, &load->address)) {
        fprintf(stderr, "attune-bench: ATTUNE_HTTP is not an IPv4 address and a port\n");
        fine = false;
    } else {
        fine =
            run_load(load, "filling with 10,000 entries", ENTITIES, CONNECTIONS, true, 1e9, 1e9) &&
            run_load(load, "one at a time", WRITES_ALONE, 1, false, 0.5, 1e9) &&
            run_load(load, "64 at once", WRITES, CONNECTIONS, false, 1e9, 10);
    }
    free(load);
    return fine ? 0 : 1;
}
