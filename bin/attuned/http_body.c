/* http_body.c - reads the small bodies of POST /v1/agreement and POST /v1/resolve. */
#include "bin/attuned/http_body.h"
#include "bin/attuned/http_handlers.h"

#include <string.h>

static bool is_known(const char *const *keys, const char *key) {
    for (; *keys != NULL; keys++) {
        if (strcmp(*keys, key) == 0)
            return true;
    }
    return false;
}

json_t *http_body_read(struct http_request *request, const char *const *keys) {
    json_error_t error = {.text = "out of memory"};
    const char *key;
    json_t *value;
    const char *text = (const char *)request->body.data;
    json_t *body = request->body.size_bytes == 0
                       ? json_object()
                       : json_loadb(text, request->body.size_bytes,
                                    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (body == NULL) {
        http_refuse_named(request, 400, "malformed", "line %d, column %d: %s", error.line,
                          error.column, error.text);
        return NULL;
    }
    if (!json_is_object(body)) {
        http_refuse_named(request, 400, "malformed", "the body is not an object");
        json_decref(body);
        return NULL;
    }
    json_object_foreach(body, key, value) {
        if (is_known(keys, key))
            continue;
        http_refuse_named(request, 400, "malformed", "unknown key '%.64s'", key);
        json_decref(body);
        return NULL;
    }
    return body;
}

bool http_body_flag(struct http_request *request, const json_t *body, const char *key, bool *flag) {
    const json_t *value = json_object_get(body, key);
    *flag = json_is_true(value);
    if (value == NULL || json_is_boolean(value))
        return true;
    http_refuse_named(request, 400, "malformed", "%s is true or false", key);
    return false;
}

bool http_body_text(struct http_request *request, const json_t *body, const char *key,
                    struct catalog_text *text) {
    const json_t *value = json_object_get(body, key);
    if (json_is_string(value) && json_string_length(value) > 0) {
        *text = (struct catalog_text){json_string_value(value), json_string_length(value)};
        return true;
    }
    http_refuse_named(request, 400, "malformed",
                      value == NULL ? "%s is missing" : "%s is not a text, or empty", key);
    return false;
}

bool http_body_key(struct http_request *request, const json_t *body, struct catalog_key *key) {
    struct catalog_text kind;
    *key = (struct catalog_key){0};
    if (!http_body_text(request, body, "kind", &kind) || !http_kind(request, kind, &key->kind) ||
        !http_body_text(request, body, "entity", &key->entity))
        return false;
    if (json_object_get(body, "name") != NULL && !http_body_text(request, body, "name", &key->name))
        return false;
    return http_key_check(request, key);
}
