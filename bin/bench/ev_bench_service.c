/* ev_bench_service.c - what a host sees of the whole service: writes acknowledged, and checks while writes stream in.
 *
 * A service of one node in this process, its store in a folder of its own below $TMPDIR. An acknowledged write is on the
 * disk, so the figures depend on it. Bodies vary with each write: SQLite does not dirty a page for the same bytes. Times are
 * those of the wall clock, from the submission to the reply; the processor time of all threads stands beside them, as it
 * depends less on what else the machine is doing.
 */
#include "bin/bench/bench.h"
#include "gossip/service.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ENTITIES = 10000,
    WRITES_ALONE = 2000,
    WRITES_TOGETHER = 60000,
    TOGETHER = 64,
    FIELDS = 10, /* some 400 bytes as stored */
    THREADS = 4,
    PATH_MAX_BYTES = 512,
};

struct stream;

struct slot {
    struct stream *stream;
    double begin_s;
};

struct stream {
    struct gossip_service *service;
    struct ev_loop *loop;
    struct slot slots[TOGETHER];
    uint64_t random;
    size_t total, submitted, done, failed;
    bool in_order; /* each entity once: to fill */
    double *latencies_s;
};

struct checker {
    struct gossip_service *service;
    const atomic_bool *stop;
    pthread_t thread;
    uint64_t random, calls, failed;
    double longest_s;
    uint64_t over_1ms;
};

static int print_body(char *json, size_t size, uint64_t *random) {
    int used = snprintf(json, size, "{\"fields\":{\"key\":{\"type\":\"string\",\"required\":true}");
    for (int i = 0; i < FIELDS; i++)
        used += snprintf(json + used, size - (size_t)used, ",\"f%d_%016llx\":{\"type\":\"string\"}",
                         i, (unsigned long long)bench_random(random));
    return used + snprintf(json + used, size - (size_t)used, "}}");
}

static void on_reply(void *context, const struct gossip_reply *reply);

