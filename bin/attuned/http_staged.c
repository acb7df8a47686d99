/* http_staged.c - PUT and DELETE with `staged` or `abort`: a change in steps with an agreement before each (DESIGN 7.6).
 *
 * The engine takes the steps; here they are asked for and answered. `wait` is the deadline of the whole. If it passes, what
 * is pending stays pending: the same request again goes on from there, on any node, and one with `abort` takes it back.
 */
#include "bin/attuned/http_handlers.h"

static bool refuse(struct http_request *request, const char *message) {
    http_refuse_named(request, 400, "malformed", "%s", message);
    return false;
}

bool http_staged_read(struct http_request *request, struct gossip_operation *operation) {
    bool staged, abort;
    struct http_wait *wait = &request->wait;
    if (!http_flag(request, "staged", &staged) || !http_flag(request, "abort", &abort))
        return false;
    if (!staged && !abort)
        return http_wait_read_write(request, operation->dry_run);
    if (!http_wait_read(request))
        return false;
    if (operation->dry_run)
        return refuse(request, "a staged change has no dry_run: each of its steps is a write");
    if (!wait->given)
        wait->timeout_ms = HTTP_STAGED_MS;
    operation->type = GOSSIP_STAGED;
    operation->skip_dead = wait->skip_dead;
    operation->timeout_ms = wait->timeout_ms;
    operation->staged = abort                         ? GOSSIP_STAGED_ABORT
                        : request->method == HTTP_PUT ? GOSSIP_STAGED_SET
                                                      : GOSSIP_STAGED_DROP;
    return true;
}

/* Says where the change stands: it may not have begun, be pending, or only lack the last confirmation. */
static void refuse_late(struct http_request *request, const struct gossip_reply *reply) {
    const struct catalog_entry *entry = reply->staged_entry;
    const char *reason = reply->text != NULL ? reply->text : gossip_error_message(reply->code);
    if (entry == NULL)
        http_refuse_agreement(request, reply, "%s; nothing was changed yet: ask again to go on",
                              reason);
    else if (entry->state == CATALOG_PENDING_ADD || entry->state == CATALOG_PENDING_DROP)
        http_refuse_agreement(request, reply,
                              "%s; the change stays %s: ask again to go on, or abort it", reason,
                              catalog_state_name((enum catalog_state)entry->state));
    else
        http_refuse_agreement(request, reply, "%s; here it is %s: ask again to go on", reason,
                              catalog_state_name((enum catalog_state)entry->state));
}

static void staged_done(struct http_request *request, const struct gossip_reply *reply) {
    http_wait_count(request, reply->code);
    if (reply->code == GOSSIP_ENOTAGREED) {
        refuse_late(request, reply);
        return;
    }
    if (http_refuse_reply(request, reply, false))
        return;
    if (reply->staged_entry != NULL)
        http_print_entry(request, reply->staged_entry);
    else
        http_print(&request->answer, "{}\n"); /* taken back, and below the horizon already */
    http_answer(request, request->created ? 201 : 200);
}

void http_staged_submit(struct http_request *request, struct gossip_operation *operation) {
    const struct catalog_entry *before =
        catalog_find(http_catalog(request), &operation->writes[0].key);
    request->created = operation->staged == GOSSIP_STAGED_SET &&
                       (before == NULL || before->state == CATALOG_DROPPED);
    http_submit(request, operation, staged_done);
}
