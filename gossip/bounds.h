/* bounds.h - every limit of the engine and its driver, and what happens at it (G8).
 *
 * A queue, batch, fan-out or loop that has no limit here is a defect.
 */
#ifndef GOSSIP_BOUNDS_H
#define GOSSIP_BOUNDS_H

#include "catalog/catalog.h"

#include <assert.h>

enum {
    /* --- frames */
    GOSSIP__FRAME_SIZE_MAX = 4 * 1024 * 1024, /* a longer one closes the connection */
    /* a message with entries ends after the entry that reaches this */
    GOSSIP__ENTRIES_SIZE_SOFT = 256 * 1024,
    /* the answer stops there; the rest is asked again */
    GOSSIP__WALK_ANSWER_SIZE_MAX = 1024 * 1024,

    /* --- members */
    GOSSIP__MEMBERS_MAX = 4096,      /* further ids are not taken (counted as limit) */
    GOSSIP__UPDATES_PER_MESSAGE = 8, /* member updates that ride on a message */
    GOSSIP__PROBE_HELPERS = 3,       /* k of SWIM */
    GOSSIP__PROBE_RELAYS_MAX = 64,   /* probes for others under way; a further one is not done */
    /* remembered, so that none is noticed twice a minute; the oldest is forgotten */
    GOSSIP__REFUSALS_MAX = 64,
    GOSSIP__SEEDS_PER_INTERVAL = 3, /* dialled while there is nobody else, round robin */

    /* --- sessions */
    GOSSIP__SESSIONS_ESTABLISHED_MAX = 128, /* the idlest above it is closed */
    /* with those that have not said hello; further ones are closed */
    GOSSIP__SESSIONS_MAX = 512,

    /* --- exchanges */
    /* under way at once, one a member; further ones wait for the next interval */
    GOSSIP__EXCHANGES_MAX = 8,
    GOSSIP__REQUESTS_IN_FLIGHT = 16, /* of one exchange */
    /* the first and three repeats, then the exchange times out */
    GOSSIP__REQUEST_TRIES = 4,
    GOSSIP__WALK_NODES_PER_REQUEST = 1024,
    GOSSIP__PULL_WANTS_PER_REQUEST = 512,
    /* at items, to find the wants of one request; the rest is answered as missing. A path of an honest one has 32 */
    GOSSIP__PULL_LOOKS_MAX = 512 * 512,
    GOSSIP__WANTS_MAX = 65536, /* found and not yet asked for: the walk waits above it */
    /* walked again with another salt at once; then at the next interval */
    GOSSIP__WALKS_PER_EXCHANGE = 4,
    /* pulled and not yet on disk: no further pull above it */
    GOSSIP__UNSTORED_SIZE_MAX = 16 * 1024 * 1024,
    GOSSIP__DIFFERENCES_MAX = 10000, /* of a diff; `differences_cut` above */

    /* members asked beside the interval's, while this node's copy is older than half of the limit */
    GOSSIP__FRESHENED_PER_INTERVAL = 16,
    GOSSIP__RECHECKS_PER_INTERVAL =
        4, /* members asked beside the interval's, while it is not known that all agree */

    /* --- the horizon */
    /* entries that a raise changes in one batch; the rest in the steps that follow */
    GOSSIP__PRUNED_PER_BATCH = 2048,
    /* a node raises by itself once in so many intervals: a raise changes every root */
    GOSSIP__HORIZON_INTERVALS = 8,
    /* digests of one exchange because of a raise; then it is left to the next interval */
    GOSSIP__COMPARISONS_PER_EXCHANGE = 4,

    /* --- pushes */
    /* above: ceil(log2 n) + 2 random ones, which pass on what was new */
    GOSSIP__PUSH_ALL_MEMBERS_MAX = 32,
    /* keys waiting for one member; a further one is left to the timer exchange */
    GOSSIP__PUSH_QUEUE_MAX = 4096,
    GOSSIP__PUSHES_IN_FLIGHT = 4,   /* messages to one member that are not acknowledged */
    GOSSIP__PUSH_TRIES = 6,         /* of one message, with doubling waits */
    GOSSIP__PUSH_ENTRIES_MAX = 512, /* of one message */
    /* of one session, taken and not on disk yet; further ones are not taken, and sent again */
    GOSSIP__PUSHES_UNSTORED_MAX = 32,

