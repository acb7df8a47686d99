/* http_writes.c - PUT and DELETE of schemas, constraints and indexes.
 *
 * The service answers once the write is on disk (G2); the request waits suspended until then, and with `wait` until all
 * members have it. `staged` and `abort` go another way: http_staged.c.
 */
#include "bin/attuned/http_handlers.h"

#include <assert.h>

static void put_done(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    assert(reply->plan != NULL && reply->plan->outcome_count == 1);
    const struct catalog_outcome *outcome = &reply->plan->outcomes[0];
    http_print_entry(request, outcome->entry);
    http_answer_waited(request, outcome->changed && outcome->created ? 201 : 200, reply);
}

/* An object {"kind","entity","name"} for each entry that went with the one that was named. */
static void print_others(struct merkle_buffer *json, const struct catalog_plan *plan,
                         const struct catalog_key *named) {
    const char *separator = "";
    for (size_t i = 0; i < plan->entry_count; i++) {
        struct catalog_key key = catalog_entry_key(plan->entries[i]);
        if (catalog_key_equal(&key, named))
            continue;
        http_print(json, "%s{", separator);
        http_print_key(json, &key);
        http_print(json, "}");
        separator = ",";
    }
}

static void delete_done(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    assert(reply->plan != NULL && reply->plan->outcome_count == 1);
    const struct catalog_outcome *outcome = &reply->plan->outcomes[0];
    const struct catalog_entry *dropped =
        outcome->before != NULL ? outcome->before : outcome->entry;
    struct catalog_key key = catalog_entry_key(dropped);
    catalog_entry_print(dropped, CATALOG_FORM_FULL, &request->answer);
    if (reply->plan->entry_count > 1 && !request->answer.failed) {
        request->answer.size_bytes--; /* its closing brace */
        http_print(&request->answer, ",\"also_dropped\":[");
        print_others(&request->answer, reply->plan, &key);
        http_print(&request->answer, "]}");
    }
    http_print(&request->answer, "\n");
    http_answer_waited(request, 200, reply);
}

/* What both have in common; false: answered. */
static bool read_write(struct http_request *request, struct catalog_write *write,
                       struct gossip_operation *operation) {
    return http_entry_key(request, &write->key) && http_if_match(request, write) &&
           http_flag(request, "dry_run", &operation->dry_run) &&
           http_flag(request, "cascade", &write->cascade) && http_staged_read(request, operation);
}

void http_entry_put(struct http_request *request) {
    struct catalog_write write = {.operation = CATALOG_SET};
    struct gossip_operation operation = {.type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
    struct catalog_problem problem = {0};
    struct merkle_buffer body;
    if (!read_write(request, &write, &operation))
        return;
    if (operation.type == GOSSIP_STAGED && operation.staged == GOSSIP_STAGED_ABORT) {
        http_staged_submit(request, &operation); /* there is nothing to be set */
        return;
    }
    merkle_buffer_init(&body, &merkle_allocator_libc);
    int code = catalog_body_parse(write.key.kind, (const char *)request->body.data,
                                  request->body.size_bytes, false, &body, &problem);
    if (code == CATALOG_EMALFORMED || code == CATALOG_ETOOBIG) {
        http_refuse(request, code, problem.message);
    } else if (code != 0) {
        http_refuse(request, code, NULL);
    } else {
        write.body = body.data;
        write.body_size_bytes = body.size_bytes;
        if (operation.type == GOSSIP_STAGED)
            http_staged_submit(request, &operation);
        else
            http_submit(request, &operation, put_done);
    }
    merkle_buffer_close(&body);
}

void http_entry_delete(struct http_request *request) {
    struct catalog_write write = {.operation = CATALOG_DROP};
    struct gossip_operation operation = {.type = GOSSIP_WRITE, .writes = &write, .write_count = 1};
    if (!read_write(request, &write, &operation))
        return;
    if (operation.type == GOSSIP_STAGED)
        http_staged_submit(request, &operation);
    else
        http_submit(request, &operation, delete_done);
}
