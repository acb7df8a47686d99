/* gossip.h - the protocol engine: events in, actions out. No socket, clock, file or thread.
 *
 *        struct gossip_event                                   struct gossip_update
 *   start, tick, connected, message,      +--------------+     store these batches     (then `stored` comes back)
 *   disconnected, stored, reopened, ----> | gossip_step  | --> dial, establish, close  (connections)
 *   operation, stop                       +--------------+     send these frames
 *                                          gossip_deadline     reply to these callers, note these notices
 *
 * The driver's contract:
 * 1. It calls gossip_step() for each event, from one thread, never from within a step, with `now_ms` that never falls.
 * 2. It performs an update before the next step: what is to be stored is handed to the store, connection actions and
 *    sends are done in the order of their arrays (connection actions other than CLOSE first, then sends, then CLOSE).
 *    What depends on a store is not in the same update: the engine holds it until `stored` (store before send, G11).
 * 3. It calls gossip_step() with GOSSIP_TICK no later than gossip_deadline().
 * 4. Frames may be lost, delayed, repeated, reordered; the engine does not care. A frame is a 4-byte big-endian length
 *    and that many bytes; sends hold whole frames, GOSSIP_MESSAGE has the bytes without the length (frame.h cuts them).
 *
 * Ownership: an event's memory is borrowed for the call. An update's memory is the engine's and valid until the next
 * step. Nothing changes owner across the border. The same events give the same bytes: no order by pointer, no floats.
 *
 * Sources: membership: Das et al., "SWIM" (DSN '02) with Lifeguard's refutation; anti-entropy: Demers et al.,
 * "Epidemic Algorithms for Replicated Database Maintenance" (PODC '87). docs/PROTOCOL.md has each message.
 */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H

#include "catalog/stored.h"

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* code, number, short name as operators and HTTP clients see it, message. */
#define GOSSIP_ERRORS(X)                                                                           \
    X(GOSSIP_ENOMEM, -70, "out_of_memory", "out of memory")                                        \
    X(GOSSIP_EMALFORMED, -71, "malformed_message", "malformed message")                            \
    X(GOSSIP_ETOOBIG, -72, "too_big", "frame over the limit")                                      \
    X(GOSSIP_EJOINING, -73, "joining", "this node has not finished joining")                       \
    X(GOSSIP_EHEALING, -74, "healing", "this node is fetching entries that it lost")               \
    X(GOSSIP_ESTOREDOWN, -75, "store", "the store has failed and is not open again yet")           \
    X(GOSSIP_EBUSY, -76, "busy", "too much is in flight; try again")                               \
    X(GOSSIP_ENOMEMBER, -77, "no_such_member", "no member of this name")                           \
    X(GOSSIP_EUNREACHABLE, -78, "unreachable", "the member did not answer")                        \
    X(GOSSIP_EREMOVED, -79, "removed", "this node was removed from the cluster")                   \
    X(GOSSIP_ESTOPPING, -80, "stopping", "this node is stopping")                                  \
    X(GOSSIP_ESELF, -81, "self", "a node cannot do this to itself")                                \
    X(GOSSIP_ECLOCKAHEAD, -82, "clock", "this node's clock is ahead of the majority of its peers") \
    X(GOSSIP_EFATAL, -83, "fatal", "memory and disk differ; the process must start again")         \
    X(GOSSIP_EADDRESS, -84, "address", "malformed address")                                        \
    X(GOSSIP_ELISTEN, -85, "listen", "cannot listen on the address")                               \
    X(GOSSIP_ESTARTED, -86, "started", "the service runs already")                                 \
    X(GOSSIP_EDIRECTORY, -87, "data_dir", "cannot use the data directory")                         \
    X(GOSSIP_ESTALE, -88, "stale", "this node has been cut off for longer than allowed")           \
    X(GOSSIP_EDUPLICATE, -89, "duplicate_id", "another live process has this node's id")           \
    X(GOSSIP_ENOTAGREED, -90, "not_agreed", "not all members have confirmed in time")              \
    X(GOSSIP_ENAMESAKE, -91, "namesake",                                                           \
      "a member of this name was removed already; to remove the one that lives now, say its id")

