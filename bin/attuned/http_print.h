/* http_print.h - writes JSON answers: literals and numbers by a format, texts escaped.
 *
 * Jansson is for reading; answers are appended to a buffer, so that keys stand in the order of DESIGN 10.2 and numbers
 * are printed as they are. A failed append shows in `failed` of the buffer, looked at once when the answer is sent.
 */
#ifndef ATTUNED_HTTP_PRINT_H
#define ATTUNED_HTTP_PRINT_H

#include "gossip/gossip.h"

enum { HTTP_PRINT_SIZE_MAX = 512 }; /* of what one call may print */

/* As printf; the result must be shorter than HTTP_PRINT_SIZE_MAX. */
void http_print(struct merkle_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string, or null for NULL. */
void http_print_text(struct merkle_buffer *buffer, const char *text);
/* "32 hex digits" with quotes. */
void http_print_id(struct merkle_buffer *buffer, const struct catalog_id *id);
void http_print_digest(struct merkle_buffer *buffer, const struct merkle_digest *digest);
/* true, false or null. */
void http_print_truth(struct merkle_buffer *buffer, enum gossip_truth truth);
/* A number, or null for GOSSIP_NEVER. */
void http_print_age(struct merkle_buffer *buffer, gossip_duration_ms age_ms);
/* RFC 3339 UTC with quotes, or null for 0. */
void http_print_time(struct merkle_buffer *buffer, uint64_t wall_ms);
/* "kind":K,"entity":E and, if there is one, "name":N. */
void http_print_key(struct merkle_buffer *buffer, const struct catalog_key *key);

#endif
