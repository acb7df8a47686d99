/* http_warnings.c - what an operator should look at, in one list: of this node, of its peers, of the catalog.
 *
 * Short, for the status; what to do about each says /v1/doctor (http_doctor.c).
 */
#include "bin/attuned/http.h"

#include <inttypes.h>

enum { SKEW_WARNED_MS = 60000 };

struct list {
    struct merkle_buffer *json;
    const char *separator;
};

static void begin(struct list *list, const char *code) {
    http_print(list->json, "%s{\"code\":", list->separator);
    http_print_text(list->json, code);
    http_print(list->json, ",\"message\":");
    list->separator = ",";
}

static void warn(struct list *list, const char *code, const char *message) {
    begin(list, code);
    http_print_text(list->json, message);
    http_print(list->json, "}");
}

static void warn_count(struct list *list, const char *code, uint64_t count, const char *message) {
    begin(list, code);
    http_print(list->json, "\"%" PRIu64 " %s\"}", count, message);
}

static void warn_code(struct list *list, int code) {
    warn(list, gossip_error_name(code), gossip_error_message(code));
}

static void warn_of_node(struct list *list, const struct gossip_status *status) {
    if (status->removed)
        warn_code(list, GOSSIP_EREMOVED);
    if (status->store_error != 0)
        warn_code(list, status->store_error);
    if (status->healing)
        warn_code(list, GOSSIP_EHEALING);
    if (status->duplicate_id)
        warn(list, "duplicate_id",
             "another live process has the id of this node: one of the two "
             "runs on a copy of the data directory; stop it and empty that "
             "directory");
    if (status->clock_ahead)
        warn_code(list, GOSSIP_ECLOCKAHEAD);
    if (status->quarantined_count > 0)
        warn_count(list, "quarantined", status->quarantined_count,
                   "damaged rows were set aside (table quarantine of the store)");
    if (status->counts.conflicts > 0)
        warn_count(list, "conflict", status->counts.conflicts,
                   "entries hold changes made without knowledge of each other: see /v1/conflicts");
}

/* `text` is closed. */
static void warn_text(struct list *list, const char *code, struct merkle_buffer *text) {
    begin(list, code);
    catalog_json_print_text((struct catalog_text){(const char *)text->data, text->size_bytes},
                            list->json);
    merkle_buffer_close(text);
    http_print(list->json, "}");
}

static void warn_of_member(struct list *list, const struct gossip_member_status *member) {
    struct merkle_buffer text;
    merkle_buffer_init(&text, &merkle_allocator_libc);
    if (member->doubled) {
        http_print(&text, "two live processes have the id of %s; one of them is refused",
                   member->name);
        warn_text(list, "duplicate_id", &text);
        merkle_buffer_init(&text, &merkle_allocator_libc);
    }
    if (member->skew_ms > SKEW_WARNED_MS || member->skew_ms < -SKEW_WARNED_MS) {
        http_print(&text, "the clock of %s is %" PRId64 " ms off ours", member->name,
                   member->skew_ms);
        warn_text(list, "clock_skew", &text);
    }
}

static void warn_of_members(struct list *list, const struct gossip_member_status *members,
                            size_t member_count) {
    for (size_t i = 0; i < member_count; i++) {
        if (!members[i].self && members[i].state != GOSSIP_MEMBER_REMOVED)
            warn_of_member(list, &members[i]);
    }
}

static void warn_of_catalog(struct list *list, const struct http_audit *audit) {
    size_t shown =
        audit->problem_count < HTTP_PROBLEMS_MAX ? audit->problem_count : HTTP_PROBLEMS_MAX;
    for (size_t i = 0; i < shown; i++)
        warn(list, gossip_error_name(audit->problems[i].code), audit->problems[i].message);
    if (audit->problem_count > shown)
        warn_count(list, "more", audit->problem_count - shown,
                   "further broken rules are not listed");
}

/* A change that is pending for long is one whose owner does not go on with it. */
static void warn_of_pending(struct list *list, const struct http_audit *audit, uint64_t wall_ms) {
    uint64_t old = 0;
    for (size_t i = 0; i < audit->pending_count && i < HTTP_PENDING_MAX; i++)
        old += http_pending_age(&audit->pending[i], wall_ms) > HTTP_PENDING_WARNED_MS;
    if (old > 0)
        warn_count(list, "pending", old,
                   "staged changes have been pending for more than a minute: see /v1/doctor");
}

void http_print_warnings(struct merkle_buffer *json, const struct gossip_status *status,
                         const struct gossip_member_status *members, size_t member_count,
                         const struct http_audit *audit, uint64_t wall_ms) {
    struct list list = {.json = json, .separator = ""};
    http_print(json, "[");
    warn_of_node(&list, status);
    warn_of_members(&list, members, member_count);
    warn_of_pending(&list, audit, wall_ms);
    warn_of_catalog(&list, audit);
    http_print(json, "]");
}
