/* engine.h - the inside of the engine, shared by the files of gossip/ (private).
 *
 * The engine is one structure and many small files. A step (engine.c) hands the event to one file; whatever that file
 * wants done it says through update.c (send, dial, close, reply, notice) and flight.c (store). What has to wait for the
 * disk is left as a waiter of the ticket and goes on when `stored` comes back:
 *
 *   event --> engine.c --> session.c     connections: dial, hello, close          recv_hello.c recv_refuse.c
 *                      --> member.c      the table; swim.c probes; join.c admits   recv_members.c recv_admit.c recv_p*.c
 *                      --> exchange.c    timer exchange, walk, pull, verify        recv_digest*.c recv_walk*.c recv_entries.c
 *                      --> answer side                                             recv_digest.c recv_walk.c recv_pull*.c
 *                      --> push.c        committed writes to the others            recv_push.c recv_push_ack.c
 *                      --> horizon.c     what all have seen is forgotten; lineage.c: who must begin anew
 *                      --> agreement.c   waiting until all have something          recv_confirm*.c
 *                      --> staged.c      changes in steps; forward.c: passed on    recv_forward*.c
 *                      --> seen.c        what may be concluded; freshness.c: how old this copy may be
 *                      --> healing.c     a store that has lost rows
 *                      --> operation.c   local callers
 *                      --> flight.c      batches on their way to the disk, and who waits for them
 */
#ifndef GOSSIP_ENGINE_H
#define GOSSIP_ENGINE_H

#include "gossip/bounds.h"
#include "gossip/gossip.h"
#include "gossip/horizon_rule.h"
#include "gossip/message.h"
#include "merkle/instrument.h"

#include <assert.h>

struct gossip__member;
struct gossip__exchange;

/* Incarnations are stored as signed 64-bit numbers, and one above must be left to refute with. */
#define GOSSIP__INCARNATION_MAX ((UINT64_C(1) << 62) - 1)

/* --- sessions ---------------------------------------------------------------------------------------------------- */

/*            dial                connected               hello in
 *  (none) ---------> DIALING ----------------> HELLO -------------------> ESTABLISHED
 *    ^  accepted                                 ^  |                         |
 *    +-------------------------------------------+  +----- close, lost -------+----> (freed)
 *
 * HELLO: ours was sent, theirs has not come. Only HELLO and REFUSE may be received in it; HELLO never in ESTABLISHED. */
enum gossip__session_state {
    GOSSIP__SESSION_DIALING = 1,
    GOSSIP__SESSION_HELLO = 2,
    GOSSIP__SESSION_ESTABLISHED = 3,
};

struct gossip__session {
    uint32_t connection;
    enum gossip__session_state state;
    /* of DIALING and HELLO; ESTABLISHED: of the answer to a doubt, 0 if there is none */
    gossip_time_ms deadline_ms;
    gossip_time_ms established_ms;
    /* another process said hello under its id: this PING asks whether this one lives */
    uint64_t doubt_sequence;
    gossip_time_ms proved_ms; /* when it last answered such a doubt; 0: never */
    gossip_time_ms used_ms;   /* last message in or out: the idlest is closed first */
    /* ESTABLISHED: whose; DIALING: whom we mean to reach, NULL for a seed */
    struct gossip__member *member;
    struct catalog_id peer_id;      /* ESTABLISHED */
    struct catalog_id peer_origin;  /* ESTABLISHED */
    struct catalog_id peer_cluster; /* ESTABLISHED: as its hello said; none: it was in none */
    bool peer_ready;                /* its hello said so */
    bool admitted;                  /* the peer's row is stored here: its requests are answered */
    bool closing;                   /* CLOSE was said in this step; freed at its end */
    unsigned pushes_unstored;       /* taken from it and not acknowledged: they wait for the disk */
    unsigned confirms_unstored;     /* CONFIRMs of it that wait for the disk */
    char address[CATALOG_NAME_SIZE_MAX + 1]; /* dialled */
    struct gossip__session *next;
};