enum gossip_error {
#define X(code, number, name, message) code = (number),
    GOSSIP_ERRORS(X)
#undef X
};

/* The short name and the message of a code of this folder or of those below; NULL if there is none. */
const char *gossip_error_name(int code);
const char *gossip_error_message(int code);

/* --- instants and spans ------------------------------------------------------------------------------------------ */

typedef uint64_t gossip_time_ms;     /* an instant on the monotonic clock */
typedef uint64_t gossip_duration_ms; /* a span */
#define GOSSIP_NEVER UINT64_MAX

/* --- configuration ----------------------------------------------------------------------------------------------- */

enum { GOSSIP_SEEDS_MAX = 64 };

struct gossip_config {
    const struct merkle_allocator *allocator; /* safe from every thread that releases entries */
    const char *cluster_name;                 /* copied */
    const char *node_name;                    /* copied */
    const char *address;                      /* HOST:PORT that peers dial; copied */
    const char *const *seeds;                 /* HOST:PORT each; copied */
    size_t seed_count;
    gossip_duration_ms interval_ms;        /* of the timer exchange; 1000 */
    gossip_duration_ms freshness_limit_ms; /* DESIGN 7.6; 5000 */
    uint64_t random_seed;                  /* of the engine's generator */
    struct catalog_id origin;              /* drawn for this start */
    struct catalog_id fresh_node_id;       /* used if the store is fresh */
    struct catalog_id fresh_cluster_id;    /* used if this node founds a cluster */
    /* test builds: drop every push before it is sent, so that the timer exchange alone must heal */
    bool pushes_lost;
};

/* --- events ------------------------------------------------------------------------------------------------------ */

/* A connection's number. The engine draws those that it dials (GOSSIP_CONNECTION_DIALED set), the driver those that it
 * accepts (not set); a number is not used again while its connection is known to either. */
#define GOSSIP_CONNECTION_DIALED UINT32_C(0x80000000)

enum gossip_event_type {
    GOSSIP_START = 1,
    GOSSIP_TICK = 2,
    GOSSIP_CONNECTED = 3, /* a dial succeeded or a connection was accepted */
    /* a dial failed or a connection ended; not sent for what the engine closed itself */
    GOSSIP_DISCONNECTED = 4,
    GOSSIP_MESSAGE = 5,
    GOSSIP_STORED = 6,
    GOSSIP_REOPENED = 7,
    GOSSIP_OPERATION = 8,
    GOSSIP_STOP = 9, /* say good-bye to the peers; writes are refused from here on */
    GOSSIP_KEPT =
        10, /* what update.kept had last is in a file, synced; without it, it is told again each interval */
};

enum gossip_operation_type {
    GOSSIP_WRITE = 1,
    GOSSIP_SYNC = 2, /* exchange now with one member or with all */
    GOSSIP_DIFF = 3, /* what differs between here and one member; changes nothing */
    /* for good. `member` is a name or an id (32 hex digits). Of two of one name that which is dead or has left is meant;
     * GOSSIP_ENAMESAKE: one of this name was removed before, and the other lives, so that its id must be said (who asks
     * twice removes one). GOSSIP_ESELF, GOSSIP_ENOMEMBER; GOSSIP_EJOINING, GOSSIP_EREMOVED: who is no member removes
     * none, so one that is ready is asked. GOSSIP_EBUSY, CATALOG_EFULL, CATALOG_EIO: it stands and is told to the others,
     * and goes to disk here once the store takes it; asked again it is answered when it is stored, or GOSSIP_ENOMEMBER */
    GOSSIP_MEMBER_REMOVE = 4,
    /* waits until all required members have what is stored here now (DESIGN 7.5): one entry, or, with key.kind 0, the
     * whole catalog. CATALOG_ENOTFOUND: no such entry; GOSSIP_EJOINING; GOSSIP_ENOTAGREED at the deadline */
    GOSSIP_AGREEMENT = 5,
    /* a staged change (DESIGN 7.6) of the one entry of `writes`, all its steps, or its abort. Refused as a write is;
     * CATALOG_ESTATE: another change of it is pending; GOSSIP_ENOTAGREED: the deadline passed, what stands is in the reply;
     * GOSSIP_EUNREACHABLE: it belongs to a member that does not answer */
    GOSSIP_STAGED = 6,
};

