/* http_entries.c - GET of schemas, constraints and indexes: what is stored here, answered from memory (G5).
 *
 * The three kinds differ in their path and in the name of their list only; the route carries the kind.
 */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const list_names[] = {
    [CATALOG_SCHEMA] = "schemas",
    [CATALOG_CONSTRAINT] = "constraints",
    [CATALOG_INDEX] = "indexes",
};

static const char name_rule[] = "entity and name are 1 to 128 bytes of UTF-8 without control "
                                "characters and '/'";

bool http_key_check(struct http_request *request, const struct catalog_key *key) {
    bool named = key->kind == CATALOG_CONSTRAINT || key->kind == CATALOG_INDEX;
    if (catalog_key_check(key) == 0)
        return true;
    if (key->kind == CATALOG_SCHEMA && key->name.size_bytes > 0)
        http_refuse(request, CATALOG_EMALFORMED, "a schema has no name beside its entity");
    else if (named && key->name.size_bytes == 0)
        http_refuse(request, CATALOG_EMALFORMED, "the name is missing");
    else
        http_refuse(request, CATALOG_EMALFORMED, name_rule);
    return false;
}

bool http_kind(struct http_request *request, struct catalog_text text, uint16_t *kind) {
    unsigned long number = 0;
    for (uint16_t known = CATALOG_SCHEMA; known <= CATALOG_INDEX; known++) {
        const char *name = catalog_kind_name(known);
        *kind = known;
        if (text.size_bytes == strlen(name) && memcmp(text.data, name, text.size_bytes) == 0)
            return true;
    }
    bool valid = text.size_bytes > 0 && text.size_bytes <= 5 && text.data[0] != '0';
    for (size_t i = 0; i < text.size_bytes && valid; i++) {
        valid = text.data[i] >= '0' && text.data[i] <= '9';
        number = number * 10 + (unsigned long)(text.data[i] - '0');
    }
    *kind = (uint16_t)number;
    if (valid && number > CATALOG_INDEX && number <= UINT16_MAX)
        return true;
    http_refuse_named(request, 400, "malformed",
                      "a kind is schema, constraint or index, or the number of another one");
    return false;
}

bool http_entry_key(struct http_request *request, struct catalog_key *key) {
    /* "v1", the list, entity, name */
    *key = (struct catalog_key){.kind = request->route->kind, .entity = request->parts[2]};
    if (request->part_count > 3)
        key->name = request->parts[3];
    return http_key_check(request, key);
}

void http_entry_tag(struct http_request *request, const struct catalog_entry *entry) {
    snprintf(request->etag, sizeof request->etag, "\"%" PRIu64 "\"", entry->number);
}

void http_print_entry(struct http_request *request, const struct catalog_entry *entry) {
    http_entry_tag(request, entry);
    catalog_entry_print(entry, CATALOG_FORM_FULL, &request->answer);
    http_print(&request->answer, "\n");
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
        http_print_entry(request, entry);
        http_answer(request, 200);
    }
}