/* --- members ----------------------------------------------------------------------------------------------------- */

/* Keys that wait to be pushed to one member, as catalog handles; a key stands in it once. */
struct gossip__push_message {
    uint64_t sequence; /* 0: the slot is free */
    uint32_t *handles; /* in it */
    size_t handle_count;
    uint32_t exchange; /* 0, or whose haves these are */
    gossip_time_ms sent_ms;
    gossip_time_ms due_ms; /* to be sent again */
    catalog_clock horizon; /* that it was stamped with */
    bool refused; /* the member's horizon is higher: it goes again once ours has been raised */
    unsigned tries;
};
struct gossip__push_queue {
    uint32_t *handles; /* ring of capacity GOSSIP__PUSH_QUEUE_MAX, allocated at first use */
    size_t first, count;
    gossip_time_ms since_ms; /* since when the keys that wait have not moved on */
    uint64_t sequence_last;
    struct gossip__push_message in_flight[GOSSIP__PUSHES_IN_FLIGHT];
};

/* What the last digest of a member said that could stand for a confirmation (agreement_ask.c). */
struct gossip__told {
    bool known;                 /* it was ready and whole, and both member tables were equal */
    struct merkle_digest root;  /* its own */
    struct merkle_digest table; /* of our table then */
    struct catalog_id origin;   /* of its process */
    gossip_time_ms told_ms;
};

struct gossip__member {
    /* id, name, address, incarnation, ready; row.state is what is stored */
    struct catalog_member_row row;
    enum gossip_member_state state;  /* at present (suspect and dead are not stored) */
    bool row_stored;                 /* the row is on disk */
    uint64_t row_ticket;             /* the batch that bears it, while it is in flight; 0 */
    struct gossip__session *session; /* established; NULL */

    /* what it last said of its catalog */
    bool root_known;
    struct merkle_digest root;
    gossip_time_ms root_ms; /* when it came */
    uint64_t changes;       /* its change counter then */
    catalog_clock clock, horizon;
    catalog_clock seen; /* as it last said under a table that was ours; 0: never since our start */
    bool settling;      /* it is raising its horizon: its root is between two */
    gossip_time_ms doubted_ms; /* since when it says that our disk is too old; 0: it does not */
    gossip_time_ms doubled_ms; /* when another live process with its id was last refused here; 0 */
    bool peer_healing;
    struct gossip__told told;

    /* what was concluded (seen.c) */
    catalog_clock counted; /* its clock, as of the last answer that counted */
    struct catalog_id
        origin; /* of its process, as its last hello said; none: not since our start */
    bool met;   /* an exchange of ours with it has ended well since our start */
    bool agreed_known;
    /* when the request was sent that ended in equal roots or a finished walk */
    gossip_time_ms agreed_ms;
    gossip_time_ms freshened_ms; /* last asked beside its turns, to be fresh; 0: never */
    bool healed_through;         /* one ended well since this node heals; both may be healing */
    bool joined_through;         /* while this node joins: a walk with it counted */
    gossip_time_ms admitted_ms;  /* while this node joins: when its ADMIT was stored here; 0 */

    /* clocks and times */
    bool skew_known;
    int64_t skew_ms;
    gossip_time_ms wall_told_ms; /* when it last answered a digest with our wall clock; 0: never */
    gossip_duration_ms rtt_ms;   /* smoothed; 0: not measured */
    bool heard;
    gossip_time_ms heard_ms; /* its last message */

    /* probing (swim.c) */
    gossip_time_ms probe_sent_ms;    /* a direct one that is not answered; 0 */
    gossip_time_ms suspect_until_ms; /* SUSPECT: dead then */
    unsigned updates_left;           /* how often this member's update still rides on messages */
    gossip_time_ms dial_after_ms;    /* backoff of dials */
    unsigned dial_failures;
    bool refused_duplicate; /* reported once */

    /* exchanges (exchange.c) */
    struct gossip__exchange *exchange; /* that we initiated; NULL */
    gossip_time_ms exchange_after_ms;  /* futile backoff */
    unsigned futile_count;

