/* http_sync.c - POST /v1/sync: exchange now, with one member or with all, and say how each ended. */
#include "bin/attuned/http_handlers.h"

static const char *const result_names[] = {
    [GOSSIP_SYNC_EQUAL] = "equal",
    [GOSSIP_SYNC_REPAIRED] = "repaired",
    [GOSSIP_SYNC_FAILED] = "failed",
};

static void synced(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    http_print(&request->answer, "{\"members\":[");
    for (size_t i = 0; i < reply->synced_count; i++) {
        http_print(&request->answer, "%s{\"name\":", i == 0 ? "" : ",");
        http_print_text(&request->answer, reply->synced[i].name);
        http_print(&request->answer, ",\"result\":\"%s\"}", result_names[reply->synced[i].result]);
    }
    http_print(&request->answer, "]}\n");
    http_answer(request, 200);
}

void http_sync(struct http_request *request) {
    struct gossip_operation operation = {.type = GOSSIP_SYNC};
    const struct http_parameter *member = http_parameter(request, "member");
    if (member != NULL && member->value.size_bytes == 0) {
        http_refuse_named(request, 400, "malformed", "member is empty");
        return;
    }
    if (member != NULL)
        operation.member = member->value;
    http_submit(request, &operation, synced);
}