enum gossip_staged {
    GOSSIP_STAGED_SET = 1,   /* pending_add, then active */
    GOSSIP_STAGED_DROP = 2,  /* pending_drop, then dropped */
    GOSSIP_STAGED_ABORT = 3, /* back to what was before */
};

struct gossip_operation {
    enum gossip_operation_type type;
    uint64_t token; /* the caller's; comes back in the one reply */
    /* GOSSIP_WRITE: a batch, all or none */
    const struct catalog_write *writes;
    size_t write_count;
    bool dry_run;
    /* GOSSIP_SYNC (empty: all), GOSSIP_DIFF, GOSSIP_MEMBER_REMOVE */
    struct catalog_text member;
    /* AGREEMENT */
    struct catalog_key key;
    enum gossip_staged staged; /* STAGED */
    /* AGREEMENT, STAGED: members that are dead or have left are not waited for, if a majority of all has confirmed */
    bool skip_dead;
    /* SYNC, DIFF: answered by then; 0 means 5 s. AGREEMENT: 0 answers from what is known now. STAGED: of the whole, 0 as
     * with AGREEMENT */
    gossip_duration_ms timeout_ms;
};

struct gossip_event {
    enum gossip_event_type type;
    gossip_time_ms now_ms;
    uint64_t wall_ms; /* milliseconds since 1970; may jump */
    union {
        uint32_t connection; /* CONNECTED, DISCONNECTED */
        struct {
            uint32_t connection;
            const uint8_t *bytes;
            size_t size_bytes;
        } message;
        struct {
            uint64_t ticket;
            int result; /* 0, CATALOG_EFULL, CATALOG_EIO */
        } stored;
        const struct catalog_load *reopened; /* the store works again and holds this */
        const struct gossip_operation *operation;
    };
};

/* --- updates ----------------------------------------------------------------------------------------------------- */

enum gossip_close_reason {
    GOSSIP_CLOSE_NONE = 0,
    GOSSIP_CLOSE_IDLE = 1,            /* above the limit of connections, or not used */
    GOSSIP_CLOSE_DUPLICATE = 2,       /* the other of two connections between one pair stays */
    GOSSIP_CLOSE_SELF = 3,            /* dialled itself */
    GOSSIP_CLOSE_MALFORMED = 4,       /* bytes that are no message */
    GOSSIP_CLOSE_HELLO_TIMEOUT = 5,   /* no hello by the deadline */
    GOSSIP_CLOSE_PROTOCOL = 6,        /* no common protocol version, or other digest format */
    GOSSIP_CLOSE_CLUSTER_NAME = 7,    /* another cluster */
    GOSSIP_CLOSE_CLUSTER_ID = 8,      /* another cluster of the same name */
    GOSSIP_CLOSE_DUPLICATE_ID = 9,    /* this id is live elsewhere */
    GOSSIP_CLOSE_DUPLICATE_NAME = 10, /* this name is a live member's */
    GOSSIP_CLOSE_REMOVED = 11,        /* removed members are not taken back */
    GOSSIP_CLOSE_STOPPING = 12,
    GOSSIP_CLOSE_UNEXPECTED = 13, /* a message that the state of the session does not allow */
    GOSSIP_CLOSE_LIMIT = 14,      /* a bound of bounds.h */
    GOSSIP_CLOSE_DEADLINE = 15,   /* driver: a frame did not come or go in time */
    GOSSIP_CLOSE_TOO_BIG = 16,    /* driver: a frame over the limit */
    GOSSIP_CLOSE_REASON_COUNT = 17,
};
/* "duplicate_id"; label of a metric */
const char *gossip_close_reason_name(enum gossip_close_reason reason);

