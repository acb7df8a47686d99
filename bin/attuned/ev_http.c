/* ev_http.c - carries HTTP between libmicrohttpd and the requests of http.h, on the daemon's loop.
 *
 * The library owns its sockets behind one epoll descriptor, which the loop watches. Four things make that work without
 * spinning and without hanging, found by prototypes:
 * 1. MHD_ALLOW_SUSPEND_RESUME, or the first suspended request aborts the process;
 * 2. MHD_run() from the loop after MHD_resume_connection(), or the answer never leaves: resume() arms the timer at 0;
 * 3. MHD_get_timeout() after every MHD_run(), also where it says 0: run();
 * 4. a client that leaves while it is suspended brings no callback. So the state of a request is freed in the completed
 *    callback alone, and once a second the sockets of waiting requests are looked at.
 * 5. At a limit (of connections, of descriptors) the library stops to listen. It takes up listening at the beginning of the
 *    MHD_run() after the one in which a connection ended; nothing would bring that one about: run().
 *
 *   MHD: uri ----> open_request()   head, body, end ----> handle() ----> MHD_suspend_connection()
 *                                                            ^                     |
 *        completed() <---- answer sent <---- send_answer() --+-- resume() <--------+ reply of the service
 */
#include "bin/attuned/address.h"
#include "bin/attuned/ev_http_parts.h"
#include "bin/attuned/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTION_MEMORY_SIZE_MAX = 64 * 1024, LAST_RUNS = 100 };
#define ABSENT_CHECK_S 1.0

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static void arm(struct listener *listener) {
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    struct ev_loop *loop = listener->http->loop;
    ev_timer_stop(loop, &listener->timer);
    if (MHD_get_timeout(listener->daemon, &timeout_ms) != MHD_YES)
        return;
    ev_timer_set(&listener->timer, (double)timeout_ms / 1000, 0);
    ev_timer_start(loop, &listener->timer);
}

static unsigned connection_count(const struct listener *listener) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

