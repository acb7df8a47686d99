/* http_digest.c - GET /v1/digest: the one value that is equal on nodes that agree. */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>

void http_digest(struct http_request *request) {
    struct gossip_service *service = request->server->service;
    struct gossip_status status = gossip_status(
        gossip_service_engine(service), gossip_service_now(service), gossip_service_wall(service));
    http_print(&request->answer, "{\"root\":");
    http_print_digest(&request->answer, &status.root);
    http_print(&request->answer, ",\"entries\":%" PRIu64 ",\"format\":%d}\n", status.counts.entries,
               (int)CATALOG_FORMAT);
    http_answer(request, 200);
}