static bool submit(struct slot *slot) {
    struct stream *stream = slot->stream;
    char json[2048], entity[16];
    struct catalog_problem problem;
    struct merkle_buffer body;
    uint64_t token;
    uint64_t number = stream->in_order ? stream->submitted : bench_random(&stream->random);
    int entity_bytes = snprintf(entity, sizeof entity, "e%05u", (unsigned)(number % ENTITIES));
    int size_bytes = print_body(json, sizeof json, &stream->random);
    merkle_buffer_init(&body, &merkle_allocator_libc);
    slot->begin_s = bench_seconds();
    int code = catalog_body_parse(CATALOG_SCHEMA, json, (size_t)size_bytes, false, &body, &problem);
    if (code == 0) {
        struct catalog_write write = {
            .operation = CATALOG_SET,
            .key = {.kind = CATALOG_SCHEMA, .entity = {entity, (size_t)entity_bytes}},
            .body = body.data,
            .body_size_bytes = body.size_bytes,
        };
        struct gossip_operation operation = {
            .type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
        code = gossip_service_submit(stream->service, &operation, on_reply, slot, &token);
    }
    merkle_buffer_close(&body);
    stream->submitted++;
    return code == 0;
}

static void on_reply(void *context, const struct gossip_reply *reply) {
    struct slot *slot = context;
    struct stream *stream = slot->stream;
    stream->latencies_s[stream->done++] = bench_seconds() - slot->begin_s;
    stream->failed += reply->code != 0;
    if (stream->submitted < stream->total && !submit(slot))
        stream->failed++;
    if (stream->done == stream->total || stream->failed > 0)
        ev_break(stream->loop, EVBREAK_ONE);
}

static int compare(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Runs `total` writes, `together` at once, and prints a line of figures. */
static int run_stream(struct stream *stream, const char *name, size_t total, size_t together,
                      double p50_ms_limit, double p99_ms_limit, double rate_least) {
    stream->latencies_s = bench_allocate(total, sizeof(double));
    stream->total = total;
    stream->submitted = stream->done = stream->failed = 0;
    const double begin_s = bench_seconds(), begin_cpu_s = bench_cpu_seconds();
    for (size_t i = 0; i < together && stream->failed == 0; i++) {
        stream->slots[i] = (struct slot){.stream = stream};
        stream->failed += !submit(&stream->slots[i]);
    }
    if (stream->failed == 0)
        ev_run(stream->loop, 0);
    const double seconds = bench_seconds() - begin_s;
    const double cpu_us = (bench_cpu_seconds() - begin_cpu_s) / (double)total * 1e6;
    if (stream->failed == 0) {
        qsort(stream->latencies_s, total, sizeof(double), compare);
        const double p50_ms = stream->latencies_s[total / 2] * 1e3;
        const double p99_ms = stream->latencies_s[total * 99 / 100] * 1e3;
        printf("%-34s %9.0f/s%s", name, (double)total / seconds,
               (double)total / seconds < rate_least ? " <- too few" : "");
        printf("   p50 %7.3f ms%s", p50_ms, bench_mark(p50_ms, p50_ms_limit));
        printf("   p99 %7.3f ms%s", p99_ms, bench_mark(p99_ms, p99_ms_limit));
        printf("   max %7.3f ms   %6.1f us of CPU each\n", stream->latencies_s[total - 1] * 1e3,
               cpu_us);
    }
    free(stream->latencies_s);
    return stream->failed == 0 ? 0 : 1;
}

/* --- checks from other threads ----------------------------------------------------------------------------------- */

static void *check_all_the_time(void *context) {
    struct checker *checker = context;
    static const char record[] = "{\"key\":\"a text of some length\",\"another\":12}";
    while (!atomic_load_explicit(checker->stop, memory_order_relaxed)) {
        char entity[16];
        struct catalog_check *check = NULL;
        struct catalog_problem problem;
        int size_bytes = snprintf(entity, sizeof entity, "e%05u",
                                  (unsigned)(bench_random(&checker->random) % ENTITIES));
        const double begin_s = bench_seconds();
        int code = gossip_service_check(checker->service,
                                        (struct catalog_text){entity, (size_t)size_bytes}, record,
                                        sizeof record - 1, GOSSIP_NEVER, &check, NULL, &problem);
        const double seconds = bench_seconds() - begin_s;
        checker->calls++;
        checker->failed += code != 0;
        checker->over_1ms += seconds > 1e-3;
        checker->longest_s = seconds > checker->longest_s ? seconds : checker->longest_s;
        catalog_check_free(check);
    }
    return NULL;
}

static int run_checks(struct stream *stream) {
    struct checker checkers[THREADS];
    atomic_bool stop = false;
    size_t started = 0;
    for (; started < THREADS; started++) {
        checkers[started] =
            (struct checker){.service = stream->service, .stop = &stop, .random = 1000 + started};
        if (pthread_create(&checkers[started].thread, NULL, check_all_the_time,
                           &checkers[started]) != 0)
            break;
    }
    const double begin_s = bench_seconds();
    int result = run_stream(stream, "64 at once, while 4 threads check", WRITES_TOGETHER / 2,
                            TOGETHER, 1e9, 1e9, 0);
    const double seconds = bench_seconds() - begin_s;
    atomic_store(&stop, true);
    uint64_t calls = 0, failed = 0, over_1ms = 0;
    double longest_s = 0;
    for (size_t i = 0; i < started; i++) {
        pthread_join(checkers[i].thread, NULL);
        calls += checkers[i].calls;
        failed += checkers[i].failed;
        over_1ms += checkers[i].over_1ms;
        longest_s = checkers[i].longest_s > longest_s ? checkers[i].longest_s : longest_s;
    }
    printf("gossip_service_check meanwhile     %9.0f/s by %zu threads, longest %.3f ms, "
           "%llu over 1 ms, %llu failed\n",
           (double)calls / seconds, started, longest_s * 1e3, (unsigned long long)over_1ms,
           (unsigned long long)failed);
    return result != 0 || started < THREADS || failed > 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int run_all(struct stream *stream) {
    stream->in_order = true;
    if (run_stream(stream, "filling with 10,000 entries", ENTITIES, TOGETHER, 1e9, 1e9, 0) != 0)
        return 1;
    stream->in_order = false;
    return run_stream(stream, "one at a time", WRITES_ALONE, 1, 0.5, 1e9, 0) != 0 ||
           run_stream(stream, "64 at once", WRITES_TOGETHER, TOGETHER, 1e9, 10, 20000) != 0 ||
           run_checks(stream) != 0;
}

static void remove_files(const char *directory) {
    static const char *const names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm", "lock"};
    char path[PATH_MAX_BYTES + 32];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    if (rmdir(directory) != 0)
        fprintf(stderr, "attune-bench: %s is left behind\n", directory);
}

int bench_service(void) {
    char directory[PATH_MAX_BYTES];
    const char *parent = getenv("TMPDIR");
    struct catalog_problem problem = {.code = 0};
    struct stream stream = {.random = 1, .loop = ev_loop_new(EVFLAG_AUTO)};
    snprintf(directory, sizeof directory, "%.400s/attune-bench-XXXXXX",
             parent == NULL ? "/tmp" : parent);
    if (stream.loop == NULL || mkdtemp(directory) == NULL) {
        fprintf(stderr, "attune-bench: cannot make an event loop, or a folder %s\n", directory);
        return 1;
    }
    int result = gossip_service_start(
        &(struct gossip_service_options){
            .data_directory = directory, .node_name = "bench", .gossip_address = "127.0.0.1:0"},
        stream.loop, &stream.service, &problem);
    if (result == 0) {
        ev_run(stream.loop, EVRUN_NOWAIT);
        result = run_all(&stream);
        gossip_service_free(stream.service);
    } else {
        fprintf(stderr, "attune-bench: %s\n", problem.message);
    }
    remove_files(directory);
    ev_loop_destroy(stream.loop);
    return result;
}
