/* ev_http_parts.h - what ev_http.c (requests and their answers) and ev_http_stream.c (answers without an end) share. */
#ifndef ATTUNED_EV_HTTP_PARTS_H
#define ATTUNED_EV_HTTP_PARTS_H

#include "bin/attuned/ev_http.h"
#include "bin/attuned/http.h"

#include <ev.h>
#include <microhttpd.h>

struct listener {
    struct ev_http *http;
    struct MHD_Daemon *daemon;
    int socket_fd; /* the library's own once there is a daemon */
    char bound[LISTEN_BOUND_SIZE_MAX];
    bool metrics_only;
    ev_io readable;
    ev_timer timer;
};

/* A request and its connection. */
struct carried {
    struct http_request request;
    struct listener *listener;
    struct MHD_Connection *connection;
    bool begun;
    struct carried *next, **link; /* in ev_http.waiting or .idle while it is suspended */
};

struct ev_http {
    struct ev_loop *loop;
    struct http_server server;
    struct listener main, metrics;
    struct carried *waiting; /* for a reply of the service */
    struct carried *idle;    /* watchers, for the next change */
    ev_timer absent;         /* looks for clients that have gone */
    ev_timer heartbeat;      /* of watchers */
};

/* Takes the connection out of the library's sight, into a list; and back. */
void ev_http__suspend(struct carried *carried, struct carried **list);
void ev_http__resume(struct carried *carried);
/* End of stream, or an error that is not "nothing there yet". */
bool ev_http__has_gone(struct MHD_Connection *connection);

/* --- ev_http_stream.c */

void ev_http__stream_init(struct ev_http *http);
/* A response that goes on until the watcher has ended; NULL: out of memory. */
struct MHD_Response *ev_http__stream_response(struct carried *carried);
/* Resumes the watchers to whom something is due, and disconnects those that are too far behind. */
void ev_http__stream_wake(struct ev_http *http);
/* Ends the streams of watchers whose clients have gone. */
void ev_http__stream_look(struct ev_http *http);

#endif