enum gossip_connection_action {
    GOSSIP_DIAL = 1,
    GOSSIP_ESTABLISHED = 2, /* hello was exchanged: the driver lifts its limits for strangers */
    GOSSIP_CLOSE = 3,       /* after what was sent on it has gone out, within a second */
};

struct gossip_connection_update {
    enum gossip_connection_action action;
    uint32_t connection;
    const char *address;             /* DIAL */
    enum gossip_close_reason reason; /* CLOSE */
};

/* Where the bytes of a frame are counted (attune_exchange_bytes_total{phase}). */
enum gossip_phase {
    GOSSIP_PHASE_HELLO = 0,
    GOSSIP_PHASE_DIGEST = 1,
    GOSSIP_PHASE_WALK = 2,
    GOSSIP_PHASE_ENTRIES = 3,
    GOSSIP_PHASE_PUSH = 4,
    GOSSIP_PHASE_MEMBERS = 5,
    GOSSIP_PHASE_AGREEMENT = 6,
    GOSSIP_PHASE_COUNT = 7,
};
const char *gossip_phase_name(enum gossip_phase phase);

struct gossip_send {
    uint32_t connection;
    const uint8_t *frame; /* with its length */
    size_t size_bytes;
};

/* One difference that GOSSIP_DIFF found. Entries are borrowed from the reply. */
struct gossip_difference {
    enum catalog_relation relation; /* a = here, b = there */
    struct catalog_entry *here;     /* NULL if absent */
    struct catalog_entry *there;
};

enum gossip_sync_result { GOSSIP_SYNC_EQUAL = 1, GOSSIP_SYNC_REPAIRED = 2, GOSSIP_SYNC_FAILED = 3 };
struct gossip_sync_member {
    const char *name;
    enum gossip_sync_result result;
};

enum gossip_agreement_state {
    GOSSIP_AGREED = 1,      /* has it, or what superseded it, on disk */
    GOSSIP_LAGGING = 2,     /* answers, and has not */
    GOSSIP_UNREACHABLE = 3, /* does not answer */
    GOSSIP_NOT_ASKED = 4,   /* not known: a timeout of 0, or too short a time to answer */
};
const char *
gossip_agreement_state_name(enum gossip_agreement_state state); /* "agreed" ... "unknown" */

struct gossip_agreement_member {
    const char *name;
    enum gossip_agreement_state state;
    gossip_duration_ms
        since_ms; /* how long ago it confirmed, was asked first, was last heard; GOSSIP_NEVER: never heard */
};

struct gossip_reply {
    uint64_t token;
    /* 0 or an error of this folder or of catalog/; with `plan` problems: the first problem's code */
    int code;
    const struct catalog_plan *plan; /* WRITE that was planned: outcomes (stored), or problems */
    const struct gossip_difference *differences; /* DIFF */
    size_t difference_count;
    bool differences_cut;                    /* more than bounds.h keeps */
    const struct gossip_sync_member *synced; /* SYNC */
    size_t synced_count;
    /* AGREEMENT, STAGED: this node first, the others by name; also with GOSSIP_ENOTAGREED */
    const struct gossip_agreement_member *agreement;
    size_t agreement_count;
    /* STAGED: the entry as it stands here now, held until the next step; NULL if absent */
    struct catalog_entry *staged_entry;
    const char *text; /* one sentence beside the code, for the caller; NULL */
};

