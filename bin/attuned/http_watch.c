/* http_watch.c - GET /v1/watch: each change as it is committed here, as server-sent events (watch.h has the stream).
 *
 * `since` is the id of the last event that the client has, or 0 for everything; a browser's EventSource says the same in
 * the header Last-Event-ID when it comes back by itself, with the URL that it first had, so the header counts more.
 */
#include "bin/attuned/http_handlers.h"

#include <string.h>

static bool read_since(struct http_request *request, struct watch_since *since) {
    const struct http_parameter *parameter = http_parameter(request, "since");
    struct catalog_text text = {request->last_event_id, strlen(request->last_event_id)};
    *since = (struct watch_since){0};
    if (text.size_bytes == 0 && parameter == NULL)
        return true;
    if (text.size_bytes == 0)
        text = parameter->value;
    if (watch_since_parse(text, since))
        return true;
    http_refuse_named(request, 400, "malformed",
                      "since and Last-Event-ID take the id of an event, or 0 for everything");
    return false;
}

void http_watch(struct http_request *request) {
    struct http_server *server = request->server;
    struct watch_since since;
    if (!read_since(request, &since))
        return;
    if (server->stopping) {
        http_refuse(request, GOSSIP_ESTOPPING, NULL);
        return;
    }
    switch (watcher_open(server->watch, &since, &request->watcher)) {
    case WATCH_OPENED:
        request->content_type = "text/event-stream; charset=utf-8";
        http_answer(request, 200);
        break;
    case WATCH_NO_SUCH:
        http_refuse_named(request, 400, "malformed", "there is no change of this number yet");
        break;
    case WATCH_TOO_MANY:
        http_refuse(request, GOSSIP_EBUSY, "too many clients watch this node");
        break;
    case WATCH_NO_MEMORY:
        http_refuse(request, GOSSIP_ENOMEM, NULL);
        break;
    }
}
