/* ev_main.c - the loop of the daemon: service, HTTP and signals, from the first port to the last answer.
 *
 *   start:  HTTP sockets -> service (store, gossip, join) -> HTTP answers -> attuned.json, the same line on stdout
 *           (on a full disk the file comes when there is room: what the node has is served all the same)
 *   SIGTERM, SIGINT:  the service tells the peers and finishes what is in flight, HTTP still answers; then exit 0
 *   again, or DRAIN_S later:  at once. What is acknowledged is on disk in any case (G2).
 *   SIGHUP: reads the options again; the log's level and format change, other changes need a restart and are named
 */
#include "bin/attuned/ev_main.h"
#include "bin/attuned/ev_http.h"
#include "bin/attuned/http_print.h"
#include "bin/attuned/state_file.h"
#include "gossip/service.h"

#include <assert.h>
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_S 10.0
#define STATE_AGAIN_S 1.0

struct daemon {
    struct ev_loop *loop;
    const struct options *options;
    ev_main_reload reload;
    void *reload_context;
    struct gossip_service *service;
    struct ev_http *http;
    ev_signal terminate, interrupt, hangup;
    ev_timer drain;
    struct merkle_buffer state_line; /* of attuned.json */
    ev_timer state_again;            /* until the disk has room for it */
    bool stopping;
    int exit_code;
};

static uint64_t wall_ms(void) {
    return (uint64_t)(ev_time() * 1000);
}

/* --- notices of the service -------------------------------------------------------------------------------------- */

static const enum log_kind notice_kinds[] = {
    [GOSSIP_NOTICE_MEMBER] = LOG_MEMBER,     [GOSSIP_NOTICE_READY] = LOG_CLUSTER,
    [GOSSIP_NOTICE_REFUSED] = LOG_REFUSED,   [GOSSIP_NOTICE_STORE] = LOG_STORE,
    [GOSSIP_NOTICE_REPAIRED] = LOG_REPAIRED, [GOSSIP_NOTICE_FUTILE] = LOG_FUTILE,
    [GOSSIP_NOTICE_CLOCK] = LOG_CLOCK,       [GOSSIP_NOTICE_CHANGED] = LOG_CHANGED,
    [GOSSIP_NOTICE_CLUSTER] = LOG_CLUSTER,   [GOSSIP_NOTICE_EMPTIED] = LOG_CLUSTER,
    [GOSSIP_NOTICE_KEPT] = LOG_STORE,
};
static const enum log_level notice_levels[] = {
    [GOSSIP_DEBUG] = LOG_LEVEL_DEBUG,
    [GOSSIP_INFO] = LOG_LEVEL_INFO,
    [GOSSIP_WARNING] = LOG_LEVEL_WARNING,
    [GOSSIP_ERROR] = LOG_LEVEL_ERROR,
};

static void log_change(const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    const char *kind = catalog_kind_name(key.kind);
    log_write(LOG_CHANGED, LOG_LEVEL_DEBUG, NULL,
              "%s %.*s%s%.*s: number %" PRIu64 ", %s%s, clock %016" PRIx64,
              kind == NULL ? "entry" : kind, (int)key.entity.size_bytes, key.entity.data,
              key.name.size_bytes > 0 ? " " : "", (int)key.name.size_bytes,
              key.name.size_bytes > 0 ? key.name.data : "", entry->number,
              catalog_state_name((enum catalog_state)entry->state),
              entry->conflict ? ", in conflict" : "", entry->clock);
}

static void on_notice(void *context, const struct gossip_notice *notice) {
    struct daemon *daemon = context;
    ev_http_notice(daemon->http, notice);
    if (notice->type == GOSSIP_NOTICE_CHANGED && notice->entry != NULL)
        log_change(notice->entry);
    else if (notice->text != NULL)
        log_write(notice_kinds[notice->type], notice_levels[notice->severity], notice->member, "%s",
                  notice->text);
}

static void on_fatal(void *context, int code) {
    struct daemon *daemon = context;
    log_write(LOG_DAEMON, LOG_LEVEL_ERROR, NULL, "cannot go on: %s", gossip_error_message(code));
    daemon->exit_code = 1;
    ev_break(daemon->loop, EVBREAK_ALL);
}

