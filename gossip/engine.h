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
 *                      --> operation.c   local callers
 *                      --> flight.c      batches on their way to the disk, and who waits for them
 */
#ifndef GOSSIP_ENGINE_H
#define GOSSIP_ENGINE_H

#include "gossip/bounds.h"
#include "gossip/gossip.h"
#include "gossip/message.h"

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
    struct catalog_id peer_id;     /* ESTABLISHED */
    struct catalog_id peer_origin; /* ESTABLISHED */
    bool peer_ready;               /* its hello said so */
    bool admitted;                 /* the peer's row is stored here: its requests are answered */
    bool closing;                  /* CLOSE was said in this step; freed at its end */
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
    unsigned tries;
};
struct gossip__push_queue {
    uint32_t *handles; /* ring of capacity GOSSIP__PUSH_QUEUE_MAX, allocated at first use */
    size_t first, count;
    gossip_time_ms since_ms; /* since when the keys that wait have not moved on */
    uint64_t sequence_last;
    struct gossip__push_message in_flight[GOSSIP__PUSHES_IN_FLIGHT];
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
    catalog_clock clock, seen, horizon;
    bool peer_healing;

    /* what was concluded (seen.c) */
    catalog_clock counted; /* its clock, as of the last answer that counted */
    bool agreed_known;
    /* when the request was sent that ended in equal roots or a finished walk */
    gossip_time_ms agreed_ms;
    bool joined_through;        /* while this node joins: a walk with it counted */
    gossip_time_ms admitted_ms; /* while this node joins: when its ADMIT was stored here; 0 */

    /* clocks and times */
    bool skew_known;
    int64_t skew_ms;
    gossip_time_ms wall_told_ms; /* when we last told it our wall clock; 0: never */
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
    gossip_duration_ms rtt_ms; /* of the digest */

    /* the answer that began this walk */
    catalog_clock answer_clock, answer_seen;
    uint64_t answer_changes;
    uint64_t own_changes;
    bool tables_equal, answer_healing;
    gossip_time_ms counted_ms; /* when the digest of this walk was sent */
    /* a walk of this exchange has finished: the next that does counts for the first */
    bool finished_once;
    catalog_clock first_clock, first_seen; /* of the answer that began it */
    gossip_time_ms first_ms;

    struct merkle_walk *walk;
    struct gossip__request requests[GOSSIP__REQUESTS_IN_FLIGHT];
    uint64_t sequence_last;
    struct gossip__range *ranges; /* waiting to be pulled */
    size_t range_count, range_capacity;
    size_t unstored_bytes; /* pulled, handed to the store, not on disk */
    size_t unstored_batches;
    /* an entry was missing, refused, or not stored: the walk is not finished */
    bool incomplete;
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
};

/* Where an entry of a batch comes from. */
struct gossip__arrival {
    bool local;             /* written here */
    struct catalog_id from; /* else: the member that sent it */
};

/* One batch in flight: what becomes true when it is stored. The batch that is handed to the store points into it. */
struct gossip__flight {
    uint64_t ticket;
    struct catalog_node_state state;
    struct catalog_entry **entries; /* held */
    struct gossip__arrival *arrivals;
    size_t entry_count, entry_capacity;
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

    gossip_time_ms now_ms;
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
    uint64_t root_changes;          /* catalog changes at which `root` was computed */
    gossip_time_ms root_changed_ms; /* when our root last changed */
    /* above GOSSIP__PUSH_ALL_MEMBERS_MAX members: pass pushes on */
    bool relay_new;

    /* batch of this step (flight.c) */
    uint64_t ticket_last;
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

    /* operations: those that wait for an exchange stand in it; those that wait for the disk in a waiter */
    size_t operation_count;
    struct gossip__caller *callers; /* SYNC and DIFF (caller.c) */
    /* replied in this step: their memory is the reply's until the next */
    struct gossip__caller *answered;
    struct merkle_buffer plans_answered; /* struct catalog_plan *: the same of a WRITE */

    /* agreement (seen.c) */
    bool recheck_wanted;       /* perhaps somebody is worth asking */
    gossip_time_ms recheck_ms; /* not before */
    bool agreement_dirty;      /* something that it depends on changed in this step */
    uint64_t agreed_since_wall_ms, agreed_last_wall_ms;

    struct gossip_counters counters;
    struct gossip__update_arrays out;
};

/* --- update.c: what a step wants done ----------------------------------------------------------------------------- */

