/* test_ev_service.c - attune inside a host: start, write, read from any thread, stop, start again from the disk.
 *
 * Real store, real thread, real sockets, in a directory of its own. Nothing sleeps: the loop turns until what a test waits
 * for has come.
 */
#include "gossip/ev_service.h"

#include <check.h>
#include <ev.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the host ---------------------------------------------------------------------------------------------------- */

static char directory[64];
static struct ev_loop *loop;

static void setup(void) {
    strcpy(directory, "/tmp/attune-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(loop);
}

static void teardown(void) {
    char command[128];
    ev_loop_destroy(loop);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static void on_wake(struct ev_loop *at, ev_timer *watcher, int events) {
    (void)at;
    (void)watcher;
    (void)events;
}

static bool turn_until(bool (*is_so)(void *context), void *context) {
    ev_timer wake;
    ev_timer_init(&wake, on_wake, 0.005, 0.005);
    ev_timer_start(loop, &wake);
    ev_now_update(loop);
    double deadline = ev_now(loop) + 15;
    bool so = is_so(context);
    while (!so && ev_now(loop) < deadline) {
        ev_run(loop, EVRUN_ONCE);
        so = is_so(context);
    }
    ev_timer_stop(loop, &wake);
    return so;
}

/* Starts a service in a folder of the directory. */
static struct gossip_service *start(const char *name, const char *seed) {
    char path[128];
    struct gossip_service *service = NULL;
    struct catalog_problem problem = {.code = 0};
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct gossip_service_options options = {
        .data_directory = path,
        .cluster_name = "test",
        .node_name = name,
        .gossip_address = "127.0.0.1:0",
        .seeds = &seed,
        .seed_count = seed != NULL ? 1 : 0,
        .interval_ms = 50,
    };
    int result = gossip_service_start(&options, loop, &service, &problem);
    ck_assert_msg(result == 0, "%d %s", result, problem.message);
    return service;
}

static bool is_ready(void *context) {
    struct gossip_service *service = context;
    return gossip_status(gossip_service_engine(service), gossip_service_now(service),
                         gossip_service_wall(service))
        .ready;
}

/* A write whose reply is waited for. */
struct answer {
    bool came;
    int code;
    unsigned calls;
    bool within_call; /* set while the host is inside a call into the service */
};

static void on_reply(void *context, const struct gossip_reply *reply) {
    struct answer *answer = context;
    ck_assert(!answer->within_call);
    answer->came = true;
    answer->calls++;
    answer->code = reply->code;
}

static bool has_come(void *context) {
    return ((struct answer *)context)->came;
}

static uint64_t submit_schema(struct gossip_service *service, const char *entity,
                              struct answer *answer) {
    static const char json[] = "{\"fields\":{\"title\":{\"type\":\"string\",\"required\":true}}}";
    struct merkle_buffer body;
    struct catalog_problem problem;
    uint64_t token = 0;
    char name[64]; /* lent for the call only */
    merkle_buffer_init(&body, &merkle_allocator_libc);
    ck_assert_int_eq(
        catalog_body_parse(CATALOG_SCHEMA, json, sizeof json - 1, false, &body, &problem), 0);
    snprintf(name, sizeof name, "%s", entity);
    struct catalog_write write = {.operation = CATALOG_SET,
                                  .key = {.kind = CATALOG_SCHEMA, .entity = {name, strlen(name)}},
                                  .body = body.data,
                                  .body_size_bytes = body.size_bytes};
    struct gossip_operation operation = {.type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
    answer->within_call = true;
    ck_assert_int_eq(gossip_service_submit(service, &operation, on_reply, answer, &token), 0);
    answer->within_call = false;
    memset(name, 'x', sizeof name);
    memset(body.data, 0xff, body.size_bytes);
    merkle_buffer_close(&body);
    return token;
}

static void write_schema(struct gossip_service *service, const char *entity) {
    struct answer answer = {.came = false};
    ck_assert(turn_until(is_ready, service));
    submit_schema(service, entity, &answer);
    ck_assert(turn_until(has_come, &answer));
    ck_assert_int_eq(answer.code, 0);
    ck_assert_uint_eq(answer.calls, 1);
}

static struct catalog_key schema_key(const char *entity) {
    return (struct catalog_key){.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}};
}

static bool has_schema(struct gossip_service *service, const char *entity) {
    struct catalog_key key = schema_key(entity);
    struct catalog_entry *entry = gossip_service_get(service, &key);
    catalog_entry_release(entry);
    return entry != NULL;
}

struct stop {
    bool stopped;
    struct gossip_service *service; /* to be freed from the callback; NULL: not */
};

static void on_stopped(void *context) {
    struct stop *stop = context;
    ck_assert(!stop->stopped);
    stop->stopped = true;
    gossip_service_free(stop->service);
}

static bool has_stopped(void *context) {
    return ((struct stop *)context)->stopped;
}

static void stop_and_free(struct gossip_service *service, bool now) {
    struct stop stop = {.service = service};
    gossip_service_stop(service, now, on_stopped, &stop);
    ck_assert(!stop.stopped); /* never from within the call */
    ck_assert(turn_until(has_stopped, &stop));
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(what_was_written_is_there_after_a_restart) {
    /* G2: an acknowledged write is on disk; operations are answered once, later, from the loop; memory of an operation is
     * lent for the call only. */
    struct gossip_service *service = start("a", NULL);
    write_schema(service, "posts");
    ck_assert(has_schema(service, "posts"));
    ck_assert(!has_schema(service, "users"));
    ck_assert_uint_ge(gossip_service_store_times(service).count, 1);
    stop_and_free(service, false);
    service = start("a", NULL);
    ck_assert(has_schema(service, "posts")); /* served when start returns */
    stop_and_free(service, true);
}
END_TEST

START_TEST(check_answers_stale_unless_the_cluster_is_known_to_agree) {
    /* DESIGN 7.7: with max_staleness a node that does not know whether it agrees says so; a cluster of one agrees. */
    struct gossip_service *service = start("a", NULL);
    struct catalog_text posts = {"posts", 5};
    struct catalog_check *check = NULL;
    struct catalog_problem problem;
    int64_t age_ms = 7;
    ck_assert_int_eq(
        gossip_service_check(service, posts, "{}", 2, 3600000, &check, &age_ms, &problem),
        GOSSIP_ESTALE);
    ck_assert_int_eq(age_ms, -1);
    ck_assert_int_eq(
        gossip_service_check(service, posts, "{}", 2, GOSSIP_NEVER, &check, NULL, &problem), 0);
    ck_assert(check->valid);
    catalog_check_free(check);
    write_schema(service, "posts");
    ck_assert_int_eq(gossip_service_check(service, posts, "{}", 2, 0, &check, &age_ms, &problem),
                     0);
    ck_assert(!check->valid);
    ck_assert_int_eq(age_ms, 0);
    catalog_check_free(check);
    gossip_service_free(service);
}
END_TEST

struct reader {
    struct gossip_service *service;
    atomic_bool end;
    size_t reads;
    size_t found;
};

static void *reader_run(void *context) {
    struct reader *reader = context;
    struct catalog_text posts = {"posts", 5};
    struct catalog_key key = schema_key("posts");
    while (!atomic_load(&reader->end)) {
        struct catalog_check *check = NULL;
        struct catalog_problem problem;
        int result = gossip_service_check(reader->service, posts, "{\"title\":\"x\"}", 13,
                                          GOSSIP_NEVER, &check, NULL, &problem);
        if (result == 0) {
            catalog_check_free(check);
        }
        struct catalog_entry *entry = gossip_service_get(reader->service, &key);
        reader->found += entry != NULL ? 1 : 0;
        catalog_entry_release(entry);
        reader->reads++;
    }
    return NULL;
}

START_TEST(other_threads_read_while_the_loop_writes) {
    /* DESIGN 4.5: check and get are called from any thread, without waiting for the loop. */
    struct gossip_service *service = start("a", NULL);
    struct reader reader = {.service = service};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, reader_run, &reader), 0);
    write_schema(service, "posts");
    for (unsigned i = 0; i < 20; i++) {
        char entity[16];
        snprintf(entity, sizeof entity, "entity-%u", i);
        write_schema(service, entity);
    }
    atomic_store(&reader.end, true);
    pthread_join(thread, NULL);
    ck_assert_uint_gt(reader.reads, 0);
    ck_assert_uint_gt(reader.found, 0);
    gossip_service_free(service);
}
END_TEST

static bool has_posts(void *context) {
    return has_schema(context, "posts");
}

START_TEST(a_write_reaches_the_other_node) {
    /* G2, DESIGN 7.4: a node that joins gets what is there and what comes, over TCP and through real stores. */
    struct gossip_service *first = start("a", NULL);
    write_schema(first, "users");
    struct gossip_service *second = start("b", gossip_service_address(first));
    ck_assert(turn_until(is_ready, second));
    ck_assert(has_schema(second, "users"));
    write_schema(second, "posts");
    ck_assert(turn_until(has_posts, first));
    stop_and_free(second, false);
    stop_and_free(first, false);
}
END_TEST

START_TEST(cancelled_operations_are_not_answered) {
    /* service.h: after a cancel on_reply is not called any more; a write that is under way stands or is not begun. */
    struct gossip_service *service = start("a", NULL);
    ck_assert(turn_until(is_ready, service));
    struct answer cancelled = {.came = false};
    uint64_t token = submit_schema(service, "posts", &cancelled);
    gossip_service_cancel(service, token);
    gossip_service_cancel(service, token);      /* nothing happens */
    gossip_service_cancel(service, token + 99); /* nor here */
    write_schema(service, "users");
    ck_assert(!cancelled.came);
    gossip_service_free(service);
}
END_TEST

START_TEST(agreement_is_waited_for) {
    /* An operation is copied whole, key and texts too: they are lent for the call only. */
    struct gossip_service *first = start("a", NULL);
    write_schema(first, "posts");
    struct gossip_service *second = start("b", gossip_service_address(first));
    ck_assert(turn_until(is_ready, second));
    struct answer answer = {.came = false};
    uint64_t token = 0;
    char entity[] = "posts";
    char node[] = "a";
    struct gossip_operation operation = {.type = GOSSIP_AGREEMENT,
                                         .key = {CATALOG_SCHEMA, {entity, 5}, {entity + 5, 0}},
                                         .timeout_ms = 10000};
    ck_assert_int_eq(gossip_service_submit(first, &operation, on_reply, &answer, &token), 0);
    memset(entity, 'x', sizeof entity);
    ck_assert(turn_until(has_come, &answer));
    ck_assert_int_eq(answer.code, 0);
    struct catalog_write write = {
        .operation = CATALOG_RESOLVE, .key = schema_key("posts"), .take = {node, 1}};
    operation = (struct gossip_operation){
        .type = GOSSIP_WRITE, .writes = &write, .write_count = 1, .dry_run = true};
    answer.came = false;
    ck_assert_int_eq(gossip_service_submit(first, &operation, on_reply, &answer, &token), 0);
    ck_assert(first->queue.last != NULL &&
              first->queue.last->operation->writes[0].take.data != node);
    ck_assert_mem_eq(first->queue.last->operation->writes[0].take.data, "a", 1);
    ck_assert(turn_until(has_come, &answer));
    gossip_service_free(second);
    gossip_service_free(first);
}
END_TEST

struct chain {
    struct gossip_service *service;
    struct answer second;
    bool first_came;
};

static void on_first(void *context, const struct gossip_reply *reply) {
    struct chain *chain = context;
    ck_assert_int_eq(reply->code, 0);
    chain->first_came = true;
    submit_schema(chain->service, "second", &chain->second);
}

static bool chain_is_done(void *context) {
    return ((struct chain *)context)->second.came;
}

START_TEST(a_reply_may_submit_again) {
    /* STYLE 27: no step from within a step; what a callback asks for is done in the next turn. */
    struct chain chain = {.service = start("a", NULL)};
    struct gossip_operation operation = {.type = GOSSIP_SYNC, .timeout_ms = 100};
    uint64_t token;
    ck_assert(turn_until(is_ready, chain.service));
    ck_assert_int_eq(gossip_service_submit(chain.service, &operation, on_first, &chain, &token), 0);
    ck_assert(turn_until(chain_is_done, &chain));
    ck_assert_int_eq(chain.second.code, 0);
    gossip_service_free(chain.service);
}
END_TEST

START_TEST(after_stop_nothing_is_taken) {
    /* service.h: stop refuses further operations, finishes, and says so once. */
    struct gossip_service *service = start("a", NULL);
    struct answer before = {.came = false};
    ck_assert(turn_until(is_ready, service));
    submit_schema(service, "posts", &before);
    struct stop stop = {.stopped = false};
    gossip_service_stop(service, false, on_stopped, &stop);
    struct gossip_operation operation = {.type = GOSSIP_SYNC};
    uint64_t token;
    ck_assert_int_eq(gossip_service_submit(service, &operation, on_reply, &before, &token),
                     GOSSIP_ESTOPPING);
    ck_assert(turn_until(has_stopped, &stop));
    ck_assert(before.came); /* it was put down before the stop, and is on disk */
    ck_assert_int_eq(before.code, 0);
    gossip_service_free(service);
}
END_TEST

START_TEST(a_service_is_freed_at_any_time) {
    /* service.h: before its first turn, with operations waiting, while a peer is being looked up. */
    struct gossip_service *service = start("a", NULL);
    gossip_service_free(service);
    service = start("a", "no-such-host.invalid:7740");
    struct answer answer = {.came = false};
    submit_schema(service, "posts", &answer);
    ev_run(loop, EVRUN_NOWAIT);
    ev_run(loop, EVRUN_NOWAIT);
    gossip_service_free(service);
    gossip_service_free(NULL);
}
END_TEST

/* Demands that a start is refused with this code, and says what to do. */
static void check_refused(const struct gossip_service_options *options, int code,
                          const char *said) {
    struct gossip_service *service = NULL;
    struct catalog_problem problem = {.code = 0};
    int result = gossip_service_start(options, loop, &service, &problem);
    ck_assert_msg(result == code, "%d instead of %d: %s", result, code, problem.message);
    ck_assert_int_eq(problem.code, code);
    ck_assert_msg(strstr(problem.message, said) != NULL, "no \"%s\" in: %s", said, problem.message);
    ck_assert_ptr_null(service);
}

START_TEST(what_cannot_start_says_why_and_leaves_nothing) {
    /* D10, DESIGN 9: wrong options, a port that is taken, a directory in use: a clear sentence, and a second try works. */
    char path[128];
    char taken[64];
    snprintf(path, sizeof path, "%s/a", directory);
    struct gossip_service *running = start("running", NULL);
    snprintf(taken, sizeof taken, "%s", gossip_service_address(running));
    const struct gossip_service_options good = {.data_directory = path,
                                                .cluster_name = "test",
                                                .node_name = "a",
                                                .gossip_address = "127.0.0.1:0"};
    const char *nowhere = "nowhere";
    struct gossip_service_options options = good;
    options.gossip_address = "0.0.0.0:0";
    check_refused(&options, GOSSIP_EADDRESS, "loopback");
    options.insecure = true;
    check_refused(&options, GOSSIP_EADDRESS, "advertise");
    options = good;
    options.gossip_address = taken;
    check_refused(&options, GOSSIP_ELISTEN, taken);
    options = good;
    options.seeds = &nowhere;
    options.seed_count = 1;
    check_refused(&options, GOSSIP_EADDRESS, "nowhere");
    options = good;
    options.advertise_address = "host:0";
    check_refused(&options, GOSSIP_EADDRESS, "host:0");
    options = good;
    options.node_name = "a/b";
    check_refused(&options, CATALOG_EMALFORMED, "node name");
    options = good;
    options.data_directory = "/nonexistent/parent/a";
    check_refused(&options, GOSSIP_EDIRECTORY, "/nonexistent/parent/a");
    options.data_directory = "/dev/null";
    check_refused(&options, GOSSIP_EDIRECTORY, "not a directory");
    char in_use[128];
    snprintf(in_use, sizeof in_use, "%s/running", directory);
    options = good;
    options.data_directory = in_use;
    check_refused(&options, CATALOG_EINUSE, in_use);
    gossip_service_free(running);
    gossip_service_free(start("a", NULL));
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0700);
}
END_TEST

Suite *ev_service_suite(void);
Suite *ev_service_suite(void) {
    Suite *suite = suite_create("ev_service");
    TCase *tcase = tcase_create("gossip_service_start");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_was_written_is_there_after_a_restart);
    tcase_add_test(tcase, what_cannot_start_says_why_and_leaves_nothing);
    tcase_add_test(tcase, a_write_reaches_the_other_node);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip_service_check");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, check_answers_stale_unless_the_cluster_is_known_to_agree);
    tcase_add_test(tcase, other_threads_read_while_the_loop_writes);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip_service_submit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, cancelled_operations_are_not_answered);
    tcase_add_test(tcase, agreement_is_waited_for);
    tcase_add_test(tcase, a_reply_may_submit_again);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip_service_stop");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, after_stop_nothing_is_taken);
    tcase_add_test(tcase, a_service_is_freed_at_any_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