    struct gossip__push_queue push;
};

/* A PROBE that this node was asked for: whatever the target says before `until_ms` is passed on as PROBE_ANSWER. */
struct gossip__relay {
    gossip_time_ms until_ms; /* 0: free */
    uint64_t sequence;       /* the asker's */
    uint32_t connection;     /* the asker's */
    struct catalog_id target;
};

/* A refusal that was noticed, so that the same is not said again within GOSSIP__REFUSAL_NOTICE_MS. */
struct gossip__refusal {
    uint64_t peer; /* hash of its id, or of its address */
    enum gossip_close_reason reason;
    gossip_time_ms until_ms; /* 0: free */
};

/* --- exchanges that this node initiates -------------------------------------------------------------------------- */

/*   start --> CONNECT --session--> DIGEST --equal roots------------------------------> end: equal
 *                                    |
 *                                    v roots differ
 *                                  WALK  (walk requests, pulls and range pulls, all of them in flight together)
 *                                    |  nothing waits, nothing is in flight, all that was pulled is on disk
 *                                    v
 *                                  PUSH  (what the other lacks, acknowledged)
 *                                    |
 *                                    v  finished
 *                                  DIGEST again (new exchange number = new salt) --equal--> end: repaired
 *                                    |  not equal: walk again, GOSSIP__WALKS_PER_EXCHANGE times at most
 */
enum gossip__exchange_state {
    GOSSIP__EXCHANGE_CONNECT = 1,
    GOSSIP__EXCHANGE_DIGEST = 2,
    GOSSIP__EXCHANGE_WALK = 3,
    GOSSIP__EXCHANGE_PUSH = 4,
};

enum gossip__exchange_purpose {
    GOSSIP__PURPOSE_TIMER = 1,
    GOSSIP__PURPOSE_SYNC = 2,
    GOSSIP__PURPOSE_DIFF = 3,
    GOSSIP__PURPOSE_JOIN = 4,
};

struct gossip__range {
    uint64_t slot_first, slot_last, skip;
    unsigned round;
};

struct gossip__request {
    uint64_t sequence;              /* 0: free */
    enum gossip__message_type type; /* WALK, PULL, PULL_RANGE */
    struct merkle_buffer frame;     /* as sent, for the repeat */
    struct merkle_buffer walk;      /* WALK: the request's bytes */
    struct merkle_buffer wants;     /* PULL: struct merkle_walk_want, what was asked for */
    gossip_time_ms sent_ms, due_ms;
    unsigned tries;
    unsigned round;             /* how many round trips led here, this one included */
    struct gossip__range range; /* PULL_RANGE */
};

/* What a finished diff is made of. */
struct gossip__diff;

struct gossip__exchange {
    enum gossip__exchange_purpose purpose;
    enum gossip__exchange_state state;
    struct gossip__member *member;
    uint32_t number; /* the salt; drawn anew for each digest */
    unsigned walks;  /* done in this exchange */
    gossip_time_ms started_ms;
    gossip_time_ms progress_ms; /* last sign of progress */
    gossip_time_ms digest_sent_ms, digest_due_ms;
    unsigned digest_tries;
    bool wall_sent;            /* the digest that is not answered yet bears our wall clock */
    unsigned comparisons;      /* answers that could not be compared: at another horizon */
    gossip_duration_ms rtt_ms; /* of the digest */

    /* the answer that began this walk */
    catalog_clock answer_clock, answer_seen;
    uint64_t answer_changes;
    uint64_t own_changes;
    bool tables_equal, answer_healing, answer_whole;
    int64_t answer_age_ms;     /* how old its copy was; -1: it did not know */
    gossip_time_ms counted_ms; /* when the digest of this walk was sent */
    /* a walk of this exchange has finished: the next that does counts for the first */
    bool finished_once;
    catalog_clock first_clock, first_seen; /* of the answer that began it */
    bool first_tables_equal, first_healing, first_whole;
    int64_t first_age_ms;
    gossip_time_ms first_ms;