    /* --- agreement and staged changes */
    GOSSIP__AGREEMENTS_MAX = 512, /* waiting at once; further ones get 503 busy */
    /* versions of one entry that are asked for; with more it must be resolved first (409 too_many_versions) */
    GOSSIP__CONFIRM_PAIRS_MAX = 256,
    /* questions of one session that wait for our disk; a further one is answered with what is on it now */
    GOSSIP__CONFIRMS_UNSTORED_MAX = 64,
    GOSSIP__STAGED_MAX = 64, /* changes under way here at once; further ones get 503 busy */
    /* forwarded changes that are under way here or were answered lately; of the latter the oldest is forgotten, a further
     * one of the former is answered busy */
    GOSSIP__FORWARDS_MAX = 64,
    GOSSIP__FORWARD_TEXT_SIZE_MAX = 480, /* of the sentence in an answer */
    GOSSIP__FORWARD_CODE_MAX = 1000, /* of the error's number in it; a larger one is malformed */

    /* --- store and operations */
    /* above: writes get 503 busy, received entries are left for later */
    GOSSIP__BATCHES_IN_FLIGHT = 1024,
    GOSSIP__OPERATIONS_MAX = 4096, /* waiting at once; further ones get 503 busy */
};

/* Times in milliseconds. */
enum {
    GOSSIP__HELLO_TIMEOUT_MS = 5000,
    GOSSIP__REQUEST_TIMEOUT_MS_MIN = 50, /* repeated after 4 RTT, at least this */
    GOSSIP__REQUEST_TIMEOUT_MS_MAX = 5000,
    GOSSIP__EXCHANGE_SILENCE_MS_MAX = 30000, /* no progress in this time ends an exchange */
    GOSSIP__TURN_MS =
        1000, /* a newcomer fetches from one member at a time, unless that one is silent for so long */
    GOSSIP__CONNECT_TIMEOUT_MS = 2000,
    GOSSIP__PUSH_WAIT_MS_MAX =
        5000, /* keys that do not move on; then they are left to the timer exchange */
    GOSSIP__JOIN_INTERVALS = 10, /* newcomers that reach only each other */
    GOSSIP__SKEW_ALARM_MS = 60000,
    /* no timer exchange with a member that refused entries; it may begin one itself */
    GOSSIP__REFUSED_INTERVALS = 4,
    /* doubling from one interval; a member whose turn it is, alive or dead, is dialled all the same */
    GOSSIP__DIAL_BACKOFF_MS_MAX = 60000,
    GOSSIP__REFUSAL_NOTICE_MS = 60000,
    /* who has not confirmed is asked again after this, doubling up to the interval */
    GOSSIP__ASK_AGAIN_MS_MIN = 50,
    GOSSIP__ASK_LAGGING_MS_MIN = 5, /* the same of who has answered that it lacks it */
    GOSSIP__FORWARD_MS_MIN = 1000,  /* for the answer of a forwarded change that is not to wait */
    /* the alarm of a doubled id ends when nobody has said it for so long */
    GOSSIP__DUPLICATE_ALARM_INTERVALS = 10,
    GOSSIP__PLANTED_AGE_MS = 20000, /* B05: tombstones of this age are removed */
};

/* A message with entries never passes the frame limit: it ends after the entry that reaches the soft size. */
static_assert((int)GOSSIP__ENTRIES_SIZE_SOFT < (int)GOSSIP__FRAME_SIZE_MAX,
              "soft size within a frame");
/* A peer that keeps to the rules never meets the bound of the unstored, however often it repeats itself. */
static_assert((int)GOSSIP__PUSHES_IN_FLIGHT * (int)GOSSIP__PUSH_TRIES <=
                  (int)GOSSIP__PUSHES_UNSTORED_MAX,
              "repeats of all pushes in flight fit");
static_assert((int)CATALOG_ENTRY_SIZE_MAX < (int)GOSSIP__FRAME_SIZE_MAX, "an entry fits a frame");

#endif
