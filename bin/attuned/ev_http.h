/* ev_http.h - libmicrohttpd inside the libev loop: listeners, connections, waiting requests. */
#ifndef ATTUNED_EV_HTTP_H
#define ATTUNED_EV_HTTP_H

#include "bin/attuned/listen.h"
#include "gossip/service.h"

struct ev_http;

/* Listens on `http` and, if it is not NULL, on `metrics`. The socket is open when this returns, but nothing is answered
 * before ev_http_serve(). `http` is kept: it must live as long. NULL: `message` says why. */
struct ev_http *ev_http_new(struct ev_loop *loop, const char *http, const char *metrics,
                            char message[LISTEN_MESSAGE_SIZE_MAX]);
/* From here on requests are answered from this service. False: out of memory or descriptors. */
bool ev_http_serve(struct ev_http *http, struct gossip_service *service,
                   gossip_duration_ms freshness_limit_ms);
/* The service said this: watchers see changes, and /v1/doctor what the store complained of. */
void ev_http_notice(struct ev_http *http, const struct gossip_notice *notice);
/* Where they are bound; NULL if there is no listener for metrics. */
const char *ev_http_address(const struct ev_http *http);
const char *ev_http_metrics_address(const struct ev_http *http);
/* The daemon drains: /readyz says so, and the streams of watchers end. */
void ev_http_drain(struct ev_http *http);
/* Answers what still waits with 503 and gives the answers a last chance to leave. */
void ev_http_free(struct ev_http *http);

#endif
