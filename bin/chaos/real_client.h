/* real_client.h - HTTP to the nodes: many questions at once, each with a deadline, none of which holds up another.
 *
 *   main thread                                   thread of the client
 *   real_client_ask() ----> waiting -------------> at most 64 under way (libcurl multi)
 *   real_client_collect() <---- answered <-------- answer, error or deadline
 *     calls question->done
 *
 * The thread does nothing else, so the latencies that it measures are those of the nodes, also while the main thread
 * starts processes. All callbacks run in the main thread, within real_client_collect().
 */
#ifndef CHAOS_REAL_CLIENT_H
#define CHAOS_REAL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REAL_CLIENT_AT_ONCE_MAX = 64,
    REAL_CLIENT_DEADLINE_MS = 5000,
    REAL_CLIENT_ANSWER_SIZE_MAX = 64 * 1024 * 1024, /* a longer answer counts as none */
};

struct real_answer {
    bool answered; /* a whole answer came; else `why` */
    bool
        impossible; /* not answered, and the node cannot have read the question: it could not be reached */
    unsigned status;
    char *body; /* with a NUL behind it */
    size_t size_bytes;
    uint64_t took_us;
    char why[120];
};

struct real_question {
    const char *method;   /* "GET"; lives as long as the program */
    char address[128];    /* HOST:PORT or unix:PATH */
    char *path;           /* freed by the client, as is `body` */
    char *body;           /* NULL: none */
    unsigned deadline_ms; /* 0: REAL_CLIENT_DEADLINE_MS */
    void (*done)(struct real_question *question, const struct real_answer *answer);
    /* The asker's own. */
    void *context;
    size_t node;
    unsigned what;
    unsigned epoch, lineage;
    uint64_t moment, asked_ms, wall_ms;
    /* The client's own. */
    struct real_question *next;
    struct real_answer answer;
    void *curl, *headers;
};

struct real_client;

/* NULL: no memory, or no thread. */
struct real_client *real_client_new(void);
void real_client_free(struct real_client *client);
/* Takes the question over (made by calloc); frees it after done(). */
void real_client_ask(struct real_client *client, struct real_question *question);
/* Calls done() for what was answered; waits up to wait_ms for the first of them. Returns how many there were. */
size_t real_client_collect(struct real_client *client, uint64_t wait_ms);
/* Questions that have not come back. */
size_t real_client_open_count(const struct real_client *client);
/* Closes all kept connections as soon as nothing is under way, so that descriptors of nodes can be counted without them.
 * Collects until that is done. */
void real_client_rest(struct real_client *client);

#endif
