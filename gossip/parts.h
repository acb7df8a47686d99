/* parts.h - what the files of the engine offer each other (private to gossip/; included by engine.h, which has the structures).
 *
 * In the order of the picture in engine.h: what a step wants done, the disk, connections, members, exchanges, pushes, local
 * callers, what may be concluded, and one function for each received message.
 */
#ifndef GOSSIP_PARTS_H
#define GOSSIP_PARTS_H

#include "gossip/engine.h"

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
/* Orders struct catalog_entry * by their keys, for qsort and bsearch. */
int gossip__entries_by_key(const void *a, const void *b);
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
/* All rows, this node's first, for MEMBERS and ADMIT; in a buffer of struct gossip__member_update. None in no cluster. */
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
/* Whether it is ready, as far as is known. In the table ready is for ever; but who says in its hello that it is not (its
 * disk was put back to a time before) is not. */
bool gossip__member_is_ready(const struct gossip__member *member);
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
/* A member that heals has answered, and a walk with it may follow (healing.c). */
void gossip__healing_answered(struct gossip *engine);
/* What an exchange that counts means for a node that heals. */
void gossip__healing_concluded(struct gossip *engine, const struct gossip__exchange *exchange);
/* Whether this is not given to the member: a row of a node that heals, which may be an old one. */
bool gossip__healing_withholds(const struct gossip *engine, const struct gossip__member *member,
                               const struct catalog_entry *entry);
/* Whether this is not taken from the member: such a row, that it gave before it heard that this node has healed. */
bool gossip__healing_refuses(const struct gossip *engine, const struct gossip__member *member,
                             const struct catalog_entry *entry);
/* A walk has found that the member lacks what is withheld from it; removes it where that tells that it was dropped, unless
 * something newer of it, or its removal, is on its way to the disk. */
void gossip__healing_lacked(struct gossip *engine, const struct gossip__exchange *exchange,
                            struct catalog_entry *entry);
/* The state PUSH (exchange_push.c). */
void gossip__exchange_push(struct gossip *engine, struct gossip__exchange *exchange);

/* digest.c */
void gossip__exchange_send_digest(struct gossip *engine, struct gossip__exchange *exchange);
void gossip__exchange_digest_tick(struct gossip *engine, struct gossip__exchange *exchange);
/* Fills what both digest messages say of this node. */
void gossip__digest_fill(struct gossip *engine, uint32_t exchange, struct gossip__digest *digest,
                         struct merkle_buffer *rows);
/* skew.c: a member told its wall clock; this node's own may have jumped since the last step. */
void gossip__skew_told(struct gossip *engine, struct gossip__member *member, uint64_t wall_s);
void gossip__skew_follow(struct gossip *engine);
/* Frees all (engine end). */
void gossip__exchange_free_all(struct gossip *engine);

/* --- push.c ------------------------------------------------------------------------------------------------------------ */

/* Entries became stored: queue them to the members (all, or some; not back to whom they came from, nor what was pruned). */
void gossip__push_stored(struct gossip *engine, const struct gossip__flight *flight);
/* Queues one key to one member as a have of an exchange. False if the queue is full. */
bool gossip__push_have(struct gossip *engine, struct gossip__member *member, uint32_t exchange,
                       const uint32_t *handles, size_t handle_count);
/* The member has said that it lacks this stored entry: queue it, unless it is on its way. */
void gossip__push_entry(struct gossip *engine, struct gossip__member *member,
                        const struct catalog_entry *entry);
void gossip__push_session_up(struct gossip *engine, struct gossip__member *member);
void gossip__push_acknowledged(struct gossip *engine, struct gossip__member *member,
                               uint64_t sequence, uint64_t refused);
/* Our horizon has been raised, on the disk. */
void gossip__push_raised(struct gossip *engine);
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

/* An answer counted (DESIGN 4.7): equal roots, or a finished walk, with equal tables. `clock`: 0 if the member is not whole. */
void gossip__seen_count(struct gossip *engine, struct gossip__member *member, catalog_clock clock,
                        catalog_clock seen);
/* An id was added or removed: every counted clock goes back to the stored `seen`. */
void gossip__seen_reset(struct gossip *engine);
/* It says hello as another process than before. */
void gossip__seen_restarted(struct gossip *engine, struct gossip__member *member);
/* Whether this process has had all from every member since its start. */
bool gossip__seen_whole(const struct gossip *engine);
/* freshness.c: equal roots or a finished walk, for the request sent at `sent_ms`. */
void gossip__freshness_agreed(struct gossip *engine, struct gossip__member *member,
                              gossip_time_ms sent_ms);
