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

void http_agreement(struct http_request *request);
void http_resolve(struct http_request *request);
void http_why(struct http_request *request);
void http_doctor(struct http_request *request);

/* A kind by its name, or by its number if it has none; false with 400 answered. */
bool http_kind(struct http_request *request, struct catalog_text text, uint16_t *kind);
/* False with 400 answered. */
bool http_key_check(struct http_request *request, const struct catalog_key *key);
/* Prints the entry as GET shows it, with its ETag. */
void http_print_entry(struct http_request *request, const struct catalog_entry *entry);
/* http_why.c, for tests as well */
void http_why_print(struct merkle_buffer *json, const struct catalog_entry *entry);

/* http_wait.c: reads wait and skip_dead; false with 400 answered. */
bool http_wait_read(struct http_request *request);
/* The same for a plain write: skip_dead makes no sense without wait, and nobody waits for what is only checked. */
bool http_wait_read_write(struct http_request *request, bool dry_run);
/* Counts how a wait ended. */
void http_wait_count(struct http_request *request, int code);
/* The answer of a write is printed: answers, or first waits for agreement if that was asked for. */
void http_answer_waited(struct http_request *request, unsigned status,
                        const struct gossip_reply *written);

/* http_staged.c: reads wait, skip_dead, staged and abort, and makes the operation a staged one if they say so; false with
 * 400 answered. */
bool http_staged_read(struct http_request *request, struct gossip_operation *operation);
void http_staged_submit(struct http_request *request, struct gossip_operation *operation);

/* The key that the path names; false with 400 answered if it is none. */
bool http_entry_key(struct http_request *request, struct catalog_key *key);
/* Sets the answer's ETag. */
void http_entry_tag(struct http_request *request, const struct catalog_entry *entry);

/* http_status.c: the answer of GET /v1/status, from what the engine said */
void http_status_print(struct merkle_buffer *json, const struct gossip_status *status,
                       const struct gossip_member_status *members, size_t member_count,
                       const struct http_audit *audit, uint64_t wall_ms);

#endif
