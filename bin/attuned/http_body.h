/* http_body.h - small JSON bodies that are no entry: an object of known keys. */
#ifndef ATTUNED_HTTP_BODY_H
#define ATTUNED_HTTP_BODY_H

#include "bin/attuned/http.h"

#include <jansson.h>

/* The body as an object that has only these keys (the last is NULL); an empty body is an empty object. NULL: refused. */
json_t *http_body_read(struct http_request *request, const char *const *keys);
/* Each reads one key; false: refused. Texts are borrowed from the object. */
bool http_body_flag(struct http_request *request, const json_t *body, const char *key, bool *flag);
bool http_body_text(struct http_request *request, const json_t *body, const char *key,
                    struct catalog_text *text);
/* `kind`, `entity` and, but for a schema, `name`. */
bool http_body_key(struct http_request *request, const json_t *body, struct catalog_key *key);

#endif