enum gossip_notice_type {
    GOSSIP_NOTICE_MEMBER = 1,   /* a member changed state: `member`, `text` */
    GOSSIP_NOTICE_READY = 2,    /* this node became ready */
    GOSSIP_NOTICE_REFUSED = 3,  /* a peer was refused or refused us: `text`, `reason` */
    GOSSIP_NOTICE_STORE = 4,    /* the store failed or works again */
    GOSSIP_NOTICE_REPAIRED = 5, /* an exchange moved entries */
    GOSSIP_NOTICE_FUTILE = 6,   /* must never happen */
    GOSSIP_NOTICE_CLOCK = 7,    /* skew over a minute */
    GOSSIP_NOTICE_CHANGED = 8,  /* `entry` became stored */
    GOSSIP_NOTICE_CLUSTER = 9,  /* founded, joined, left for another */
    GOSSIP_NOTICE_EMPTIED = 10, /* all that was stored here is forgotten: the node begins anew */
    GOSSIP_NOTICE_KEPT = 11,    /* what this node alone had is in a file: `text` */
};
enum gossip_severity { GOSSIP_DEBUG = 1, GOSSIP_INFO = 2, GOSSIP_WARNING = 3, GOSSIP_ERROR = 4 };

struct gossip_notice {
    enum gossip_notice_type type;
    enum gossip_severity severity;
    const char *member; /* name or address; may be NULL */
    const char *text;   /* one sentence; may be NULL for CHANGED */
    enum gossip_close_reason reason;
    struct catalog_entry *entry; /* CHANGED; borrowed */
};

struct gossip_update {
    const struct catalog_batch *batches; /* to store, in order */
    size_t batch_count;
    const struct gossip_connection_update *connections;
    size_t connection_count;
    const struct gossip_send *sends;
    size_t send_count;
    const struct gossip_reply *replies;
    size_t reply_count;
    const struct gossip_notice *notices;
    size_t notice_count;
    /* What this node alone had when it took a new id (DESIGN 4.7): the driver writes it to a file that `import` takes, then
     * says GOSSIP_KEPT. Valid until then. */
    struct catalog_entry *const *kept;
    size_t kept_count;
    bool stopped; /* after GOSSIP_STOP: nothing is in flight any more */
};

/* --- the engine -------------------------------------------------------------------------------------------------- */

struct gossip;

/* Makes an engine from what the store held. Entries of `load` are held; the load stays the caller's. GOSSIP_ENOMEM,
 * GOSSIP_EADDRESS (address or a seed). The first event must be GOSSIP_START. */
int gossip_new(const struct gossip_config *config, const struct catalog_load *load,
               struct gossip **engine);
void gossip_free(struct gossip *engine);

/* One step. 0, or an error at which the engine is finished: GOSSIP_ENOMEM (the step changed nothing that is on disk or
 * was promised; the driver may stop the process or go on), GOSSIP_EFATAL (stop the process; the disk is right).
 * Malformed and hostile messages are no errors: they are counted, and the connection is closed in the update. */
int gossip_step(struct gossip *engine, const struct gossip_event *event,
                const struct gossip_update **update);
/* When GOSSIP_TICK is due at the latest; GOSSIP_NEVER before GOSSIP_START. */
gossip_time_ms gossip_deadline(const struct gossip *engine);

/* The catalog: the engine's; the caller reads its stored layer. */
struct catalog *gossip_catalog(struct gossip *engine);

/* --- status ------------------------------------------------------------------------------------------------------ */

enum gossip_member_state {
    GOSSIP_MEMBER_JOINING = 1, /* known, not ready yet */
    GOSSIP_MEMBER_ALIVE = 2,
    GOSSIP_MEMBER_SUSPECT = 3,
    GOSSIP_MEMBER_DEAD = 4,
    GOSSIP_MEMBER_LEFT = 5,
    GOSSIP_MEMBER_REMOVED = 6,
    GOSSIP_MEMBER_STATE_COUNT = 7,
};
const char *gossip_member_state_name(enum gossip_member_state state);