    struct merkle_walk *walk;
    struct gossip__request requests[GOSSIP__REQUESTS_IN_FLIGHT];
    uint64_t sequence_last;
    struct gossip__range *ranges; /* waiting to be pulled */
    size_t range_count, range_capacity;
    size_t unstored_bytes; /* pulled, handed to the store, not on disk */
    size_t unstored_batches;
    bool incomplete;   /* an entry was missing, refused, not stored: the walk is not finished */
    bool withheld;     /* one was not given, or is on its way out (healing.c): the same */
    bool have_refused; /* it does not take what it lacks (its store is down): asked later */
    /* slots (uint64_t) of pulled entries that superseded ours: no push is needed */
    struct merkle_buffer settled;
    size_t pushes_waiting;           /* messages of haves that are queued or not acknowledged */
    struct merkle_buffer have_batch; /* handles (uint32_t) of the next message */
    size_t have_batch_size_bytes;    /* of their entries */
    struct merkle_path have_path;    /* a whole path that is being pushed */
    bool have_path_active;
    uint64_t have_slot;
    size_t have_skip;
    unsigned rounds;         /* round trips so far (histogram) */
    uint64_t pulled, pushed; /* entries, for the notice */

    /* SYNC and DIFF */
    uint64_t token; /* of the operation; 0 */
    gossip_time_ms reply_by_ms;
    struct gossip__diff *diff;
};

/* --- flights: batches on their way to the disk -------------------------------------------------------------------- */

enum gossip__waiter_type {
    GOSSIP__WAIT_WRITE = 1,    /* a local caller: token, plan */
    GOSSIP__WAIT_ACK = 2,      /* a PUSH_ACK: connection, sequence, refused */
    GOSSIP__WAIT_EXCHANGE = 3, /* pulled entries: exchange number's member, bytes */
    GOSSIP__WAIT_ADMIT = 4,    /* a newcomer's row: connection */
    GOSSIP__WAIT_JOIN = 5,     /* what an ADMIT brought is stored: connection */
    GOSSIP__WAIT_REMOVE = 6,   /* a local caller of MEMBER_REMOVE: token */
    GOSSIP__WAIT_DIGEST = 7,   /* the horizon was raised for a DIGEST: connection, exchange */
    GOSSIP__WAIT_COMPARE = 8,  /* the same for a DIGEST_ANSWER: member, exchange */
    GOSSIP__WAIT_LINEAGE = 9,  /* this node has its new id */
    GOSSIP__WAIT_CONFIRM = 10, /* a CONFIRM: connection, sequence, salt (in `exchange`) */
};

struct gossip__waiter {
    uint64_t ticket;
    enum gossip__waiter_type type;
    uint64_t token;
    struct catalog_plan *plan; /* owned */
    uint32_t connection;
    uint64_t sequence;
    uint64_t refused;
    struct catalog_id member_id;
    uint32_t exchange;
    size_t size_bytes;
    bool exact; /* CONFIRM: only if the entry stands as it was on its way to the disk */
    uint64_t slot;
    struct merkle_digest digest;
};

/* Where an entry of a batch comes from. */
struct gossip__arrival {
    bool local;             /* written here */
    bool pruned;            /* what a horizon left of an entry: it is given to nobody */
    bool same;              /* pruned, with the versions that it had: who watches is not told */
    struct catalog_id from; /* else: the member that sent it */
};

/* One batch in flight: what becomes true when it is stored. The batch that is handed to the store points into it. */
struct gossip__flight {
    uint64_t ticket;
    struct catalog_node_state state;
    struct catalog_entry **entries; /* held */
    struct gossip__arrival *arrivals;
    size_t entry_count, entry_capacity;
    struct catalog_entry **removed; /* held: taken away by the horizon */
    size_t removed_count, removed_capacity;
    bool reset;                  /* this node starts empty */
    struct catalog_entry **kept; /* of a reset: held */
    size_t kept_count;
    bool kept_cleared;
};

