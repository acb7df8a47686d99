/* http_resolve.c - POST /v1/resolve: ends a conflict with what the version of one node says (G7). */
#include "bin/attuned/http_body.h"
#include "bin/attuned/http_handlers.h"

#include <assert.h>

static void resolved(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    assert(reply->plan != NULL && reply->plan->outcome_count == 1);
    http_print_entry(request, reply->plan->outcomes[0].entry);
    http_answer_waited(request, 200, reply);
}

void http_resolve(struct http_request *request) {
    struct catalog_write write = {.operation = CATALOG_RESOLVE};
    struct gossip_operation operation = {.type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
    static const char *const keys[] = {"kind", "entity", "name", "take", NULL};
    if (!http_flag(request, "dry_run", &operation.dry_run) ||
        !http_wait_read_write(request, operation.dry_run))
        return;
    json_t *body = http_body_read(request, keys);
    if (body == NULL)
        return;
    if (http_body_key(request, body, &write.key) &&
        http_body_text(request, body, "take", &write.take))
        http_submit(request, &operation, resolved);
    json_decref(body);
}
