/* ev_real_proxy.h - the insides of the fault proxy (private to ev_real_proxy*.c).
 *
 *   ev_real_proxy.c        the thread, the table under the lock, listeners
 *   ev_real_proxy_pair.c   a pair of sockets: accepted and dialled, read, ended
 *   ev_real_proxy_flow.c   a half's queue: what the rule does to each frame, and the pace at which it goes out
 *
 * All of it but the table belongs to the proxy's thread.
 */
#ifndef CHAOS_EV_REAL_PROXY_H
#define CHAOS_EV_REAL_PROXY_H

#include "bin/chaos/real_proxy.h"
#include "bin/chaos/real_random.h"

#include <ev.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum { REAL_PROXY_NOBODY = REAL_PROXY_NODES_MAX };

/* A frame (or bytes that are none) that waits to be passed on. */
struct real_piece {
    struct real_piece *next;
    double due;
    bool held; /* lets others pass until it is due */
    size_t size_bytes, written;
    uint8_t bytes[];
};

struct real_pair;

/* One direction. */
struct real_half {
    struct real_pair *pair;
    size_t source, sink; /* sockets of the pair */
    size_t from, to;     /* nodes, NOBODY until hello */
    uint8_t *input;      /* a frame that has begun */
    size_t input_size, input_capacity;
    struct real_piece *first, *last;
    size_t queued_bytes;
    double due_last;     /* of those that keep their order */
    bool raw;            /* no frames: bytes are passed on as they are */
    bool greeted;        /* its first frame has come */
    bool ended;          /* the source will send no more */
    bool stalled;        /* counted already */
    double budget_bytes; /* of the rate, as of budget_at */
    double budget_at;
    unsigned burst; /* pieces since the last pause */
    ev_timer timer; /* when to write next */
};

struct real_socket {
    int descriptor; /* -1: none */
    ev_io read, write;
};

struct real_pair {
    struct real_proxy *proxy;
    struct real_pair *next, *previous;
    size_t index; /* of the node that is dialled */
    double born;
    bool dialled, connected, doomed;
    struct real_socket sockets[2]; /* accepted, dialled */
    struct real_half halves[2];    /* from the accepted one, to it */
    ev_timer doom;
};

struct real_listener {
    struct real_proxy *proxy;
    size_t index;
    int descriptor;
    ev_io io;
};

/* What the proxy knows of a node. */
struct real_endpoint {
    char advertised[REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in listen, source, target;
    bool known, has_source, up;
    int descriptor; /* a listener, for the thread to take; -1 */
};

struct real_injection {
    size_t to, size_bytes;
    const uint8_t *bytes; /* NULL: none is wanted */
    bool found;
};

/* Under the lock; `changed` says what the thread has to take over. */
struct real_table {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct real_endpoint endpoints[REAL_PROXY_NODES_MAX];
    struct real_rule *rules;
    bool *resets;
    struct real_injection injection;
    uint64_t seed, told, taken; /* how often something was told, and taken over */
    bool rules_changed, endpoints_changed, resets_wanted, seeded, finished;
};

struct real_counters {
    _Atomic uint64_t connections, frames, bytes, lost, repeated, reordered, delayed, corrupted,
        resets, fragments;
    _Atomic uint64_t stalled[SCENARIO_CLASS_COUNT];
    _Atomic uint64_t pairs;
};

struct real_proxy {
    pthread_t thread;
    struct ev_loop *loop;
    ev_async wake;
    ev_timer sweep;
    struct real_table table;
    struct real_counters counters;
    /* of the thread */
    struct real_endpoint endpoints[REAL_PROXY_NODES_MAX];
    struct real_listener listeners[REAL_PROXY_NODES_MAX];
    struct real_rule *rules;
    struct real_random random;
    struct real_pair *pairs;
};

static inline void real_count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* --- ev_real_proxy.c --- */
/* The rule of a half; none before its ends are known. */
const struct real_rule *real_half_rule(const struct real_half *half);

/* --- ev_real_proxy_pair.c --- */
void real_pair_accept(struct real_proxy *proxy, size_t index, int descriptor);
/* Rules have changed: watches and timers are set anew, a dial that waited is made. */
void real_pair_revise(struct real_pair *pair);
/* Half a frame each way, then RST. */
void real_pair_reset(struct real_pair *pair);
/* Frees it; `abruptly` with RST. */
void real_pair_close(struct real_pair *pair, bool abruptly);
void real_pair_sweep(struct real_pair *pair, double now);
/* Reads from the source of this half if it may, else not. */
void real_half_listen(struct real_half *half);

/* --- ev_real_proxy_flow.c --- */
void real_half_init(struct real_half *half, struct real_pair *pair, size_t source);
void real_half_clear(struct real_half *half);
/* A whole frame has come, or bytes that are none. */
void real_half_take(struct real_half *half, const uint8_t *bytes, size_t size_bytes);
/* The same past all rules. */
void real_half_append(struct real_half *half, const uint8_t *bytes, size_t size_bytes, double due);
/* Writes what may be written now, and arms what comes later. May close the pair: true if it did. */
bool real_half_flow(struct real_half *half);

#endif