enum gossip_truth { GOSSIP_UNKNOWN = -1, GOSSIP_NO = 0, GOSSIP_YES = 1 };

struct gossip_member_status {
    struct catalog_id id;
    const char *name;
    const char *address;
    uint64_t incarnation;
    enum gossip_member_state state;
    bool self;
    bool root_known;
    struct merkle_digest root;       /* the last that it sent */
    enum gossip_truth agrees;        /* with our root: unknown if we changed since it last said */
    gossip_duration_ms heard_age_ms; /* since its last message; GOSSIP_NEVER: never */
    /* since the request that last ended in equal roots or a finished walk */
    gossip_duration_ms agreed_age_ms;
    int64_t skew_ms;           /* its wall clock less ours, as of its last digest */
    gossip_duration_ms rtt_ms; /* smoothed; 0 until measured */
    uint32_t push_queue_count;
    catalog_clock seen; /* as it last said; 0: not heard since this node's start */
    bool doubled;       /* two live processes with its id have called here, and one was refused */
};

/* Fills up to `max` (this node first, the others by name); returns how many there are. Texts are valid until the next
 * step. Removed members are included. */
size_t gossip_members(struct gossip *engine, gossip_time_ms now_ms,
                      struct gossip_member_status *members, size_t max);

struct gossip_status {
    struct catalog_id node_id, origin, cluster_id;
    const char *node_name;
    const char *cluster_name;
    const char *address;
    bool ready;
    bool healing;
    bool removed;
    int store_error;   /* 0 while the store works; CATALOG_EFULL, CATALOG_EIO */
    bool clock_ahead;  /* refuses writes: GOSSIP_ECLOCKAHEAD */
    bool duplicate_id; /* another live process has this id */
    int write_refusal; /* what a write would be answered now: 0 or a code */
    struct merkle_digest root;
    struct catalog_counts counts;
    enum gossip_truth agreed;      /* all members (not removed, not this one) have our root */
    uint64_t agreed_since_wall_ms; /* 0: not agreed */
    uint64_t agreed_last_wall_ms;  /* when last agreed; 0: never since start */
    size_t distinct_roots;         /* among members with a known root, this one included */
    size_t disagreeing_count;
    int64_t agreement_age_ms; /* DESIGN 7.7; -1: unknown */
    catalog_clock high_water, seen, horizon;
    /* DESIGN 4.7: who holds the horizon back from `high_water`; NULL: nobody, or this node itself (`horizon_held_self`) */
    const char *horizon_holder;
    bool horizon_held_self;
    gossip_duration_ms
        horizon_age_ms; /* since when the horizon has been behind what was written; 0: it is not */
    uint64_t quarantined_count;
    size_t connection_count;
    size_t store_batches_in_flight;
};
/* Reads the engine at this instant. Texts are valid until the next step. */
struct gossip_status gossip_status(struct gossip *engine, gossip_time_ms now_ms, uint64_t wall_ms);

/* --- counters ---------------------------------------------------------------------------------------------------- */

enum gossip_exchange_result {
    GOSSIP_EXCHANGE_EQUAL = 0,    /* roots were equal at once */
    GOSSIP_EXCHANGE_REPAIRED = 1, /* a walk moved entries */
    GOSSIP_EXCHANGE_TIMEOUT = 2,
    GOSSIP_EXCHANGE_LOST = 3, /* the connection or the member went away */
    GOSSIP_EXCHANGE_FUTILE = 4,
    GOSSIP_EXCHANGE_UNFINISHED = 5, /* changed under way; goes on with the next one */
    GOSSIP_EXCHANGE_RESULT_COUNT = 6,
};
const char *gossip_exchange_result_name(enum gossip_exchange_result result);

