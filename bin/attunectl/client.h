/* client.h - one HTTP request to the daemon, with libcurl. */
#ifndef ATTUNECTL_CLIENT_H
#define ATTUNECTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing text. Memory that runs out ends the program: it holds nothing that could be lost. */
struct text {
    char *data; /* NUL-terminated */
    size_t size_bytes;
    size_t capacity_bytes;
};
void text_append(struct text *text, const char *data, size_t size_bytes);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_close(struct text *text);

struct answer {
    long status;
    struct text body;
};
void answer_close(struct answer *answer);

struct client;

/* `url`: http://HOST:PORT, HOST:PORT or unix:PATH. NULL: out of memory. */
struct client *client_new(const char *url);
void client_free(struct client *client);
/* Answers may take this long beyond what any takes; at first 0. */
void client_set_timeout(struct client *client, int64_t timeout_ms);
/* A GET whose answer has no end: `take` is given what comes as it comes, and says whether to go on. `*answer` has the status,
 * and the body if the status is not 200. False: no answer came, or it broke off; `message` says why. */
bool client_stream(struct client *client, const char *path,
                   bool (*take)(void *context, const char *bytes, size_t size_bytes), void *context,
                   struct answer *answer, char message[256]);
/* Appends one part of a path or a value, percent-encoded. */
void client_escape(struct client *client, const char *part, struct text *path);
/* `if_match` and `body` may be NULL. False: no answer came; `message` says why. */
bool client_request(struct client *client, const char *method, const char *path,
                    const char *if_match, const char *body, size_t body_size_bytes,
                    struct answer *answer, char message[256]);

#endif
