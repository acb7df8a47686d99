/* ev_http_stream.c - answers without an end: the event streams of watch.h on libmicrohttpd's connections.
 *
 * The library asks for more as long as a client's socket takes it. When nothing is there, the connection is suspended, as a
 * waiting request is, until a change, a comment or the end is due to it:
 *
 *   fill() --> watcher_read() > 0: send --> fill() ...
 *                             0: suspend, into ev_http.idle --> notice: wake() --> fill()
 *
 * A client that does not read keeps its socket full, and fill() is not called any more. So whoever has ENDED by being too
 * far behind is shut down at its socket, which the library notices.
 */
#include "bin/attuned/ev_http_parts.h"

#include <assert.h>
#include <sys/socket.h>

static ssize_t fill(void *context, uint64_t position, char *bytes, size_t max) {
    struct carried *carried = context;
    struct watcher *watcher = carried->request.watcher;
    (void)position;
    size_t size_bytes = watcher_read(watcher, http_catalog(&carried->request), bytes, max);
    if (size_bytes > 0)
        return (ssize_t)size_bytes;
    if (watcher->state == WATCHER_ENDED)
        return MHD_CONTENT_READER_END_OF_STREAM;
    ev_http__suspend(carried, &carried->listener->http->idle);
    return 0;
}

static int socket_of(const struct carried *carried) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(carried->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

struct MHD_Response *ev_http__stream_response(struct carried *carried) {
    struct ev_http *http = carried->listener->http;
    const int size_bytes = WATCH_SEND_BUFFER_SIZE;
    carried->request.watcher->context = carried;
    /* Left to itself, the system would hold megabytes for a client that does not read. */
    setsockopt(socket_of(carried), SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof size_bytes);
    if (!ev_is_active(&http->heartbeat)) {
        ev_timer_set(&http->heartbeat, WATCH_HEARTBEAT_S, WATCH_HEARTBEAT_S);
        ev_timer_start(http->loop, &http->heartbeat);
    }
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, WATCH_PIECE_SIZE_MAX, fill, carried,
                                             NULL);
}

static void shut_down_the_slow(struct ev_http *http) {
    for (struct watcher *watcher = watch_first(http->server.watch); watcher != NULL;
         watcher = watcher->next) {
        struct carried *carried = watcher->context;
        if (watcher->state == WATCHER_ENDED && watcher->too_slow && carried != NULL)
            shutdown(socket_of(carried), SHUT_RDWR);
    }
}

void ev_http__stream_wake(struct ev_http *http) {
    shut_down_the_slow(http);
    for (struct carried *carried = http->idle, *next; carried != NULL; carried = next) {
        next = carried->next;
        if (watcher_is_due(carried->request.watcher))
            ev_http__resume(carried);
    }
}

void ev_http__stream_look(struct ev_http *http) {
    for (struct carried *carried = http->idle, *next; carried != NULL; carried = next) {
        next = carried->next;
        if (!ev_http__has_gone(carried->connection))
            continue;
        carried->request.watcher->state = WATCHER_ENDED;
        ev_http__resume(carried);
    }
}

static void on_heartbeat(struct ev_loop *loop, ev_timer *timer, int events) {
    struct ev_http *http = timer->data;
    (void)events;
    if (watch_first(http->server.watch) == NULL)
        ev_timer_stop(loop, timer);
    watch_heartbeat(http->server.watch);
    ev_http__stream_wake(http);
}

void ev_http__stream_init(struct ev_http *http) {
    ev_timer_init(&http->heartbeat, on_heartbeat, WATCH_HEARTBEAT_S, WATCH_HEARTBEAT_S);
    http->heartbeat.data = http;
}