/* --- signals ----------------------------------------------------------------------------------------------------- */

static void on_stopped(void *context) {
    struct daemon *daemon = context;
    ev_break(daemon->loop, EVBREAK_ALL);
}

static void on_drain_over(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)watcher, (void)events;
    log_write(LOG_DAEMON, LOG_LEVEL_WARNING, NULL, "stops before all peers were told");
    ev_break(loop, EVBREAK_ALL);
}

static void on_terminate(struct ev_loop *loop, ev_signal *watcher, int events) {
    struct daemon *daemon = watcher->data;
    (void)events;
    if (daemon->stopping) {
        log_write(LOG_DAEMON, LOG_LEVEL_WARNING, NULL, "stops at once");
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    daemon->stopping = true;
    log_write(LOG_DAEMON, LOG_LEVEL_INFO, NULL, "stops: telling the peers");
    ev_http_drain(daemon->http);
    ev_timer_start(loop, &daemon->drain);
    gossip_service_stop(daemon->service, false, on_stopped, daemon);
}

static bool same(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Whether anything changed that only a restart takes up. */
static bool needs_restart(const struct options *before, const struct options *after) {
    bool joins_same = before->join_count == after->join_count;
    for (size_t i = 0; joins_same && i < before->join_count; i++)
        joins_same = same(before->joins[i], after->joins[i]);
    return !joins_same || !same(before->data_dir, after->data_dir) ||
           !same(before->name, after->name) || !same(before->cluster, after->cluster) ||
           !same(before->gossip, after->gossip) || !same(before->advertise, after->advertise) ||
           !same(before->http, after->http) || !same(before->metrics, after->metrics) ||
           before->interval_ms != after->interval_ms ||
           before->freshness_limit_ms != after->freshness_limit_ms ||
           before->insecure != after->insecure;
}

static void on_hangup(struct ev_loop *loop, ev_signal *watcher, int events) {
    struct daemon *daemon = watcher->data;
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    (void)loop, (void)events;
    if (!daemon->reload(daemon->reload_context, &options, message)) {
        log_write(LOG_DAEMON, LOG_LEVEL_ERROR, NULL, "not reloaded: %s", message);
        return;
    }
    log_setup(options.log_level, options.log_format, wall_ms);
    if (needs_restart(daemon->options, &options))
        log_write(LOG_DAEMON, LOG_LEVEL_WARNING, NULL,
                  "reloaded the log's level and format; what else changed needs a restart");
    else
        log_write(LOG_DAEMON, LOG_LEVEL_INFO, NULL, "reloaded");
}

static void watch_signals(struct daemon *daemon) {
    ev_signal_init(&daemon->terminate, on_terminate, SIGTERM);
    ev_signal_init(&daemon->interrupt, on_terminate, SIGINT);
    ev_signal_init(&daemon->hangup, on_hangup, SIGHUP);
    ev_timer_init(&daemon->drain, on_drain_over, DRAIN_S, 0);
    daemon->terminate.data = daemon->interrupt.data = daemon->hangup.data = daemon;
    ev_signal_start(daemon->loop, &daemon->terminate);
    ev_signal_start(daemon->loop, &daemon->interrupt);
    ev_signal_start(daemon->loop, &daemon->hangup);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is met like a full disk */
}

/* --- start ------------------------------------------------------------------------------------------------------- */

static bool refuse(const char *message) {
    log_refusal(message);
    return false;
}

static bool start_service(struct daemon *daemon) {
    const struct options *options = daemon->options;
    struct catalog_problem problem = {0};
    int code = gossip_service_start(
        &(struct gossip_service_options){
            .data_directory = options->data_dir,
            .cluster_name = options->cluster,
            .node_name = options->name,
            .gossip_address = options->gossip,
            .advertise_address = options->advertise,
            .seeds = options->joins,
            .seed_count = options->join_count,
            .interval_ms = options->interval_ms,
            .freshness_limit_ms = options->freshness_limit_ms,
            .insecure = options->insecure,
            /* for tests: the timer exchange alone must heal */
            .pushes_lost = getenv("ATTUNE_TEST_PUSHES_LOST") != NULL,
            .on_notice = on_notice,
            .on_fatal = on_fatal,
            .context = daemon,
        },
        daemon->loop, &daemon->service, &problem);
    if (code == 0)
        return true;
    return refuse(problem.message[0] != '\0' ? problem.message : gossip_error_message(code));
}

static void on_state_again(struct ev_loop *loop, ev_timer *timer, int events) {
    struct daemon *daemon = timer->data;
    char message[300];
    (void)events;
    if (state_file_write(daemon->options->data_dir, &daemon->state_line, message) ==
        STATE_FILE_WRITTEN)
        ev_timer_stop(loop, timer);
}

/* False: it can neither be written nor be waited for. */
static bool state_write(struct daemon *daemon) {
    char message[300];
    enum state_file_result result =
        state_file_write(daemon->options->data_dir, &daemon->state_line, message);
    if (result == STATE_FILE_FAILED)
        return refuse(message);
    if (result == STATE_FILE_NO_SPACE) {
        log_write(LOG_DAEMON, LOG_LEVEL_WARNING, NULL, "%s; it is written when there is room",
                  message);
        ev_timer_init(&daemon->state_again, on_state_again, STATE_AGAIN_S, STATE_AGAIN_S);
        daemon->state_again.data = daemon;
        ev_timer_start(daemon->loop, &daemon->state_again);
    }
    return true;
}

/* Says where this process can be reached, once it can. */
static bool announce(struct daemon *daemon) {
    struct gossip_status status =
        gossip_status(gossip_service_engine(daemon->service), gossip_service_now(daemon->service),
                      gossip_service_wall(daemon->service));
    state_file_print(
        &(struct state_file){
            .pid = (long)getpid(),
            .name = status.node_name,
            .id = status.node_id,
            .cluster = status.cluster_name,
            .gossip = gossip_service_address(daemon->service),
            .http = ev_http_address(daemon->http),
            .metrics = ev_http_metrics_address(daemon->http),
        },
        &daemon->state_line);
    if (!state_write(daemon))
        return false;
    fwrite(daemon->state_line.data, 1, daemon->state_line.size_bytes, stdout);
    fflush(stdout);
    return true;
}

static bool start(struct daemon *daemon) {
    const struct options *options = daemon->options;
    char message[LISTEN_MESSAGE_SIZE_MAX];
    daemon->http = ev_http_new(daemon->loop, options->http, options->metrics, message);
    if (daemon->http == NULL)
        return refuse(message);
    if (!start_service(daemon))
        return false;
    if (!ev_http_serve(daemon->http, daemon->service, options->freshness_limit_ms))
        return refuse("cannot start the HTTP server: out of memory or file descriptors");
    return announce(daemon);
}

int ev_main_run(const struct options *options, ev_main_reload reload, void *context) {
    struct daemon daemon = {
        .loop = ev_default_loop(EVFLAG_AUTO),
        .options = options,
        .reload = reload,
        .reload_context = context,
    };
    if (daemon.loop == NULL) {
        refuse("cannot make an event loop");
        return 1;
    }
    log_setup(options->log_level, options->log_format, wall_ms);
    watch_signals(&daemon);
    merkle_buffer_init(&daemon.state_line, &merkle_allocator_libc);
    if (start(&daemon)) {
        log_write(LOG_DAEMON, LOG_LEVEL_INFO, NULL,
                  "version " ATTUNE_VERSION ", gossip on %s, HTTP on %s",
                  gossip_service_address(daemon.service), ev_http_address(daemon.http));
        ev_run(daemon.loop, 0);
        ev_timer_stop(daemon.loop, &daemon.state_again);
        state_file_remove(options->data_dir);
    } else {
        daemon.exit_code = 1;
    }
    ev_http_free(daemon.http);
    if (daemon.service != NULL)
        gossip_service_free(daemon.service);
    merkle_buffer_close(&daemon.state_line);
    return daemon.exit_code;
}
