/* transport.h - the table through which the driver reads and writes a connection (private to gossip/).
 *
 * Plain TCP is transport_plain.c. A transport that encrypts has the same table: its handshake takes several turns, its
 * read may want to write and its write may want to read, so every function says what it waits for and is called again
 * when that is so. None of them blocks.
 */
#ifndef GOSSIP_TRANSPORT_H
#define GOSSIP_TRANSPORT_H

#include "gossip/gossip.h"

enum gossip__io {
    GOSSIP__IO_DONE = 1,
    GOSSIP__IO_WANTS_READ = 2,  /* call again when the socket is readable */
    GOSSIP__IO_WANTS_WRITE = 3, /* call again when the socket is writable */
    GOSSIP__IO_ENDED = 4,       /* the peer closed its side in order */
    GOSSIP__IO_FAILED = 5,      /* reset, timed out, not authentic */
};

struct gossip__transport;

struct gossip__transport_operations {
    /* DONE: read and write may be called. */
    enum gossip__io (*handshake)(struct gossip__transport *transport);
    /* DONE: `*count` bytes, at least one. */
    enum gossip__io (*read)(struct gossip__transport *transport, uint8_t *bytes, size_t size_bytes,
                            size_t *count);
    /* DONE: `*count` bytes were taken, at least one, perhaps not all. After another answer it is called again with the
     * same bytes first (there may be more of them). */
    enum gossip__io (*write)(struct gossip__transport *transport, const uint8_t *bytes,
                             size_t size_bytes, size_t *count);
    /* Closes the socket at once and frees `state`. */
    void (*close)(struct gossip__transport *transport);
};

struct gossip__transport {
    const struct gossip__transport_operations *operations;
    int descriptor; /* non-blocking; owned */
    void *state;    /* the transport's own; NULL for plain TCP */
};

extern const struct gossip__transport_operations gossip__transport_plain;

#endif