/* The same answer said how old its sender's copy was then; -1: it did not know. */
void gossip__freshness_told(struct gossip *engine, gossip_time_ms sent_ms, int64_t age_ms);
/* What was told is of another catalog (this node starts over). */
void gossip__freshness_forget(struct gossip *engine);
/* -1: unknown. */
int64_t gossip__agreement_age(struct gossip *engine, gossip_time_ms now_ms);
/* At the end of each step: works out the moment of a majority, if something moved. */
void gossip__freshness_follow(struct gossip *engine);
/* Asks further members while the age is above half of the limit. */
void gossip__freshness_tick(struct gossip *engine);
gossip_time_ms gossip__freshness_deadline(const struct gossip *engine);
/* Follows whether all agree, for agreed_since. */
void gossip__agreement_follow(struct gossip *engine);
/* Exchanges beside those of the interval, with members of whom it is not known that they agree. */
void gossip__agreement_recheck(struct gossip *engine);
gossip_time_ms gossip__agreement_deadline(const struct gossip *engine);
/* Whether all required members have our root (G6), and how many are known to have another. */
enum gossip_truth gossip__all_agree(struct gossip *engine, size_t *disagreeing_count);
enum gossip_truth gossip__member_agrees(struct gossip *engine, const struct gossip__member *member);

/* --- agreement.c, agreement_ask.c: waiting until all members have something on disk ------------------------------------ */

/* A caller of GOSSIP_AGREEMENT: 0 if it was taken (it gets its reply later), or an error (the caller replies). */
int gossip__agreement_add(struct gossip *engine, const struct gossip_operation *operation);
/* 0, or why this node cannot wait for an agreement. */
int gossip__agreement_refusal(const struct gossip *engine);
/* At the end of a step: asks whoever is due, and answers what is agreed, or is over. */
void gossip__agreements_settle(struct gossip *engine);
/* A commit: each of them may depend on it. */
void gossip__agreements_touch(struct gossip *engine);
gossip_time_ms gossip__agreements_deadline(const struct gossip *engine);
void gossip__agreements_step_begin(struct gossip *engine);
void gossip__agreements_free_all(struct gossip *engine);
/* Asserts what holds of them between steps. */
void gossip__agreements_verify(const struct gossip *engine);
/* A session with the member was established. */
void gossip__agreements_session_up(struct gossip *engine, const struct gossip__member *member);
/* It says that it is not ready: it confirms nothing, nor did it. */
void gossip__agreements_not_ready(struct gossip *engine, const struct gossip__member *member);
/* A member was removed: what was confirmed for a step is asked for again (decision 0024). */
void gossip__agreements_removed(struct gossip *engine);
/* It acknowledged a push. */
void gossip__agreements_pushed(struct gossip *engine, const struct gossip__member *member);
/* It answered a CONFIRM. */
void gossip__agreements_confirmation(struct gossip *engine, struct gossip__member *member,
                                     const struct gossip__confirmation *confirmation);
/* An exchange with it counts (gossip__exchange_conclude). */
void gossip__agreements_concluded(struct gossip *engine, const struct gossip__exchange *exchange,
                                  gossip_time_ms sent_ms);
/* Any exchange has ended. */
void gossip__agreements_exchange_ended(struct gossip *engine);
/* A digest came from it; both tables were equal then, or not. */
void gossip__agreements_told(struct gossip *engine, struct gossip__member *member,
                             const struct gossip__digest *digest, bool tables_equal);
/* --- staged.c: changes with an agreement before each step -------------------------------------------------------------- */

/* A caller of GOSSIP_STAGED: as gossip__agreement_add. */
int gossip__staged_add(struct gossip *engine, const struct gossip_operation *operation);
/* Called by gossip__agreements_settle. */
void gossip__staged_settle(struct gossip *engine);
gossip_time_ms gossip__staged_deadline(const struct gossip *engine);
void gossip__staged_session_up(struct gossip *engine, const struct gossip__member *member);
void gossip__staged_removed(
    struct gossip *engine); /* a member was: no step counts on what was agreed before */
void gossip__staged_step_begin(struct gossip *engine);
void gossip__staged_free_all(struct gossip *engine);
/* operation.c: plans writes of this node on top of what is in flight; or why it takes none. */
int gossip__write_plan(struct gossip *engine, const struct catalog_write *writes, size_t count,
                       struct catalog_plan **plan);
/* Puts a plan into this step's batch, which must not be open yet, as a whole or not at all. */
int gossip__write_put(struct gossip *engine, const struct catalog_plan *plan);

/* recv_confirm.c: what a CONFIRM waited for is stored, or was not. */
void gossip__confirm_stored(struct gossip *engine, const struct gossip__waiter *waiter, int result);

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
GOSSIP__RECEIVE(confirm);
GOSSIP__RECEIVE(confirmation);
GOSSIP__RECEIVE(forward);
GOSSIP__RECEIVE(forward_answer);

#endif
