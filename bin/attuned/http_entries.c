/* http_entries.c - GET of schemas, constraints and indexes: what is stored here, answered from memory (G5).
 *
 * The three kinds differ in their path and in the name of their list only; the route carries the kind.
 */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const list_names[] = {
    [CATALOG_SCHEMA] = "schemas",
    [CATALOG_CONSTRAINT] = "constraints",
    [CATALOG_INDEX] = "indexes",
};

static const char name_rule[] = "entity and name are 1 to 128 bytes of UTF-8 without control "
                                "characters and '/'";

bool http_entry_key(struct http_request *request, struct catalog_key *key) {
    /* "v1", the list, entity, name */
    *key = (struct catalog_key){.kind = request->route->kind, .entity = request->parts[2]};
    if (request->part_count > 3)
        key->name = request->parts[3];
    if (catalog_key_check(key) == 0)
        return true;
    http_refuse(request, CATALOG_EMALFORMED, name_rule);
    return false;
}

void http_entry_tag(struct http_request *request, const struct catalog_entry *entry) {
    snprintf(request->etag, sizeof request->etag, "\"%" PRIu64 "\"", entry->number);
}

void http_entries_list(struct http_request *request) {
    struct catalog_text entity = {0};
    const struct http_parameter *parameter = http_parameter(request, "entity");
    if (parameter != NULL) {
        struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = parameter->value};
        if (catalog_key_check(&key) != 0) {
            http_refuse(request, CATALOG_EMALFORMED, name_rule);
            return;
        }
        entity = parameter->value;
    }
    const struct catalog *catalog = http_catalog(request);
    struct catalog_key key;
    const struct catalog_key *after = NULL;
    const char *separator = "";
    http_print(&request->answer, "{\"%s\":[", list_names[request->route->kind]);
    for (;;) {
        struct catalog_entry *entry = catalog_next(catalog, request->route->kind, entity, after);
        if (entry == NULL)
            break;
        key = catalog_entry_key(entry);
        after = &key;
        if (entry->state == CATALOG_DROPPED)
            continue;
        http_print(&request->answer, "%s", separator);
        catalog_entry_print(entry, CATALOG_FORM_FULL, &request->answer);
        separator = ",";
    }
    http_print(&request->answer, "]}\n");
    http_answer(request, 200);
}

void http_entry_get(struct http_request *request) {
    struct catalog_key key;
    if (!http_entry_key(request, &key))
        return;
    struct catalog_entry *entry = catalog_find(http_catalog(request), &key);
    if (entry == NULL) {
        http_refuse(request, CATALOG_ENOTFOUND, NULL);
    } else if (entry->state == CATALOG_DROPPED) {
        http_refuse(request, CATALOG_ENOTFOUND,
                    entry->conflict ? "dropped, but in conflict with a change made elsewhere: see "
                                      "/v1/conflicts"
                                    : NULL);
    } else {
        http_entry_tag(request, entry);
        catalog_entry_print(entry, CATALOG_FORM_FULL, &request->answer);
        http_print(&request->answer, "\n");
        http_answer(request, 200);
    }
}
