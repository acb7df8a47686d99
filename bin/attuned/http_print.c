/* http_print.c - the few shapes that all JSON answers are made of. */
#include "bin/attuned/http_print.h"
#include "bin/attuned/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void http_print(struct merkle_buffer *buffer, const char *format, ...) {
    char text[HTTP_PRINT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size_bytes = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert(size_bytes >= 0 && (size_t)size_bytes < sizeof text);
    merkle_buffer_append(buffer, text, (size_t)size_bytes);
}

void http_print_text(struct merkle_buffer *buffer, const char *text) {
    if (text == NULL)
        http_print(buffer, "null");
    else
        catalog_json_print_text((struct catalog_text){text, strlen(text)}, buffer);
}

void http_print_id(struct merkle_buffer *buffer, const struct catalog_id *id) {
    char text[33];
    catalog_id_print(id, text);
    http_print(buffer, "\"%s\"", text);
}

void http_print_digest(struct merkle_buffer *buffer, const struct merkle_digest *digest) {
    char text[33];
    merkle_digest_print(digest, text);
    http_print(buffer, "\"%s\"", text);
}

void http_print_truth(struct merkle_buffer *buffer, enum gossip_truth truth) {
    http_print(buffer, "%s", truth == GOSSIP_YES ? "true" : truth == GOSSIP_NO ? "false" : "null");
}

void http_print_age(struct merkle_buffer *buffer, gossip_duration_ms age_ms) {
    if (age_ms == GOSSIP_NEVER)
        http_print(buffer, "null");
    else
        http_print(buffer, "%" PRIu64, age_ms);
}

void http_print_time(struct merkle_buffer *buffer, uint64_t wall_ms) {
    char text[LOG_TIME_SIZE];
    if (wall_ms == 0) {
        http_print(buffer, "null");
        return;
    }
    log_time_print(wall_ms, text);
    http_print(buffer, "\"%s\"", text);
}

void http_print_key(struct merkle_buffer *buffer, const struct catalog_key *key) {
    const char *kind = catalog_kind_name(key->kind);
    if (kind != NULL)
        http_print(buffer, "\"kind\":\"%s\",\"entity\":", kind);
    else
        http_print(buffer, "\"kind\":%u,\"entity\":", (unsigned)key->kind);
    catalog_json_print_text(key->entity, buffer);
    if (key->name.size_bytes == 0)
        return;
    http_print(buffer, ",\"name\":");
    catalog_json_print_text(key->name, buffer);
}
