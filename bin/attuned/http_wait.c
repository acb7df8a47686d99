/* http_wait.c - waiting for agreement (DESIGN 7.5): after a write, for a staged change, or by itself.
 *
 *   PUT ?wait=5s --> GOSSIP_WRITE --> stored --> GOSSIP_AGREEMENT on what was stored --> 201, or 504
 *
 * A write that is not agreed in time stands: the answer is 504 and its details say who lacks it. What it changed is asked
 * for by its key; if that was more than one entry, the whole catalog is.
 */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>

bool http_wait_read(struct http_request *request) {
    const struct http_parameter *parameter = http_parameter(request, "wait");
    struct http_wait *wait = &request->wait;
    *wait = (struct http_wait){.timeout_ms = HTTP_WAIT_MS, .given = parameter != NULL};
    if (parameter != NULL && parameter->value_given &&
        !http_duration(request, "wait", &wait->timeout_ms))
        return false;
    return http_flag(request, "skip_dead", &wait->skip_dead);
}

bool http_wait_read_write(struct http_request *request, bool dry_run) {
    struct http_wait *wait = &request->wait;
    if (!http_wait_read(request))
        return false;
    if (wait->skip_dead && !wait->given) {
        http_refuse_named(request, 400, "malformed", "skip_dead goes with wait");
        return false;
    }
    wait->given = wait->given && !dry_run;
    return true;
}

void http_print_agreement(struct merkle_buffer *json, const struct gossip_reply *reply) {
    for (size_t i = 0; i < reply->agreement_count; i++) {
        const struct gossip_agreement_member *member = &reply->agreement[i];
        http_print(json, "%s{\"name\":", i == 0 ? "" : ",");
        http_print_text(json, member->name);
        http_print(json,
                   ",\"state\":\"%s\",\"since_ms\":", gossip_agreement_state_name(member->state));
        http_print_age(json, member->since_ms);
        http_print(json, "}");
    }
}

void http_wait_count(struct http_request *request, int code) {
    enum http_agreement result = code == 0                   ? HTTP_AGREEMENT_AGREED
                                 : code == GOSSIP_ENOTAGREED ? HTTP_AGREEMENT_NOT_AGREED
                                                             : HTTP_AGREEMENT_FAILED;
    request->server->counters.agreements[result]++;
}

static void waited(struct http_request *request, const struct gossip_reply *reply) {
    http_wait_count(request, reply->code);
    if (reply->code == 0) {
        http_answer(request, request->wait.status);
        return;
    }
    const char *reason = reply->text != NULL ? reply->text : gossip_error_message(reply->code);
    http_refuse_agreement(request, reply, "the write stands on this node, but %s",
                          reason == NULL ? "the wait failed" : reason);
}

void http_answer_waited(struct http_request *request, unsigned status,
                        const struct gossip_reply *written) {
    const struct catalog_plan *plan = written->plan;
    struct gossip_operation operation = {
        .type = GOSSIP_AGREEMENT,
        .skip_dead = request->wait.skip_dead,
        .timeout_ms = request->wait.timeout_ms,
    };
    if (!request->wait.given || plan == NULL || plan->outcome_count == 0) {
        http_answer(request, status);
        return;
    }
    if (plan->outcome_count == 1 && plan->entry_count <= 1)
        operation.key = catalog_entry_key(plan->outcomes[0].entry);
    request->wait.status = status;
    request->written = true;
    http_submit(request, &operation, waited);
}
