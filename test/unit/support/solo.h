/* solo.h - one engine, and a test that plays everybody else: its disk, its peers, its clients, its clock.
 *
 * Every event is made by hand, and nothing answers by itself, so that a test can say what happens between two answers:
 *
 *   solo_peer(1) --> a member "p1" with an established session; solo_receive(1, message) comes from it
 *   batches stay in flight until solo_store(); frames, replies and notices are kept until solo_clear()
 *
 * What goes wrong in the harness itself, its memory included, ends the test by assert().
 */
#ifndef TEST_UNIT_SUPPORT_SOLO_H
#define TEST_UNIT_SUPPORT_SOLO_H

#include "gossip/engine.h"
#include "test/unit/support/pair_disk.h"

enum { SOLO_FRAMES_MAX = 8192, SOLO_REPLIES_MAX = 8192, SOLO_PEERS_MAX = 64 };
#define SOLO_WALL_MS UINT64_C(1700000000000)

struct solo_frame {
    uint32_t connection;
    uint8_t *bytes; /* without the length */
    size_t size_bytes;
};

struct solo {
    struct gossip *engine;
    gossip_time_ms now_ms;
    gossip_duration_ms wall_late_ms;    /* how far the wall clock was set back */
    int result;                         /* of the last step */
    const struct gossip_update *update; /* of the last step */
    uint64_t ticket_oldest, ticket_last;
    struct pair_disk disk;
    struct gossip_reply replies[SOLO_REPLIES_MAX]; /* pointers in them are stale after a step */
    size_t reply_count;
    struct solo_frame frames[SOLO_FRAMES_MAX];
    size_t frame_count;
    size_t notices[16]; /* by type */
    uint32_t closed[SOLO_FRAMES_MAX];
    enum gossip_close_reason reasons[SOLO_FRAMES_MAX];
    size_t closed_count;
    struct gossip__message decoded; /* of solo_sent_last */
};

/* A node "solo" that has founded its cluster, with nothing in flight. */
struct solo *solo_new(void);
/* The same with another allocator; the engine stays NULL if gossip_new fails, and nothing is asserted of memory. */
struct solo *solo_new_with(const struct merkle_allocator *allocator);
void solo_free(struct solo *solo);

/* One step now. */
void solo_step(struct solo *solo, struct gossip_event event);
/* The clock goes on, with a tick at each deadline. */
void solo_run(struct solo *solo, gossip_duration_ms span_ms);
void solo_clear(struct solo *solo);

/* The oldest batch in flight comes back with this result; stored ones are on `disk`. */
void solo_store(struct solo *solo, int result);
void solo_store_all(struct solo *solo);
size_t solo_flying(const struct solo *solo);

/* --- peers: numbers from 1, which are also their connections --- */

void solo_connect(struct solo *solo, unsigned peer);
/* Connects, says hello as a ready member of the cluster; what that stores is stored. */
struct gossip__member *solo_peer(struct solo *solo, unsigned peer);
struct catalog_id solo_peer_id(unsigned peer);
void solo_receive(struct solo *solo, unsigned peer, const struct gossip__message *message);
void solo_receive_bytes(struct solo *solo, unsigned peer, const void *bytes, size_t size_bytes);
/* How many frames of this type went to the peer since solo_clear; the last of them, valid until the next call. */
size_t solo_sent(const struct solo *solo, unsigned peer, enum gossip__message_type type);
const struct gossip__message *solo_sent_last(struct solo *solo, unsigned peer,
                                             enum gossip__message_type type);
/* Why the engine closed the peer's connection; GOSSIP_CLOSE_NONE: it did not. */
enum gossip_close_reason solo_closed(const struct solo *solo, unsigned peer);

/* Fills a digest of a peer that has what this node has. */
void solo_digest(struct solo *solo, struct gossip__message *message, uint32_t exchange);
/* The peer answers our last DIGEST with roots that are equal. */
void solo_answer_equal(struct solo *solo, unsigned peer);

/* --- clients --- */

/* Sets a schema of one field of this name; returns the reply's code so far, or 1 if none has come. */
int solo_write(struct solo *solo, uint64_t token, const char *entity, const char *field);
/* SYNC ("": with all), DIFF, MEMBER_REMOVE; returns the same. `timeout_ms` 0: the default. */
int solo_ask(struct solo *solo, uint64_t token, enum gossip_operation_type type, const char *member,
             gossip_duration_ms timeout_ms);
/* The code of the last reply to this token; 1: none yet. */
int solo_reply(const struct solo *solo, uint64_t token);
size_t solo_reply_count(const struct solo *solo, uint64_t token);

/* --- entries, as peers have them --- */

/* The bytes of an entry: a schema, or another kind with a body of any size. */
void solo_entry(struct merkle_buffer *bytes, const char *entity, catalog_clock clock,
                uint8_t origin, size_t body_size_bytes);
catalog_clock solo_clock(unsigned count); /* a clock of today */
struct catalog_entry *solo_find(struct solo *solo, const char *entity);
enum { SOLO_KIND = 9 }; /* of solo_entry */

#endif
