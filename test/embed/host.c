/* host.c - the smallest database that embeds attune, built against the installed headers and libraries only.
 *
 *      host DIRECTORY
 *
 * Its loop is libev's and its own; attune lives in it. A second thread is the host's write path: it asks
 * gossip_service_check about each record before it would store it, while the loop goes on. Then the host stops, starts
 * again on the same directory, and reads the schema back. Ends with 0 if all of that was as it should be.
 *
 *      loop thread:    start -> write a schema -> stored -> start the writer ...... done -> stop
 *      writer:                                              check, check, check -> ev_async_send
 */
#include <ev.h>
#include <gossip/service.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_COUNT = 20000 };

static const double seconds_max = 20;
static const double retry_seconds = 0.05;
static const char schema[] = "{\"fields\":{\"title\":{\"type\":\"string\",\"required\":true}}}";
static const char record_valid[] = "{\"title\":\"hello\"}";
static const char record_invalid[] = "{\"title\":7}";

#define TEXT(literal)                                                                              \
    (struct catalog_text) {                                                                        \
        .data = (literal), .size_bytes = sizeof(literal) - 1                                       \
    }

struct host {
    struct ev_loop *loop;
    struct gossip_service *service;
    ev_timer deadline;
    ev_timer retry;
    ev_async written; /* from the writer to the loop */
    pthread_t writer;
    size_t accepted; /* the writer's, until it is joined */
    size_t rejected;
    size_t wrong;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "host: %s: %s\n", what, why != NULL ? why : "?");
    exit(1);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop, (void)timer, (void)events;
    fail("deadline", "the run takes too long");
}

static void on_fatal(void *context, int code) {
    (void)context;
    fail("fatal", gossip_error_message(code));
}

static void on_stopped(void *context) {
    struct host *host = context;
    ev_break(host->loop, EVBREAK_ALL);
}

/* The host's write path. Every second record is one that the schema does not allow. */
static void *writer_run(void *context) {
    struct host *host = context;
    for (size_t i = 0; i < RECORD_COUNT; ++i) {
        const char *record = i % 2 == 0 ? record_valid : record_invalid;
        struct catalog_check *check = NULL;
        int64_t age_ms = 0;
        const int result =
            gossip_service_check(host->service, TEXT("posts"), record, strlen(record), GOSSIP_NEVER,
                                 &check, &age_ms, NULL);
        if (result != 0 || check->valid != (i % 2 == 0))
            ++host->wrong;
        else if (check->valid)
            ++host->accepted;
        else
            ++host->rejected;
        if (result == 0)
            catalog_check_free(check);
    }
    ev_async_send(host->loop, &host->written);
    return NULL;
}

static void on_written(struct ev_loop *loop, ev_async *async, int events) {
    (void)loop, (void)events;
    struct host *host = async->data;
    pthread_join(host->writer, NULL);
    gossip_service_stop(host->service, false, on_stopped, host);
}

static void on_reply(void *context, const struct gossip_reply *reply) {
    struct host *host = context;
    if (reply->code == GOSSIP_EJOINING) {
        ev_timer_again(host->loop, &host->retry);
        return;
    }
    if (reply->code != 0)
        fail("the schema was not stored", gossip_error_message(reply->code));
    if (pthread_create(&host->writer, NULL, writer_run, host) != 0)
        fail("writer", "cannot start a thread");
}

static void schema_write(struct host *host) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    if (catalog_body_parse(CATALOG_SCHEMA, schema, strlen(schema), false, &body, &problem) != 0)
        fail("schema", problem.message);
    const struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = TEXT("posts"), .name = TEXT("")},
        .body = body.data,
        .body_size_bytes = body.size_bytes,
    };
    struct gossip_operation operation = {.type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
    uint64_t token = 0;
    const int result = gossip_service_submit(host->service, &operation, on_reply, host, &token);
    if (result != 0)
        fail("submit", gossip_error_message(result));
    merkle_buffer_close(&body);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)events;
    ev_timer_stop(loop, timer);
    schema_write(timer->data);
}

static void service_start(struct host *host, const char *directory) {
    struct catalog_problem problem;
    const struct gossip_service_options options = {
        .data_directory = directory,
        .cluster_name = "embedded",
        .node_name = "host-1",
        .gossip_address = "127.0.0.1:0",
        .on_fatal = on_fatal,
        .context = host,
    };
    if (gossip_service_start(&options, host->loop, &host->service, &problem) != 0)
        fail("start", problem.message);
}

int main(int argc, char **argv) {
    if (argc != 2)
        fail("usage", "host DIRECTORY");
    static struct host host;
    host.loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&host.deadline, on_deadline, seconds_max, 0);
    ev_timer_start(host.loop, &host.deadline);
    ev_timer_init(&host.retry, on_retry, 0, retry_seconds);
    host.retry.data = &host;
    ev_async_init(&host.written, on_written);
    host.written.data = &host;
    ev_async_start(host.loop, &host.written);

    service_start(&host, argv[1]);
    printf("host: listening on %s\n", gossip_service_address(host.service));
    schema_write(&host);
    ev_run(host.loop, 0);
    gossip_service_free(host.service);
    if (host.wrong != 0 || host.accepted + host.rejected != RECORD_COUNT)
        fail("check", "records were judged wrongly");

    service_start(&host, argv[1]);
    const struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = TEXT("posts")};
    struct catalog_entry *entry = gossip_service_get(host.service, &key);
    if (entry == NULL || entry->state != CATALOG_ACTIVE || entry->number != 1)
        fail("restart", "the schema is not there any more");
    catalog_entry_release(entry);
    gossip_service_free(host.service);

    ev_async_stop(host.loop, &host.written);
    ev_timer_stop(host.loop, &host.deadline);
    ev_loop_destroy(host.loop);
    printf("host: %zu records accepted, %zu rejected, the schema is there after a restart\n",
           host.accepted, host.rejected);
    return 0;
}