static void run(struct listener *listener) {
    unsigned before = connection_count(listener);
    bool ran = MHD_run(listener->daemon) == MHD_YES;
    if (ran && connection_count(listener) < before)
        ran = MHD_run(listener->daemon) == MHD_YES;
    if (!ran)
        log_write(LOG_HTTP, LOG_LEVEL_ERROR, NULL, "the HTTP library failed to run");
    arm(listener);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)events;
    run(watcher->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop, (void)events;
    run(watcher->data);
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

void ev_http__suspend(struct carried *carried, struct carried **list) {
    struct ev_http *http = carried->listener->http;
    assert(carried->link == NULL);
    carried->next = *list;
    carried->link = list;
    if (carried->next != NULL)
        carried->next->link = &carried->next;
    *list = carried;
    MHD_suspend_connection(carried->connection);
    if (!ev_is_active(&http->absent)) {
        ev_timer_set(&http->absent, ABSENT_CHECK_S, ABSENT_CHECK_S);
        ev_timer_start(http->loop, &http->absent);
    }
}

void ev_http__resume(struct carried *carried) {
    struct ev_http *http = carried->listener->http;
    assert(carried->link != NULL);
    *carried->link = carried->next;
    if (carried->next != NULL)
        carried->next->link = carried->link;
    carried->link = NULL;
    if (http->waiting == NULL && http->idle == NULL)
        ev_timer_stop(http->loop, &http->absent);
    MHD_resume_connection(carried->connection);
    ev_timer_stop(http->loop, &carried->listener->timer);
    ev_timer_set(&carried->listener->timer, 0, 0);
    ev_timer_start(http->loop, &carried->listener->timer);
}

static void resume(struct http_request *request) {
    assert(request->answered);
    ev_http__resume((struct carried *)request); /* its first member */
}

bool ev_http__has_gone(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    if (info == NULL)
        return false;
    ssize_t size_bytes = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size_bytes == 0 || (size_bytes < 0 && errno != EAGAIN && errno != EINTR);
}

/* Writes stand whether their client sees the answer or not; only what serves nobody else is given up. */
static void on_absent(struct ev_loop *loop, ev_timer *watcher, int events) {
    struct ev_http *http = watcher->data;
    (void)loop, (void)events;
    for (struct carried *carried = http->waiting, *next; carried != NULL; carried = next) {
        next = carried->next;
        if (carried->request.cancellable && ev_http__has_gone(carried->connection))
            http_request_abandon(&carried->request, GOSSIP_EUNREACHABLE);
    }
    ev_http__stream_look(http);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

/* Called with the target as it was sent, before anything else is known; what it returns comes back as `state`. */
static void *open_request(void *context, const char *target, struct MHD_Connection *connection) {
    struct listener *listener = context;
    struct carried *carried = calloc(1, sizeof *carried);
    char *copy = strdup(target);
    if (carried == NULL || copy == NULL) {
        free(carried);
        free(copy);
        return NULL;
    }
    carried->listener = listener;
    carried->connection = connection;
    http_request_init(&carried->request, &listener->http->server, copy);
    carried->request.metrics_only = listener->metrics_only;
    return carried;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code) {
    struct carried *carried = *state;
    (void)context, (void)connection, (void)code;
    if (carried == NULL)
        return;
    assert(carried->link == NULL);
    http_request_close(&carried->request);
    free(carried);
    *state = NULL;
}

static void add_headers(struct MHD_Response *response, const struct http_request *request) {
    char retry_after[16];
    MHD_add_response_header(response, "Content-Type", request->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (request->etag[0] != '\0')
        MHD_add_response_header(response, "ETag", request->etag);
    if (request->allow[0] != '\0')
        MHD_add_response_header(response, "Allow", request->allow);
    if (request->retry_after) {
        snprintf(retry_after, sizeof retry_after, "%d", (int)HTTP_RETRY_AFTER_S);
        MHD_add_response_header(response, "Retry-After", retry_after);
    }
}

/* The bytes become the library's: it sends them after this request may be gone. */
static struct MHD_Response *whole_response(struct merkle_buffer *answer) {
    assert(answer->allocator == &merkle_allocator_libc);
    if (answer->size_bytes == 0)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->size_bytes, answer->data, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        merkle_buffer_init(answer, &merkle_allocator_libc);
    return response;
}

static enum MHD_Result send_answer(struct carried *carried) {
    struct http_request *request = &carried->request;
    struct MHD_Response *response = request->watcher != NULL ? ev_http__stream_response(carried)
                                                             : whole_response(&request->answer);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, request);
    enum MHD_Result queued = MHD_queue_response(carried->connection, request->status, response);
    MHD_destroy_response(response);
    return queued;
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* A declared length that would not even be read to its end is answered before the client sends it. */
static bool is_hopeless(struct carried *carried) {
    const char *text = header(carried->connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct http_request *request = &carried->request;
    if (text == NULL || strtoull(text, NULL, 10) <= request->body_size_max + HTTP_DISCARD_SIZE_MAX)
        return false;
    if (!request->answered)
        http_refuse_named(request, 413, "too_big", "the body is larger than %zu bytes",
                          request->body_size_max);
    return true;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size_bytes, void **state) {
    struct carried *carried = *state;
    (void)context, (void)url, (void)version;
    if (carried == NULL)
        return MHD_NO;
    struct http_request *request = &carried->request;
    if (!carried->begun) {
        carried->begun = true;
        http_request_begin(request, method,
                           &(struct http_headers){
                               .if_match = header(connection, MHD_HTTP_HEADER_IF_MATCH),
                               .host = header(connection, MHD_HTTP_HEADER_HOST),
                               .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
                               .last_event_id = header(connection, "Last-Event-ID"),
                           });
        return is_hopeless(carried) ? send_answer(carried) : MHD_YES;
    }
    if (*upload_size_bytes > 0) {
        bool taken = http_request_take(request, upload, *upload_size_bytes);
        *upload_size_bytes = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    http_request_handle(request);
    if (request->waiting) {
        ev_http__suspend(carried, &carried->listener->http->waiting);
        return MHD_YES;
    }
    return send_answer(carried);
}

/* --- listeners --------------------------------------------------------------------------------------------------- */

static void log_library(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void log_library(void *context, const char *format, va_list arguments) {
    char text[LOG_LINE_SIZE_MAX];
    (void)context;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_write(LOG_HTTP, LOG_LEVEL_DEBUG, NULL, "%s", text);
}

/* Targets are decoded in http_target.c, after they were split. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text) {
    (void)context, (void)connection;
    return strlen(text);
}

static bool serve(struct listener *listener) {
    const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    listener->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, listener, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener->socket_fd, MHD_OPTION_URI_LOG_CALLBACK, open_request,
        listener, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_encoded, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_SIZE_MAX, MHD_OPTION_END);
    if (listener->daemon == NULL)
        return false;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info != NULL);
    ev_io_init(&listener->readable, on_readable, info->epoll_fd, EV_READ);
    listener->readable.data = listener;
    ev_io_start(listener->http->loop, &listener->readable);
    arm(listener);
    return true;
}

static void stop(struct listener *listener) {
    if (listener->daemon != NULL) {
        ev_io_stop(listener->http->loop, &listener->readable);
        ev_timer_stop(listener->http->loop, &listener->timer);
        MHD_stop_daemon(listener->daemon); /* closes the socket */
    } else if (listener->socket_fd >= 0) {
        close(listener->socket_fd);
    }
    listen_remove(listener->bound);
}

static void init_listener(struct ev_http *http, struct listener *listener, bool metrics_only) {
    *listener = (struct listener){.http = http, .socket_fd = -1, .metrics_only = metrics_only};
    ev_timer_init(&listener->timer, on_timer, 0, 0);
    listener->timer.data = listener;
}

struct ev_http *ev_http_new(struct ev_loop *loop, const char *http_address,
                            const char *metrics_address, char message[LISTEN_MESSAGE_SIZE_MAX]) {
    struct ev_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        snprintf(message, LISTEN_MESSAGE_SIZE_MAX, "out of memory");
        return NULL;
    }
    http->loop = loop;
    http->server.resume = resume;
    http->server.listened = address_unix_path(http_address) == NULL ? http_address : NULL;
    init_listener(http, &http->main, false);
    init_listener(http, &http->metrics, true);
    ev_timer_init(&http->absent, on_absent, ABSENT_CHECK_S, ABSENT_CHECK_S);
    http->absent.data = http;
    ev_http__stream_init(http);
    http->main.socket_fd = listen_on(http_address, http->main.bound, message);
    if (http->main.socket_fd < 0)
        goto failed;
    if (metrics_address != NULL) {
        http->metrics.socket_fd = listen_on(metrics_address, http->metrics.bound, message);
        if (http->metrics.socket_fd < 0)
            goto failed;
    }
    return http;

failed:
    ev_http_free(http);
    return NULL;
}

bool ev_http_serve(struct ev_http *http, struct gossip_service *service,
                   gossip_duration_ms freshness_limit_ms) {
    struct gossip_status status = gossip_status(
        gossip_service_engine(service), gossip_service_now(service), gossip_service_wall(service));
    http->server.service = service;
    http->server.freshness_limit_ms = freshness_limit_ms;
    http->server.watch = watch_new(&status.origin);
    if (http->server.watch == NULL)
        return false;
    return serve(&http->main) && (http->metrics.socket_fd < 0 || serve(&http->metrics));
}

const char *ev_http_address(const struct ev_http *http) {
    return http->main.bound;
}

const char *ev_http_metrics_address(const struct ev_http *http) {
    return http->metrics.socket_fd < 0 ? NULL : http->metrics.bound;
}

void ev_http_notice(struct ev_http *http, const struct gossip_notice *notice) {
    if (http->server.watch == NULL)
        return;
    http_server_notice(&http->server, notice);
    ev_http__stream_wake(http);
}

void ev_http_drain(struct ev_http *http) {
    http->server.stopping = true;
    if (http->server.watch == NULL)
        return;
    watch_end(http->server.watch);
    ev_http__stream_wake(http);
}

void ev_http_free(struct ev_http *http) {
    if (http == NULL)
        return;
    while (http->waiting != NULL)
        http_request_abandon(&http->waiting->request, GOSSIP_ESTOPPING);
    ev_http_drain(http);
    /* The library sends while it runs; what a client does not take in these runs is lost with the process. */
    for (int i = 0; i < LAST_RUNS && http->main.daemon != NULL; i++) {
        MHD_UNSIGNED_LONG_LONG timeout_ms;
        if (MHD_run(http->main.daemon) != MHD_YES ||
            MHD_get_timeout(http->main.daemon, &timeout_ms) != MHD_YES || timeout_ms > 0)
            break;
    }
    ev_timer_stop(http->loop, &http->absent);
    ev_timer_stop(http->loop, &http->heartbeat);
    stop(&http->main);
    stop(&http->metrics);
    watch_free(http->server.watch);
    free(http);
}
