/* http_probes.c - /livez and /readyz, for whoever starts and stops processes.
 *
 * /livez fails never while the loop turns: a node that disagrees or heals must not be killed for it. /readyz says whether
 * this node may be sent work: it has joined, and is not removed.
 */
#include "bin/attuned/http_handlers.h"

static void answer_text(struct http_request *request, unsigned status, const char *text) {
    http_print(&request->answer, "%s\n", text);
    request->content_type = "text/plain; charset=utf-8";
    request->retry_after = status == 503;
    http_answer(request, status);
}

void http_livez(struct http_request *request) {
    answer_text(request, 200, "ok");
}

void http_readyz(struct http_request *request) {
    struct gossip_service *service = request->server->service;
    struct gossip_status status = gossip_status(
        gossip_service_engine(service), gossip_service_now(service), gossip_service_wall(service));
    if (status.removed)
        answer_text(request, 503, "removed from the cluster");
    else if (!status.ready)
        answer_text(request, 503, "joining");
    else if (request->server->stopping)
        answer_text(request, 503, "stopping");
    else
        answer_text(request, 200, "ok");
}
