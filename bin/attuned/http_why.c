/* http_why.c - GET /v1/why/KIND/ENTITY[/NAME]: why an entry stands as it does, also a dropped one.
 *
 * Each version with who wrote it, when, and what it says; and what the entry has seen that does not stand any more. A
 * version's number is one more than the largest that it replaced, so it says that number; of what was replaced only origin
 * and clock of the last are left (DESIGN 4.1), and nothing below the horizon.
 */
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_stamp(struct merkle_buffer *json, const struct catalog_id *origin,
                        catalog_clock clock) {
    http_print(json, "\"origin\":");
    http_print_id(json, origin);
    http_print(json, ",\"clock\":\"%016" PRIx64 "\",\"written\":", clock);
    http_print_time(json, clock >> 16);
}

static void print_version(struct merkle_buffer *json, uint16_t kind,
                          const struct catalog_version *version, bool in_force) {
    http_print(json, "{\"in_force\":%s,\"node\":", in_force ? "true" : "false");
    catalog_json_print_text(version->node, json);
    http_print(json, ",");
    print_stamp(json, &version->origin, version->clock);
    http_print(json, ",\"number\":%" PRIu64 ",\"replaced_number\":", version->number);
    if (version->number > 1)
        http_print(json, "%" PRIu64, version->number - 1);
    else
        http_print(json, "null");
    http_print(json, ",\"state\":\"%s\",\"body\":", catalog_state_name(version->state));
    if (version->state == CATALOG_DROPPED)
        http_print(json, "null");
    else
        catalog_body_print(kind, version->body, version->body_size_bytes, json);
    if (version->previous != NULL) {
        http_print(json, ",\"previous\":");
        catalog_body_print(kind, version->previous, version->previous_size_bytes, json);
    }
    http_print(json, "}");
}

static void print_versions(struct merkle_buffer *json, const struct catalog_entry *entry) {
    size_t count = entry->version_count;
    struct catalog_version *versions = calloc(count, sizeof *versions);
    json->failed = json->failed || versions == NULL;
    http_print(json, ",\"versions\":[");
    if (versions != NULL)
        catalog_entry_versions(entry, versions, count);
    for (size_t i = 0; versions != NULL && i < count; i++) {
        http_print(json, i == 0 ? "" : ",");
        print_version(json, entry->kind, &versions[i], i + 1 == count);
    }
    http_print(json, "]");
    free(versions);
}

static void print_replaced(struct merkle_buffer *json, const struct catalog_entry *entry) {
    size_t count = catalog_entry_context(entry, NULL, 0);
    struct catalog_pair *pairs = calloc(count == 0 ? 1 : count, sizeof *pairs);
    const char *separator = "";
    json->failed = json->failed || pairs == NULL;
    http_print(json, ",\"replaced\":[");
    if (pairs != NULL)
        catalog_entry_context(entry, pairs, count);
    for (size_t i = 0; pairs != NULL && i < count; i++) {
        if (pairs[i].survives)
            continue;
        http_print(json, "%s{", separator);
        print_stamp(json, &pairs[i].origin, pairs[i].clock);
        http_print(json, "}");
        separator = ",";
    }
    http_print(json, "]");
    free(pairs);
}

void http_why_print(struct merkle_buffer *json, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    http_print(json, "{");
    http_print_key(json, &key);
    http_print(json, ",\"conflict\":%s", entry->conflict ? "true" : "false");
    print_versions(json, entry);
    print_replaced(json, entry);
    http_print(json, "}\n");
}

void http_why(struct http_request *request) {
    struct catalog_key key = {.entity = request->parts[3]};
    if (!http_kind(request, request->parts[2], &key.kind))
        return;
    if (request->part_count > 4)
        key.name = request->parts[4];
    if (!http_key_check(request, &key))
        return;
    const struct catalog_entry *entry = catalog_find(http_catalog(request), &key);
    if (entry == NULL) {
        http_refuse(request, CATALOG_ENOTFOUND,
                    "nothing is known of it here: it never was, or its drop is below the horizon");
        return;
    }
    http_why_print(&request->answer, entry);
    http_answer(request, 200);
}