void gossip__update_begin(struct gossip *engine);
/* Resolves pointers and closes the step; see struct gossip_update. */
const struct gossip_update *gossip__update_finish(struct gossip *engine);
/* Encodes and sends on a session (any state but DIALING). A message that does not fit memory is lost, as on a network. */
void gossip__send(struct gossip *engine, struct gossip__session *session,
                  const struct gossip__message *message);
/* Sends to a member if it has an established session; false if not. */
bool gossip__send_member(struct gossip *engine, struct gossip__member *member,
                         const struct gossip__message *message);
/* Sends bytes that were encoded before (a repeat). */
void gossip__send_frame(struct gossip *engine, struct gossip__session *session,
                        const uint8_t *frame, size_t size_bytes, enum gossip__message_type type);
void gossip__connection_dial(struct gossip *engine, uint32_t connection, const char *address);
void gossip__connection_established(struct gossip *engine, uint32_t connection);
void gossip__connection_close(struct gossip *engine, uint32_t connection,
                              enum gossip_close_reason reason);
void gossip__reply(struct gossip *engine, const struct gossip_reply *reply);
void gossip__notice(struct gossip *engine, enum gossip_notice_type type,
                    enum gossip_severity severity, const char *member, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void gossip__notice_changed(struct gossip *engine, struct catalog_entry *entry);
void gossip__notice_refused(struct gossip *engine, enum gossip_close_reason reason,
                            const char *member, const char *text);

/* --- random.c ---------------------------------------------------------------------------------------------------- */

void gossip__random_seed(struct gossip *engine, uint64_t seed);
uint64_t gossip__random(struct gossip *engine);
/* 0 <= result < bound; bound > 0. */
uint64_t gossip__random_below(struct gossip *engine, uint64_t bound);

/* --- flight.c ---------------------------------------------------------------------------------------------------- */

/* Takes an entry to the pending layer and the batch of this step. 0, GOSSIP_ENOMEM, GOSSIP_EBUSY, or store_error. */
int gossip__flight_put(struct gossip *engine, struct catalog_entry *entry,
                       const struct gossip__arrival *arrival);
/* Takes back the whole batch of this step (an operation that could not be put as a whole). */
void gossip__flight_take_back(struct gossip *engine);
/* The ticket of this step's batch; opens one. A batch leaves at the end of the step. 0 if there can be none now. */
uint64_t gossip__flight_ticket(struct gossip *engine);
/* Adds a member row to this step's batch; returns its ticket, 0 if there can be none now. */
uint64_t gossip__flight_member(struct gossip *engine, const struct catalog_member_row *row);
/* The state row is to be written although no entry changes. */
void gossip__flight_state_dirty(struct gossip *engine);
/* Leaves a waiter; takes its plan. False (nothing taken) if memory is short. */
bool gossip__flight_wait(struct gossip *engine, const struct gossip__waiter *waiter);
/* The newest ticket there is: what is pending is on disk once it is stored. 0 if nothing is in flight. */
uint64_t gossip__flight_newest(const struct gossip *engine);
/* All member rows on disk are forgotten with this step's batch, also those that were added to it before. */
void gossip__flight_members_cleared(struct gossip *engine);
void gossip__flight_free_all(struct gossip *engine);
void gossip__flight_close_batch(struct gossip *engine); /* at the end of a step */
void gossip__flight_stored(struct gossip *engine, uint64_t ticket, int result);
/* reopen.c: the store works again and holds this. */
void gossip__reopened(struct gossip *engine, const struct catalog_load *load);

/* --- entry_in.c: entries from peers -------------------------------------------------------------------------------- */

struct gossip__intake {
    uint64_t ticket; /* the newest batch that bears any of them; 0: all were on disk already */
    /* not decoded, behind the horizon, too big, or the store does not take them */
    uint64_t refused;
    uint64_t changed;  /* entries that were new to us */
    size_t size_bytes; /* of those */
};
/* Decodes, merges on the pending layer and stores entries of one message. `cause` counts repairs; GOSSIP_CAUSE_COUNT:
 * a push of a fresh write (nothing is repaired). `settled` (may be NULL) gets the slots (uint64_t) of
 * entries whose version of the sender is what stands here afterwards. */
struct gossip__intake gossip__entries_take(struct gossip *engine, struct gossip__member *member,
                                           const struct gossip__span *entries, size_t entry_count,
                                           catalog_clock horizon, enum gossip_cause cause,
                                           struct merkle_buffer *settled);
/* Why entries are pulled at present. */
enum gossip_cause gossip__entries_cause(const struct gossip *engine);

/* --- session.c (membership side) ------------------------------------------------------------------------------------ */

struct gossip__session *gossip__session_find(struct gossip *engine, uint32_t connection);
void gossip__session_connected(struct gossip *engine, uint32_t connection);
void gossip__session_disconnected(struct gossip *engine, uint32_t connection);
/* Makes sure that a dial to the member is under way (unless one is, a session stands, or backoff forbids it). */
void gossip__session_dial_member(struct gossip *engine, struct gossip__member *member);
void gossip__session_dial_seed(struct gossip *engine, const char *address);
/* Tells the peer why (REFUSE) if `tell`, closes, counts, forgets. The session is freed at the end of the step. */
void gossip__session_close(struct gossip *engine, struct gossip__session *session,
                           enum gossip_close_reason reason, bool tell);
/* Becomes ESTABLISHED with this member: supersedes another session of it, calls the session_up of swim, exchange, push. */
void gossip__session_establish(struct gossip *engine, struct gossip__session *session,
                               struct gossip__member *member);
void gossip__session_tick(struct gossip *engine);  /* deadlines, the idlest */
void gossip__session_sweep(struct gossip *engine); /* end of step: frees what was closed */
gossip_time_ms gossip__session_deadline(const struct gossip *engine);
void gossip__session_send_hello(struct gossip *engine, struct gossip__session *session);
/* Refuses a peer: tells it, closes, notices it (not the same of the same peer within a minute). */
void gossip__session_refuse(struct gossip *engine, struct gossip__session *session,
                            enum gossip_close_reason reason, const struct catalog_id *peer_id,
                            const char *peer_name);
/* Says that a peer was refused, or refused us, unless the same was said within the last minute. */
void gossip__session_notice_refusal(struct gossip *engine, enum gossip_close_reason reason,
                                    uint64_t peer, const char *peer_name, const char *text);
/* The dial of this member did not lead to it: back off. */
void gossip__session_dial_failed(struct gossip *engine, struct gossip__member *member);
/* Any ESTABLISHED session. */
bool gossip__session_any(const struct gossip *engine);
void gossip__session_free_all(struct gossip *engine);
void gossip__session_free_all(struct gossip *engine);

/* --- member.c -------------------------------------------------------------------------------------------------------- */

struct gossip__member *gossip__member_find(struct gossip *engine, const struct catalog_id *id);
/* not removed ones first */
struct gossip__member *gossip__member_by_name(struct gossip *engine, struct catalog_text name);
/* Adds a member (not stored yet: call gossip__member_store). NULL if memory is short or at the bound. */
struct gossip__member *gossip__member_add(struct gossip *engine,
                                          const struct catalog_member_row *row,
                                          enum gossip_member_state state);
/* Puts the member's row into this step's batch; returns the ticket or 0. */
uint64_t gossip__member_store(struct gossip *engine, struct gossip__member *member);
/* Applies what a peer says of a member (itself included); starts refutation when it is about us. Deterministic merge:
 * removed is for ever, ready too; else the higher incarnation wins; at equal ones left > dead > suspect > alive. */
void gossip__member_update(struct gossip *engine, const struct gossip__member_update *update,
                           struct gossip__member *from);
void gossip__member_updates(struct gossip *engine, const struct gossip__member_updates *updates,
                            struct gossip__member *from);
/* Changes the present state: counts, notices, spreads it, stores what is stored, resets what depends on it. */
void gossip__member_set_state(struct gossip *engine, struct gossip__member *member,
                              enum gossip_member_state state);
/* Members that are required: not removed (this node included in the count). */
size_t gossip__member_required_count(const struct gossip *engine);
/* The digest of the table (ids; of those not removed names, addresses, joining/member/left; this node included; not
 * suspect and dead, which each node judges for itself, nor incarnations, which only order what is said), salted. */
struct merkle_fingerprint gossip__member_table_fingerprint(struct gossip *engine, uint64_t salt);
/* All rows, this node's first, for MEMBERS and ADMIT; in a buffer of struct gossip__member_update. */
struct gossip__member_updates gossip__member_table(struct gossip *engine,
                                                   struct merkle_buffer *rows);
/* Up to GOSSIP__UPDATES_PER_MESSAGE updates that should ride on the next message. */
struct gossip__member_updates gossip__member_riders(struct gossip *engine,
                                                    struct merkle_buffer *rows);
/* Sends the whole table. */
void gossip__member_send_table(struct gossip *engine, struct gossip__member *member,
                               bool answer_wanted);
/* Any message came from it: it is alive. */
void gossip__member_heard(struct gossip *engine, struct gossip__member *member);
/* Tells all sessions that this node leaves on purpose. */
void gossip__member_goodbye(struct gossip *engine);
/* What is told of a member, and of this node; texts are borrowed from its row. */
struct gossip__member_update gossip__member_row_update(const struct gossip__member *member);
struct gossip__member_update gossip__member_own_update(const struct gossip *engine);
/* Sends one row over every session. */
void gossip__member_tell_all(struct gossip *engine, const struct gossip__member_update *update);
/* Sends it what is said of it, so that it refutes. */
void gossip__member_tell_accused(struct gossip *engine, struct gossip__member *member);
/* The table changed in what its digest covers. */
void gossip__member_table_changed(struct gossip *engine);
/* How often an update rides on messages: 3 * ceil(log2(n + 1)). */
unsigned gossip__member_rides(const struct gossip *engine);
/* State of a member that is reached: JOINING or ALIVE. */
enum gossip_member_state gossip__member_reached_state(const struct gossip__member *member);
/* Forgets one member: its session, exchange and queue too. Its row on disk stays. */
void gossip__member_forget(struct gossip *engine, struct gossip__member *member);
/* Forgets all members (this node joins another cluster). */
void gossip__member_clear(struct gossip *engine);
int gossip__member_load(struct gossip *engine, const struct catalog_load *load);
void gossip__member_free_all(struct gossip *engine);

/* --- swim.c: the timer and the probes --------------------------------------------------------------------------------- */

void gossip__swim_start(struct gossip *engine);
void gossip__swim_tick(struct gossip *engine);
gossip_time_ms gossip__swim_deadline(const struct gossip *engine);
/* An exchange with this member got no answer: ask others to try. */
void gossip__swim_no_answer(struct gossip *engine, struct gossip__member *member);
/* The interval at present: config, slower above 128 members. */
gossip_duration_ms gossip__swim_interval(const struct gossip *engine);
void gossip__swim_refute(struct gossip *engine, uint64_t incarnation_heard);
/* It was heard: those who asked for a probe of it are told. */
void gossip__swim_heard(struct gossip *engine, const struct gossip__member *member);
/* The permutation follows the table: a member was added at this index; any was forgotten. */
void gossip__swim_member_added(struct gossip *engine, size_t index);
void gossip__swim_members_forgotten(struct gossip *engine);
/* How long a member is suspect before it is dead: 4 * ceil(log2(n + 1)) intervals. */
gossip_duration_ms gossip__swim_suspicion(const struct gossip *engine);

/* --- join.c ------------------------------------------------------------------------------------------------------------ */

void gossip__join_start(struct gossip *engine);
void gossip__join_tick(struct gossip *engine);
gossip_time_ms gossip__join_deadline(const struct gossip *engine);
/* The peer of an established session is admitted as soon as its row is on disk. */
void gossip__join_admit_begin(struct gossip *engine, struct gossip__session *session);
/* A hello came from a node that is in no cluster (cluster_id none), or in one. */
void gossip__join_met(struct gossip *engine, const struct catalog_id *node_id, bool cluster_known);
/* A seed led back to this node: it is none. */
void gossip__join_seed_is_self(struct gossip *engine, const char *address);
/* A newcomer's row is stored here: answer its requests from here on; ADMIT. */
void gossip__join_admit(struct gossip *engine, uint32_t connection);
/* What an ADMIT brought, or that this node is ready, is stored: begin the walk, or tell the others. */
void gossip__join_admitted(struct gossip *engine, uint32_t connection);
/* An exchange with this member ended in a way that counted: perhaps this node is ready now. */
void gossip__join_counted(struct gossip *engine, struct gossip__member *member,
                          gossip_time_ms begun_ms);
/* This node founds a cluster. */
void gossip__join_found(struct gossip *engine);
/* This node's (empty) cluster gives way to that of the node at this address: becomes a newcomer. */
void gossip__join_give_way(struct gossip *engine, const char *address);

/* --- exchange.c -------------------------------------------------------------------------------------------------------- */

/* Starts an exchange with this member; NULL if there is one, or at the bound, or in futile backoff. */
struct gossip__exchange *gossip__exchange_start(struct gossip *engine,
                                                struct gossip__member *member,
                                                enum gossip__exchange_purpose purpose);
void gossip__exchange_session_up(struct gossip *engine, struct gossip__member *member);
void gossip__exchange_session_down(struct gossip *engine, struct gossip__member *member);
void gossip__exchange_tick(struct gossip *engine);
gossip_time_ms gossip__exchange_deadline(const struct gossip *engine);
/* Pulled entries of this exchange are on disk (or not). */
void gossip__exchange_stored(struct gossip *engine, const struct gossip__waiter *waiter,
                             int result);
/* A push with haves of this exchange was acknowledged, or given up. */
void gossip__exchange_pushed(struct gossip *engine, struct gossip__member *member, uint32_t number,
                             bool acknowledged, uint64_t refused);
void gossip__exchange_advance(struct gossip *engine, struct gossip__exchange *exchange);
void gossip__exchange_end(struct gossip *engine, struct gossip__exchange *exchange,
                          enum gossip_exchange_result result);
struct gossip__exchange *gossip__exchange_find(struct gossip__member *member, uint32_t number);
struct gossip__request *gossip__exchange_request_find(struct gossip__exchange *exchange,
                                                      uint64_t sequence,
                                                      enum gossip__message_type type);
void gossip__exchange_request_done(struct gossip *engine, struct gossip__exchange *exchange,
                                   struct gossip__request *request);
/* A free place for a request, or NULL; it is either sent or dropped. Sent: false if memory or the session is missing. */
struct gossip__request *gossip__exchange_request_new(struct gossip *engine,
                                                     struct gossip__exchange *exchange,
                                                     enum gossip__message_type type);
bool gossip__exchange_request_send(struct gossip *engine, struct gossip__exchange *exchange,
                                   struct gossip__request *request,
                                   const struct gossip__message *message);
void gossip__exchange_request_drop(struct gossip__request *request);
/* How long to wait for the answer of the tries-th sending (from 1): 4 RTT, doubled with each. */
gossip_duration_ms gossip__exchange_timeout(const struct gossip__member *member, unsigned tries);
/* Equal roots, or a walk that counts (recv_digest_answer.c). */
void gossip__exchange_conclude(struct gossip *engine, struct gossip__exchange *exchange,
                               catalog_clock clock, catalog_clock seen, gossip_time_ms sent_ms);
/* Asks for items, and for the rest of a range (exchange_walk.c). False if no place is free. */
bool gossip__exchange_pull(struct gossip *engine, struct gossip__exchange *exchange,
                           const struct merkle_walk_want *wants, size_t count, unsigned round);
void gossip__exchange_range_resume(struct gossip *engine, struct gossip__exchange *exchange,
                                   const struct gossip__range *range);
/* The state PUSH (exchange_push.c). */
void gossip__exchange_push(struct gossip *engine, struct gossip__exchange *exchange);

/* digest.c */
void gossip__exchange_send_digest(struct gossip *engine, struct gossip__exchange *exchange);
void gossip__exchange_digest_tick(struct gossip *engine, struct gossip__exchange *exchange);
/* Fills what both digest messages say of this node. */
void gossip__digest_fill(struct gossip *engine, uint32_t exchange, struct gossip__digest *digest,
                         struct merkle_buffer *rows);
/* Notes what a member said of itself in either. True if roots are equal. */
bool gossip__digest_note(struct gossip *engine, struct gossip__member *member,
                         const struct gossip__digest *digest, bool *tables_equal);
/* Frees all (engine end). */
void gossip__exchange_free_all(struct gossip *engine);

/* --- push.c ------------------------------------------------------------------------------------------------------------ */

/* Entries became stored: queue them to the members (all, or some; not back to whom they came from). */
void gossip__push_stored(struct gossip *engine, const struct gossip__flight *flight);
/* Queues one key to one member as a have of an exchange. False if the queue is full. */
bool gossip__push_have(struct gossip *engine, struct gossip__member *member, uint32_t exchange,
                       const uint32_t *handles, size_t handle_count);
void gossip__push_session_up(struct gossip *engine, struct gossip__member *member);
void gossip__push_acknowledged(struct gossip *engine, struct gossip__member *member,
                               uint64_t sequence, uint64_t refused);
/* Its root is ours: whatever is queued or not acknowledged has arrived. */
void gossip__push_satisfied(struct gossip *engine, struct gossip__member *member);
void gossip__push_drop_all(struct gossip *engine, struct gossip__member *member);
void gossip__push_tick(struct gossip *engine);
gossip_time_ms gossip__push_deadline(const struct gossip *engine);
/* frees its memory */
void gossip__push_close(struct gossip *engine, struct gossip__member *member);

/* Sends the PUSH_ACK of a push that is on disk. */
void gossip__push_acknowledge(struct gossip *engine, struct gossip__session *session,
                              uint64_t sequence, uint64_t refused);

/* --- operation.c, caller.c, diff.c ----------------------------------------------------------------------------------------------- */

void gossip__operation(struct gossip *engine, const struct gossip_operation *operation);
void gossip__operation_exchange_ended(struct gossip *engine, struct gossip__exchange *exchange,
                                      enum gossip_exchange_result result);
void gossip__operation_stored(struct gossip *engine, struct gossip__waiter *waiter, int result);
void gossip__operation_tick(struct gossip *engine);
gossip_time_ms gossip__operation_deadline(const struct gossip *engine);
void gossip__operation_free_all(struct gossip *engine);
/* 0, or why a write is refused now. */
int gossip__write_refusal(const struct gossip *engine);
/* One reply for each operation that was taken. */
void gossip__operation_reply(struct gossip *engine, const struct gossip_reply *reply);
/* What the replies of the last step pointed to is freed. */
void gossip__operation_step_begin(struct gossip *engine);
/* SYNC and DIFF (caller.c). */
void gossip__caller_add(struct gossip *engine, const struct gossip_operation *operation);
void gossip__caller_step_begin(struct gossip *engine);
void gossip__caller_free_all(struct gossip *engine);
void gossip__diff_reply(const struct gossip__diff *diff, struct gossip_reply *reply);
void gossip__diff_release(struct gossip *engine, struct gossip__diff *diff);
/* A diff keeps pulled entries instead of storing them. */
void gossip__diff_take(struct gossip *engine, struct gossip__exchange *exchange,
                       const struct gossip__span *entries, size_t entry_count);
/* The walk of a diff is done: reply. */
void gossip__diff_finish(struct gossip *engine, struct gossip__exchange *exchange);
void gossip__diff_free(struct gossip *engine, struct gossip__exchange *exchange);

/* --- seen.c: what may be concluded -------------------------------------------------------------------------------------- */

/* An answer counted (DESIGN 4.7): equal roots, or a finished walk, with equal tables. */
void gossip__seen_count(struct gossip *engine, struct gossip__member *member, catalog_clock clock,
                        catalog_clock seen);
/* An id was added or removed: every counted clock goes back to the stored `seen`. */
void gossip__seen_reset(struct gossip *engine);
/* Equal roots or a finished walk: freshness, for the request sent at `sent_ms`. */
void gossip__seen_agreed(struct gossip *engine, struct gossip__member *member,
                         gossip_time_ms sent_ms);
/* -1: unknown. */
int64_t gossip__agreement_age(const struct gossip *engine, gossip_time_ms now_ms);
/* Follows whether all agree, for agreed_since. */
void gossip__agreement_follow(struct gossip *engine);
/* Exchanges beside those of the interval, with members of whom it is not known that they agree. */
void gossip__agreement_recheck(struct gossip *engine);
gossip_time_ms gossip__agreement_deadline(const struct gossip *engine);
enum gossip_truth gossip__member_agrees(struct gossip *engine, const struct gossip__member *member);

/* --- one file for each message: recv_<message>.c ------------------------------------------------------------------------- */

#define GOSSIP__RECEIVE(name)                                                                      \
    void gossip__recv_##name(struct gossip *engine, struct gossip__session *session,               \
                             const struct gossip__message *message)
GOSSIP__RECEIVE(hello);
GOSSIP__RECEIVE(refuse);
GOSSIP__RECEIVE(digest);
GOSSIP__RECEIVE(digest_answer);
GOSSIP__RECEIVE(walk);
GOSSIP__RECEIVE(walk_answer);
GOSSIP__RECEIVE(pull);
GOSSIP__RECEIVE(pull_range);
GOSSIP__RECEIVE(entries);
GOSSIP__RECEIVE(push);
GOSSIP__RECEIVE(push_ack);
GOSSIP__RECEIVE(ping);
GOSSIP__RECEIVE(pong);
GOSSIP__RECEIVE(probe);
GOSSIP__RECEIVE(probe_answer);
GOSSIP__RECEIVE(members);
GOSSIP__RECEIVE(admit);

#endif
