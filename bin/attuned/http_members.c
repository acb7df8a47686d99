/* http_members.c - GET /v1/members, DELETE /v1/members/NAME or /v1/members/ID.
 *
 * The list also has removed members (their state says so): a removal is for good, and an operator must be able to see
 * whom it hit. The status leaves them out.
 */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct gossip_member_status *http_members_read(struct http_request *request, size_t *count) {
    struct gossip_service *service = request->server->service;
    struct gossip *engine = gossip_service_engine(service);
    gossip_time_ms now_ms = gossip_service_now(service);
    size_t there = gossip_members(engine, now_ms, NULL, 0);
    struct gossip_member_status *members = calloc(there == 0 ? 1 : there, sizeof *members);
    *count = members == NULL ? 0 : gossip_members(engine, now_ms, members, there);
    return members;
}

/* How long the member has been without our catalog: 0 while it has it. */
static gossip_duration_ms lag_of(const struct gossip_member_status *member) {
    return member->self || member->agrees == GOSSIP_YES ? 0 : member->agreed_age_ms;
}

void http_print_member(struct merkle_buffer *json, const struct gossip_member_status *member) {
    http_print(json, "{\"name\":");
    http_print_text(json, member->name);
    http_print(json, ",\"id\":");
    http_print_id(json, &member->id);
    http_print(json, ",\"address\":");
    http_print_text(json, member->address);
    http_print(json, ",\"state\":\"%s\",\"root\":", gossip_member_state_name(member->state));
    if (member->root_known)
        http_print_digest(json, &member->root);
    else
        http_print(json, "null");
    http_print(json, ",\"agrees\":");
    http_print_truth(json, member->agrees);
    http_print(json, ",\"last_exchange_ms\":");
    http_print_age(json, member->heard_age_ms);
    http_print(json, ",\"lag_ms\":");
    http_print_age(json, lag_of(member));
    http_print(json, "}");
}

void http_members_list(struct http_request *request) {
    size_t count;
    struct gossip_member_status *members = http_members_read(request, &count);
    if (members == NULL) {
        http_refuse(request, GOSSIP_ENOMEM, NULL);
        return;
    }
    http_print(&request->answer, "{\"members\":[");
    for (size_t i = 0; i < count; i++) {
        http_print(&request->answer, i == 0 ? "" : ",");
        http_print_member(&request->answer, &members[i]);
    }
    http_print(&request->answer, "]}\n");
    free(members);
    http_answer(request, 200);
}

/* What was removed was said by its id, or by its name. */
static void print_name(struct http_request *request) {
    const struct catalog_text said = request->parts[2];
    struct catalog_id id;
    size_t count = 0;
    struct gossip_member_status *members = catalog_id_parse(said.data, said.size_bytes, &id)
                                               ? http_members_read(request, &count)
                                               : NULL;
    const char *name = NULL;
    for (size_t i = 0; members != NULL && i < count; i++)
        name = catalog_id_equal(&members[i].id, &id) ? members[i].name : name;
    if (name != NULL)
        http_print_text(&request->answer, name);
    else
        catalog_json_print_text(said, &request->answer);
    free(members);
}

static void removed(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    http_print(&request->answer, "{\"name\":");
    print_name(request);
    http_print(&request->answer, ",\"state\":\"%s\"}\n",
               gossip_member_state_name(GOSSIP_MEMBER_REMOVED));
    http_answer(request, 200);
}

void http_member_remove(struct http_request *request) {
    struct gossip_operation operation = {
        .type = GOSSIP_MEMBER_REMOVE,
        .member = request->parts[2],
    };
    http_submit(request, &operation, removed);
}
