/* http_import.c - POST /v1/import: JSON Lines as one batch, all or nothing.
 *
 * Parsing and planning run on the loop: an import is an act of an operator, of a catalog that fits in memory many times.
 */
#include "bin/attuned/http_handlers.h"

#include <assert.h>

static void import_done(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, true))
        return;
    size_t imported = 0;
    assert(reply->plan != NULL);
    for (size_t i = 0; i < reply->plan->outcome_count; i++)
        imported += reply->plan->outcomes[i].changed ? 1 : 0;
    http_print(&request->answer, "{\"imported\":%zu,\"unchanged\":%zu}\n", imported,
               reply->plan->outcome_count - imported);
    http_answer_waited(request, 200, reply);
}

void http_import(struct http_request *request) {
    struct gossip_operation operation = {.type = GOSSIP_WRITE};
    struct catalog_import *import = NULL;
    if (!http_flag(request, "dry_run", &operation.dry_run) ||
        !http_wait_read_write(request, operation.dry_run))
        return;
    const char *text = request->body.size_bytes == 0 ? "" : (const char *)request->body.data;
    int code =
        catalog_import_parse(&merkle_allocator_libc, text, request->body.size_bytes, &import);
    if (code != 0) {
        http_refuse(request, code, NULL);
        return;
    }
    if (import->problem_count > 0) {
        http_refuse_problems(request, import->problems, import->problem_count, true);
    } else if (import->write_count == 0) {
        http_print(&request->answer, "{\"imported\":0,\"unchanged\":0}\n");
        http_answer(request, 200);
    } else {
        operation.writes = import->writes;
        operation.write_count = import->write_count;
        http_submit(request, &operation, import_done);
    }
    catalog_import_free(import);
}
