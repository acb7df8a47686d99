/* check_print.c - the answer of a check as JSON, as POST /v1/check gives it (DESIGN 10.2). */
#include "catalog/catalog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct merkle_buffer *json, const char *text) {
    merkle_buffer_append(json, text, strlen(text));
}

static void put_string(struct merkle_buffer *json, const char *text) {
    catalog_json_print_text((struct catalog_text){.data = text, .size_bytes = strlen(text)}, json);
}

static void put_fields(struct merkle_buffer *json, const struct catalog_text *fields,
                       size_t count) {
    put(json, "\"fields\":[");
    for (size_t i = 0; i < count; ++i) {
        put(json, i > 0 ? "," : "");
        catalog_json_print_text(fields[i], json);
    }
    put(json, "]");
}

static void put_violation(struct merkle_buffer *json, const struct catalog_violation *violation) {
    put(json, "{\"field\":");
    catalog_json_print_text(violation->field, json);
    put(json, ",\"rule\":");
    put_string(json, violation->rule);
    put(json, ",\"message\":");
    put_string(json, violation->message);
    put(json, "}");
}

static void put_unique(struct merkle_buffer *json, const struct catalog_unique *unique) {
    put(json, "{\"name\":");
    catalog_json_print_text(unique->name, json);
    put(json, ",");
    put_fields(json, unique->fields, unique->field_count);
    put(json, "}");
}

static void put_foreign_key(struct merkle_buffer *json, const struct catalog_foreign_key *key) {
    put(json, "{\"name\":");
    catalog_json_print_text(key->name, json);
    put(json, ",");
    put_fields(json, key->fields, key->field_count);
    put(json, ",\"references\":{\"entity\":");
    catalog_json_print_text(key->entity, json);
    put(json, ",");
    put_fields(json, key->referenced_fields, key->field_count);
    put(json, "},\"on_delete\":");
    put_string(json, key->on_delete);
    put(json, "}");
}

int catalog_check_print(const struct catalog_check *check, int64_t agreement_age_ms,
                        struct merkle_buffer *json) {
    put(json,
        check->valid ? "{\"valid\":true,\"violations\":[" : "{\"valid\":false,\"violations\":[");
    for (size_t i = 0; i < check->violation_count; ++i) {
        put(json, i > 0 ? "," : "");
        put_violation(json, &check->violations[i]);
    }
    put(json, "],\"unique\":[");
    for (size_t i = 0; i < check->unique_count; ++i) {
        put(json, i > 0 ? "," : "");
        put_unique(json, &check->uniques[i]);
    }
    put(json, "],\"foreign_keys\":[");
    for (size_t i = 0; i < check->foreign_key_count; ++i) {
        put(json, i > 0 ? "," : "");
        put_foreign_key(json, &check->foreign_keys[i]);
    }
    char tail[96];
    snprintf(tail, sizeof tail, "],\"number\":%" PRIu64 ",\"agreement_age_ms\":", check->number);
    put(json, tail);
    if (agreement_age_ms < 0) {
        put(json, "null}");
    } else {
        snprintf(tail, sizeof tail, "%" PRId64 "}", agreement_age_ms);
        put(json, tail);
    }
    return json->failed ? CATALOG_ENOMEM : 0;
}
