/* walking.h - runs a whole walk between two trees in one process, as the engine does over the network: several requests
 * under way, answered and received in any order, answers cut short, memory that ends.
 */
#ifndef TEST_UNIT_SUPPORT_WALKING_H
#define TEST_UNIT_SUPPORT_WALKING_H

#include "test/unit/support/items.h"

enum { WALKING_IN_FLIGHT_MAX = 16 };

struct walking {
    /* what the test sets */
    const struct merkle_allocator *allocator; /* of the initiator and of both sides' buffers */
    struct merkle_tree *ours, *theirs;
    uint64_t salt;
    uint64_t random;
    size_t nodes_max;                        /* of a request */
    size_t answer_size_max;                  /* of an answer */
    size_t in_flight_max;                    /* requests under way: up to WALKING_IN_FLIGHT_MAX */
    void (*change)(struct walking *walking); /* called before each step, or NULL */
    void *context;

    /* what comes out: items, by slot and digest */
    struct items wanted; /* theirs, by fingerprint and by range */
    struct items had;    /* ours */
    size_t requests, request_bytes, answer_bytes;
    size_t frontier_max;
    size_t out_of_memory; /* steps that failed for memory, and were repeated */
    size_t lost_wants;    /* fingerprints that were not found */
};

/* Aborts the test if a step fails but for memory. Steps that ran out of memory are repeated. */
void walking_run(struct walking *walking);
void walking_close(struct walking *walking); /* the lists */

/* Runs a walk over trees of both sets, and asserts that it finds exactly the set differences. */
void walking_check(struct walking *walking, const struct items *ours, const struct items *theirs);

#endif
