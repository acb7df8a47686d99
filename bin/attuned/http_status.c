/* http_status.c - GET /v1/status: do all nodes agree, and if not who differs. What is not known is null. */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_agreement(struct merkle_buffer *json, const struct gossip_status *status) {
    http_print(json, "{\"agreed\":");
    http_print_truth(json, status->agreed);
    http_print(json, ",\"since\":");
    http_print_time(json, status->agreed == GOSSIP_YES ? status->agreed_since_wall_ms : 0);
    http_print(json, ",\"distinct_roots\":%zu,\"age_ms\":", status->distinct_roots);
    http_print_age(json, status->agreement_age_ms < 0
                             ? GOSSIP_NEVER
                             : (gossip_duration_ms)status->agreement_age_ms);
    http_print(json, "}");
}

static void print_pending(struct merkle_buffer *json, const struct http_audit *audit) {
    for (size_t i = 0; i < audit->pending_count && i < HTTP_PENDING_MAX; i++) {
        const struct http_pending *pending = &audit->pending[i];
        const struct catalog_key key = {
            .kind = pending->kind,
            .entity = {pending->entity, strlen(pending->entity)},
            .name = {pending->name, strlen(pending->name)},
        };
        http_print(json, "%s{", i == 0 ? "" : ",");
        http_print_key(json, &key);
        http_print(json, ",\"state\":\"%s\",\"node\":", catalog_state_name(pending->state));
        http_print_text(json, pending->node);
        http_print(json, ",\"since\":");
        http_print_time(json, pending->since_wall_ms);
        http_print(json, "}");
    }
}

/* Whoever holds the horizon back keeps every node from forgetting what was dropped (DESIGN 4.7). */
static void print_horizon(struct merkle_buffer *json, const struct gossip_status *status) {
    http_print(json, "{\"held_by\":");
    http_print_text(json, status->horizon_held_self ? status->node_name : status->horizon_holder);
    http_print(json, ",\"age_ms\":%" PRIu64 ",\"tombstones\":%" PRIu64 "}", status->horizon_age_ms,
               status->counts.tombstones);
}

void http_status_print(struct merkle_buffer *json, const struct gossip_status *status,
                       const struct gossip_member_status *members, size_t member_count,
                       const struct http_audit *audit, uint64_t wall_ms) {
    const char *separator = "";
    http_print(json, "{\"node\":{\"name\":");
    http_print_text(json, status->node_name);
    http_print(json, ",\"id\":");
    http_print_id(json, &status->node_id);
    http_print(json, ",\"origin\":");
    http_print_id(json, &status->origin);
    http_print(json, "},\"cluster\":");
    http_print_text(json, status->cluster_name);
    http_print(json, ",\"ready\":%s,\"root\":", status->ready ? "true" : "false");
    http_print_digest(json, &status->root);
    http_print(json, ",\"entries\":%" PRIu64 ",\"agreement\":", status->counts.entries);
    print_agreement(json, status);
    http_print(json, ",\"members\":[");
    for (size_t i = 0; i < member_count; i++) {
        if (members[i].state == GOSSIP_MEMBER_REMOVED && !members[i].self)
            continue;
        http_print(json, "%s", separator);
        http_print_member(json, &members[i]);
        separator = ",";
    }
    http_print(json, "],\"conflicts\":%" PRIu64 ",\"pending\":[", status->counts.conflicts);
    print_pending(json, audit);
    http_print(json, "],\"horizon\":");
    print_horizon(json, status);
    http_print(json, ",\"warnings\":");
    http_print_warnings(json, status, members, member_count, audit, wall_ms);
    http_print(json, "}\n");
}

void http_status(struct http_request *request) {
    struct gossip_service *service = request->server->service;
    size_t count;
    struct gossip_member_status *members = http_members_read(request, &count);
    if (members == NULL) {
        http_refuse(request, GOSSIP_ENOMEM, NULL);
        return;
    }
    struct gossip_status status = gossip_status(
        gossip_service_engine(service), gossip_service_now(service), gossip_service_wall(service));
    http_audit_refresh(request->server);
    http_status_print(&request->answer, &status, members, count, &request->server->audit,
                      gossip_service_wall(service));
    free(members);
    http_answer(request, 200);
}
