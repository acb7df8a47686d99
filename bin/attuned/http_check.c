/* http_check.c - POST /v1/check/ENTITY: is this record valid under the catalog as it is stored here (DESIGN 4.5). */
#include "bin/attuned/http_handlers.h"

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
    if (!http_duration(request, "max_staleness", &max_staleness_ms))
        return;
    const char *record = request->body.size_bytes == 0 ? "" : (const char *)request->body.data;
    int code =
        gossip_service_check(request->server->service, key.entity, record, request->body.size_bytes,
                             max_staleness_ms, &check, &agreement_age_ms, &problem);
    if (code != 0) {
        http_refuse(request, code, problem.message[0] != '\0' ? problem.message : NULL);
        return;
    }
    catalog_check_print(check, agreement_age_ms, &request->answer);
    catalog_check_free(check);
    http_print(&request->answer, "\n");
    http_answer(request, 200);
}