enum gossip_push_result {
    GOSSIP_PUSH_ACKNOWLEDGED = 0,
    GOSSIP_PUSH_RETRIED = 1,
    GOSSIP_PUSH_DROPPED = 2, /* queue full or peer gone: left to the timer exchange */
    GOSSIP_PUSH_RESULT_COUNT = 3,
};
const char *gossip_push_result_name(enum gossip_push_result result);

enum gossip_cause {
    GOSSIP_CAUSE_MISSED_PUSH = 0,
    GOSSIP_CAUSE_LATE_JOIN = 1,
    GOSSIP_CAUSE_RESTART = 2,
    GOSSIP_CAUSE_CORRUPTION = 3,
    GOSSIP_CAUSE_CONFLICT = 4,
    GOSSIP_CAUSE_COUNT = 5,
};
const char *gossip_cause_name(enum gossip_cause cause);

enum gossip_rejection {
    GOSSIP_REJECT_FRAME = 0,        /* not canonical, too deep, counts over what is there */
    GOSSIP_REJECT_MESSAGE = 1,      /* canonical, but no message */
    GOSSIP_REJECT_ENTRY = 2,        /* an entry that does not decode */
    GOSSIP_REJECT_CLOCK = 3,        /* an entry with a clock past 2200 */
    GOSSIP_REJECT_WALK = 4,         /* a malformed walk request or answer */
    GOSSIP_REJECT_UNKNOWN_TYPE = 5, /* ignored */
    GOSSIP_REJECT_HORIZON =
        6, /* entries from a sender behind our horizon, or from one that heals (0036) */
    GOSSIP_REJECT_FORKED = 7, /* two contents under one (clock, origin) */
    GOSSIP_REJECT_MERGE = 8,  /* a merge over the size limit */
    GOSSIP_REJECT_COUNT = 9,
};
const char *gossip_rejection_name(enum gossip_rejection rejection);

enum { GOSSIP_PROPAGATION_BUCKETS = 12, GOSSIP_ROUND_TRIP_BUCKETS = 8 };
extern const uint32_t gossip_propagation_bounds_ms[GOSSIP_PROPAGATION_BUCKETS];
extern const uint32_t gossip_round_trip_bounds[GOSSIP_ROUND_TRIP_BUCKETS];

/* All rise from 0 at the start. */
struct gossip_counters {
    uint64_t exchanges[GOSSIP_EXCHANGE_RESULT_COUNT];
    uint64_t exchanges_started;
    uint64_t exchange_bytes[2][GOSSIP_PHASE_COUNT]; /* [0] received, [1] sent; whole frames */
    uint64_t round_trips_count, round_trips_sum, round_trips_buckets[GOSSIP_ROUND_TRIP_BUCKETS];
    uint64_t entries_received, entries_sent; /* in walks and pushes */
    uint64_t entries_repaired[GOSSIP_CAUSE_COUNT];
    uint64_t pushes[GOSSIP_PUSH_RESULT_COUNT];
    uint64_t propagation_count, propagation_sum_ms, propagation_buckets[GOSSIP_PROPAGATION_BUCKETS];
    uint64_t rejected[GOSSIP_REJECT_COUNT];
    uint64_t closed[GOSSIP_CLOSE_REASON_COUNT];     /* by us */
    uint64_t refused_by[GOSSIP_CLOSE_REASON_COUNT]; /* what peers refused us for */
    uint64_t writes, writes_refused;
    uint64_t batches_stored, batches_failed;
    uint64_t messages_received, messages_sent;
    uint64_t skew_alarms;       /* a peer was first seen over a minute off */
    uint64_t clock_skew_ms_max; /* at present, over members: the largest absolute value */
};
const struct gossip_counters *gossip_counters(const struct gossip *engine);

/* Asserts the invariants that hold between steps (for the simulator and tests): bounds, session table, pending layer. */
void gossip_verify(struct gossip *engine);

#endif