/* --- the engine -------------------------------------------------------------------------------------------------- */

/* Growing arrays of the update; see update.c. */
struct gossip__update_arrays {
    struct merkle_buffer frames;                               /* bytes of all sends */
    struct merkle_buffer sends, connections, replies, notices; /* arrays of their structures */
    struct merkle_buffer texts;                                /* of notices and addresses */
    struct gossip_update update;
    struct catalog_batch batch;
    struct merkle_buffer member_rows; /* of the batch */
};

struct gossip {
    const struct merkle_allocator *allocator;
    struct gossip_config config; /* strings point to copies below */
    char cluster_name[CATALOG_NAME_SIZE_MAX + 1];
    char node_name[CATALOG_NAME_SIZE_MAX + 1];
    char address[CATALOG_NAME_SIZE_MAX + 1];
    char (*seeds)[CATALOG_NAME_SIZE_MAX + 1];
    size_t seed_count;

    gossip_time_ms now_ms, started_ms;
    uint64_t wall_ms;
    bool started, stopping, stop_reported;
    bool fatal;
    uint64_t random[4]; /* xoshiro256** */

    struct catalog *catalog;
    struct catalog_node_state state;  /* with all that is in flight */
    struct catalog_node_state stored; /* as on disk */
    /* `state` changed without an entry: a batch is to be sent all the same */
    bool state_dirty;
    int store_error; /* 0 while the store takes batches */
    uint64_t quarantined_count;
    char store_damage[CATALOG_DAMAGE_SIZE]; /* as in the load; told with the first step */
    uint64_t root_changes;                  /* catalog changes at which `root` was computed */
    gossip_time_ms root_changed_ms;         /* when our root last changed */
    /* above GOSSIP__PUSH_ALL_MEMBERS_MAX members: pass pushes on */
    bool relay_new;

    /* batch of this step (flight.c) */
    uint64_t ticket_last;
    uint64_t ticket_stored; /* the last that is on disk */
    bool batch_open;
    bool batch_members_cleared;
    /* ring, in order of tickets; the last is the open one, if batch_open */
    struct gossip__flight *flights;
    size_t flight_first, flight_count, flight_capacity;
    struct gossip__waiter *waiters; /* ring, in order of tickets */
    size_t waiter_first, waiter_count, waiter_capacity;

    /* sessions */
    struct gossip__session *sessions;
    size_t session_count;
    bool sessions_closing;    /* some were closed in this step */
    uint32_t connection_last; /* of those that we dial */

    /* members, without this node itself */
    struct gossip__member **members;
    size_t member_count, member_capacity;
    uint64_t members_changes;     /* rises when the table (what its digest covers) changes */
    uint64_t incarnation_started; /* state.incarnation = started + refutations */
    bool removed;                 /* this node was removed */
    bool duplicate_id;            /* another live process has this id */
    gossip_time_ms duplicate_id_until_ms; /* the alarm ends if nobody says it again until then */
    unsigned own_updates_left; /* how often this node's own row still rides on messages */
    /* others know this node as ready (its disk may be older than that) */
    bool told_ready;
    struct merkle_digest table_digest; /* of the table at table_digest_changes */
    uint64_t table_digest_changes;
    bool table_digest_known;
    struct gossip__refusal refusals[GOSSIP__REFUSALS_MAX];
    size_t refusal_next;
    bool clock_ahead;
    bool wall_offset_known; /* wall clock less monotonic clock, as of the last jump (skew.c) */
    int64_t wall_offset_ms;

    /* probing and the timer (swim.c) */
    gossip_time_ms tick_ms; /* when the next interval begins */
    uint32_t *permutation;  /* member indexes, shuffled */
    size_t permutation_count, permutation_next;
    size_t dead_next; /* round robin over dead and left members */
    gossip_duration_ms table_sent_ms;
    struct gossip__member *probe_target; /* of this interval; NULL */
    bool probe_indirect;                 /* helpers were asked */
    gossip_time_ms probe_half_ms;        /* when helpers are asked */
    bool probe_answered;                 /* by way of a helper */
    uint64_t probe_sequence;
    struct gossip__relay relays[GOSSIP__PROBE_RELAYS_MAX];
    size_t permutation_capacity;

