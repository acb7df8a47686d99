/* http_check.c - POST /v1/check/ENTITY: is this record valid under the catalog as it is stored here (DESIGN 4.5). */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>

/* Says how long, so that a host can tell a node that was just started from one that is cut off. */
static void refuse_stale(struct http_request *request, gossip_duration_ms max_staleness_ms,
                         int64_t age_ms) {
    if (age_ms < 0)
        http_refuse(request, GOSSIP_ESTALE,
                    "this node does not know yet whether a majority has its catalog");
    else
        http_refuse_named(request, 503, gossip_error_name(GOSSIP_ESTALE),
                          "a majority was last known to have this node's catalog %" PRId64
                          " ms ago, and max_staleness is %" PRIu64 " ms",
                          age_ms, max_staleness_ms);
}

void http_check(struct http_request *request) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = request->parts[2]};
    gossip_duration_ms max_staleness_ms = GOSSIP_NEVER;
    struct catalog_check *check = NULL;
    struct catalog_problem problem = {0};
    int64_t agreement_age_ms = -1;
    if (catalog_key_check(&key) != 0) {
        http_refuse(request, CATALOG_EMALFORMED,
                    "entity is 1 to 128 bytes of UTF-8 without control characters and '/'");
        return;
    }
    const struct http_parameter *parameter = http_parameter(request, "max_staleness");
    if (parameter != NULL && !parameter->value_given)
        max_staleness_ms = request->server->freshness_limit_ms;
    else if (!http_duration(request, "max_staleness", &max_staleness_ms))
        return;
    const char *record = request->body.size_bytes == 0 ? "" : (const char *)request->body.data;
    int code =
        gossip_service_check(request->server->service, key.entity, record, request->body.size_bytes,
                             max_staleness_ms, &check, &agreement_age_ms, &problem);
    request->server->counters.stale += code == GOSSIP_ESTALE;
    if (code == GOSSIP_ESTALE) {
        refuse_stale(request, max_staleness_ms, agreement_age_ms);
        return;
    }
    if (code != 0) {
        http_refuse(request, code, problem.message[0] != '\0' ? problem.message : NULL);
        return;
    }
    catalog_check_print(check, agreement_age_ms, &request->answer);
    catalog_check_free(check);
    http_print(&request->answer, "\n");
    http_answer(request, 200);
}
