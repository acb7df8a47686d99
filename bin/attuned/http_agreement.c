/* http_agreement.c - POST /v1/agreement: wait until all required members have one entry, or the catalog, as it stands here. */
#include "bin/attuned/duration.h"
#include "bin/attuned/http_body.h"
#include "bin/attuned/http_handlers.h"

#include <string.h>

static void told(struct http_request *request, const struct gossip_reply *reply) {
    http_wait_count(request, reply->code);
    if (reply->code != 0 && reply->code != GOSSIP_ENOTAGREED) {
        http_refuse_reply(request, reply, false);
        return;
    }
    http_print(&request->answer, "{\"agreed\":%s,\"members\":[",
               reply->code == 0 ? "true" : "false");
    http_print_agreement(&request->answer, reply);
    http_print(&request->answer, "]}\n");
    http_answer(request, reply->code == 0 ? 200 : http_status_of(reply->code));
}

static bool read_timeout(struct http_request *request, const json_t *body,
                         gossip_duration_ms *timeout_ms) {
    const json_t *timeout = json_object_get(body, "timeout");
    *timeout_ms = HTTP_WAIT_MS;
    if (timeout == NULL ||
        (json_is_string(timeout) &&
         duration_parse(json_string_value(timeout), json_string_length(timeout), timeout_ms)))
        return true;
    http_refuse_named(request, 400, "malformed", "timeout is %s, as a string", DURATION_EXPECTED);
    return false;
}

void http_agreement(struct http_request *request) {
    struct gossip_operation operation = {.type = GOSSIP_AGREEMENT};
    static const char *const keys[] = {"timeout", "skip_dead", "kind", "entity", "name", NULL};
    json_t *body = http_body_read(request, keys);
    if (body == NULL)
        return;
    bool one = json_object_get(body, "kind") != NULL || json_object_get(body, "entity") != NULL ||
               json_object_get(body, "name") != NULL;
    if (read_timeout(request, body, &operation.timeout_ms) &&
        http_body_flag(request, body, "skip_dead", &operation.skip_dead) &&
        (!one || http_body_key(request, body, &operation.key)))
        http_submit(request, &operation, told);
    json_decref(body);
}