    /* joining (join.c) */
    gossip_time_ms join_started_ms;
    gossip_time_ms join_next_ms; /* next attempt to reach seeds and members */
    size_t seed_next;
    bool ready_announced;
    /* of the cluster to which ours gave way; dialled like a seed */
    char join_address[CATALOG_NAME_SIZE_MAX + 1];
    bool cluster_met;  /* a hello named a cluster */
    bool newcomer_met; /* a hello came from a node that is in no cluster either; */
    struct catalog_id newcomer_smallest; /* the smallest id of those, */
    gossip_time_ms newcomer_met_ms;      /* and when it was last met */

    /* exchanges */
    struct gossip__exchange *exchanges[GOSSIP__EXCHANGES_MAX];
    bool walked_since_start; /* cause of repairs: restart until the first walk has finished */

    /* the horizon (horizon.c) */
    bool horizon_unsettled;         /* perhaps there is something to prune */
    uint64_t horizon_ticket;        /* what was pruned is on disk with it */
    gossip_time_ms horizon_own_ms;  /* no raise by itself before */
    gossip_time_ms horizon_rose_ms; /* when it last rose, or had nothing before it */

    /* a new id (lineage.c) */
    bool lineage_replacing;      /* it is on its way to the disk: no connections until then */
    struct catalog_entry **kept; /* what this node had under its former id; held */
    size_t kept_count;
    uint64_t kept_lost_count; /* rows of it that were damaged or gone at the start */
    bool kept_ready;          /* only what it alone had is left of it, for the driver to write */
    bool kept_written;        /* it is in a file, but the store could not take that yet */
    gossip_time_ms kept_told_ms;

    /* operations: those that wait for an exchange stand in it; those that wait for the disk in a waiter */
    size_t operation_count;
    struct gossip__caller *callers; /* SYNC and DIFF (caller.c) */
    /* replied in this step: their memory is the reply's until the next */
    struct gossip__caller *answered;
    struct merkle_buffer plans_answered; /* struct catalog_plan *: the same of a WRITE */

    /* agreements that are waited for (agreement.c) */
    struct gossip__agreement *agreements;
    struct gossip__agreement *agreements_answered; /* in this step: freed with the next */
    size_t agreement_count;
    uint64_t agreement_number_last;
    /* staged changes (staged.c), and those of them that members have passed on to this node (recv_forward.c) */
    struct gossip__staged *staged;
    struct gossip__staged *staged_answered;  /* in this step: freed with the next */
    struct gossip__forward_record *forwards; /* GOSSIP__FORWARDS_MAX, made at first use */
    uint64_t forwards_ended;
    bool agreements_touched; /* all of them are to be judged at the end of this step */

    /* freshness (freshness.c) */
    bool freshness_dirty, freshness_known;
    gossip_time_ms freshness_ms;            /* the moment of a majority, */
    uint64_t freshness_members_changes;     /* of the members as they were then */
    struct merkle_buffer freshness_moments; /* gossip_time_ms: to work it out */
    bool freshness_told_known;
    gossip_time_ms freshness_told_ms; /* the latest moment by another's word */
    gossip_time_ms freshen_ms;        /* nobody is asked before */

    /* agreement (seen.c) */
    bool recheck_wanted;       /* perhaps somebody is worth asking */
    gossip_time_ms recheck_ms; /* not before */
    bool agreement_dirty;      /* something that it depends on changed in this step */
    uint64_t agreed_since_wall_ms, agreed_last_wall_ms;

    struct gossip_counters counters;
    struct gossip__update_arrays out;
};

#include "gossip/horizon.h"
#include "gossip/parts.h" /* the prototypes need the structures above */

#endif
