/* http_handlers.h - the handlers that stand in the table of routes, each in the file named after its thing. */
#ifndef ATTUNED_HTTP_HANDLERS_H
#define ATTUNED_HTTP_HANDLERS_H

#include "bin/attuned/http.h"

/* http_entries.c: schemas, constraints and indexes are read alike */
void http_entries_list(struct http_request *request);
void http_entry_get(struct http_request *request);
/* http_writes.c */
void http_entry_put(struct http_request *request);
void http_entry_delete(struct http_request *request);

void http_check(struct http_request *request);
void http_import(struct http_request *request);
void http_export(struct http_request *request);
void http_status(struct http_request *request);
void http_digest(struct http_request *request);
void http_members_list(struct http_request *request);
void http_member_remove(struct http_request *request);
void http_diff(struct http_request *request);
void http_conflicts(struct http_request *request);
void http_watch(struct http_request *request);
void http_sync(struct http_request *request);
void http_livez(struct http_request *request);
void http_readyz(struct http_request *request);
void http_metrics(struct http_request *request);

/* The key that the path names; false with 400 answered if it is none. */
bool http_entry_key(struct http_request *request, struct catalog_key *key);
/* Sets the answer's ETag. */
void http_entry_tag(struct http_request *request, const struct catalog_entry *entry);

/* http_status.c: the answer of GET /v1/status, from what the engine said */
void http_status_print(struct merkle_buffer *json, const struct gossip_status *status,
                       const struct gossip_member_status *members, size_t member_count,
                       const struct http_audit *audit);

#endif
