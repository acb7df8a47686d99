/* real_proxy.h - the fault proxy: stands before each node, and does to each directed link what its rule says.
 *
 *   n1 --dials n2's advertised address--> listener of n2 --reads hello: it is n1--> dials n2's gossip address
 *        half n1->n2:  socket -> frames -> rule(n1,n2): lose, spoil, repeat, hold back -> queue -> pace -> socket
 *        half n2->n1:  socket <- pace <- queue <- rule(n2,n1) <- frames <- socket
 *
 * It runs in a thread with a loop of its own. What is given to it here lies in a table under a lock; the loop is woken and
 * takes it over, and the call returns when it has: it is in force then. The first frame of each half (hello) is delayed, but not lost, spoilt, repeated or overtaken: a connection
 * that never comes about is what `partition` and `hang` are for.
 *
 * A blocked half is neither read nor written, so its sockets fill up and stay open, and ends of connections are not told
 * either. A dial of a blocked link is accepted and hears nothing. Where packets can be dropped beneath (nftables), the
 * ground does that as well.
 */
#ifndef CHAOS_REAL_PROXY_H
#define CHAOS_REAL_PROXY_H

#include "bin/chaos/real.h"

enum {
    REAL_PROXY_NODES_MAX = 2 * REAL_NODES_MAX, /* clones too */
    REAL_PROXY_FRAME_SIZE_MAX =
        4 * 1024 * 1024, /* what claims to be longer is passed on as bytes */
    REAL_PROXY_QUEUE_SIZE_MAX = 8 * 1024 * 1024, /* of one half; above it nothing is read */
    REAL_PROXY_PAIRS_MAX = 8192,                 /* connections; further ones are closed */
};

/* What happens to the frames of one directed link. All zero: they pass. */
struct real_rule {
    enum scenario_class blocked; /* by PARTITION, ONE_WAY, FLAP or HANG nothing passes; NONE */
    unsigned loss_percent, repeat_percent, reorder_percent, corrupt_percent;
    uint64_t delay_ms;  /* mean */
    uint64_t repeat_ms; /* up to so much later */
    uint64_t rate;      /* bytes a second; 0: all */
    uint64_t fragment;  /* pieces of at most so many bytes; 0: whole */
};

struct real_proxy;

/* Starts the thread. False: `message`. */
bool real_proxy_new(uint64_t seed, struct real_proxy **proxy, char message[REAL_MESSAGE_SIZE_MAX]);
/* Closes all connections and ends the thread. NULL is allowed. */
void real_proxy_free(struct real_proxy *proxy);
/* Random decisions from here on. */
void real_proxy_seed(struct real_proxy *proxy, uint64_t seed);
/* Node `index` is known by the address `advertised` (HOST:PORT). Connections that are made on its behalf come from the
 * address `source` (NULL: whatever the system takes). Nothing listens yet. False: `message`. */
bool real_proxy_node(struct real_proxy *proxy, size_t index, const char *advertised,
                     const char *source, char message[REAL_MESSAGE_SIZE_MAX]);
/* The node is up: listens for it, and dials it at `gossip` (HOST:PORT). False: `message`. */
bool real_proxy_up(struct real_proxy *proxy, size_t index, const char *gossip,
                   char message[REAL_MESSAGE_SIZE_MAX]);
/* The node is down: dials are refused from here on, as its own port would. */
void real_proxy_down(struct real_proxy *proxy, size_t index);
/* The rules of all links: that of (from, to) is rules[from * REAL_PROXY_NODES_MAX + to]. Copied. */
void real_proxy_rules(struct real_proxy *proxy, const struct real_rule *rules);
/* Ends the open connections between the marked pairs (pairs[a * REAL_PROXY_NODES_MAX + b], either order) in the middle of a
 * frame. Copied. */
void real_proxy_reset(struct real_proxy *proxy, const bool *pairs);
/* Puts these bytes, a frame or what looks like one, into one connection to node `to`, as if the member at its other end had
 * sent them. False: there is no connection whose hello has passed. */
bool real_proxy_inject(struct real_proxy *proxy, size_t to, const uint8_t *bytes,
                       size_t size_bytes);
struct real_traffic real_proxy_traffic(const struct real_proxy *proxy);
/* How often a half was blocked while it had something to pass on, or throttled, by the class that did it. */
uint64_t real_proxy_stalled(const struct real_proxy *proxy, enum scenario_class class);
/* Connections that are open now. */
size_t real_proxy_pairs(const struct real_proxy *proxy);

/* --- real_frames.c: as much of the protocol as a proxy needs ------------------------------------------------------ */

/* The advertised address in a hello (the frame without its length). False: it is none. */
bool real_frame_hello_address(const uint8_t *bytes, size_t size_bytes,
                              char address[REAL_ADDRESS_SIZE_MAX]);
/* The length of the frame that begins here, the 4 bytes of its length included; 0: not known yet. */
uint64_t real_frame_size(const uint8_t *bytes, size_t size_bytes);
/* Makes bytes of the same length that no receiver takes for a message. */
void real_frame_spoil(uint8_t *frame, size_t size_bytes);
/* HOST:PORT with a numeric IPv4 host. */
struct sockaddr_in;
bool real_address_parse(const char *text, struct sockaddr_in *address);

#endif
