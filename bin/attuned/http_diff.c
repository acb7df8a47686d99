/* http_diff.c - GET /v1/diff/MEMBER: which entries differ between this node and that one, and how. Changes nothing. */
#include "bin/attuned/http_handlers.h"

#include <assert.h>

/* a is here, b is there */
static const char *const relation_names[] = {
    [CATALOG_SAME] = "same",           [CATALOG_ONLY_A] = "only_here",
    [CATALOG_ONLY_B] = "only_there",   [CATALOG_NEWER_A] = "newer_here",
    [CATALOG_NEWER_B] = "newer_there", [CATALOG_CONFLICTING] = "conflict",
};

static void print_side(struct merkle_buffer *json, const struct catalog_entry *entry) {
    if (entry == NULL)
        http_print(json, "null");
    else
        catalog_entry_print(entry, CATALOG_FORM_FULL, json);
}

static void print_difference(struct merkle_buffer *json,
                             const struct gossip_difference *difference) {
    const struct catalog_entry *either =
        difference->here != NULL ? difference->here : difference->there;
    assert(either != NULL);
    struct catalog_key key = catalog_entry_key(either);
    http_print(json, "{");
    http_print_key(json, &key);
    http_print(json, ",\"relation\":\"%s\",\"here\":", relation_names[difference->relation]);
    print_side(json, difference->here);
    http_print(json, ",\"there\":");
    print_side(json, difference->there);
    http_print(json, "}");
}

static void compared(struct http_request *request, const struct gossip_reply *reply) {
    if (http_refuse_reply(request, reply, false))
        return;
    struct merkle_buffer *json = &request->answer;
    http_print(json, "{\"member\":");
    catalog_json_print_text(request->parts[2], json);
    http_print(json, ",\"differences\":[");
    for (size_t i = 0; i < reply->difference_count; i++) {
        http_print(json, i == 0 ? "" : ",");
        print_difference(json, &reply->differences[i]);
    }
    http_print(json, "],\"complete\":%s}\n", reply->differences_cut ? "false" : "true");
    http_answer(request, 200);
}

void http_diff(struct http_request *request) {
    struct gossip_operation operation = {.type = GOSSIP_DIFF, .member = request->parts[2]};
    http_submit(request, &operation, compared);
}
