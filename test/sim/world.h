/* world.h - what the files of test/sim/ share: nodes, disks, connections, events (private to test/sim/ and its tests). */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "gossip/gossip.h"
#include "merkle/instrument.h"
#include "test/sim/causal.h"
#include "test/sim/sim.h"

enum {
    /* larger clusters are not checked for what costs the square of their size at each interval */
    SIM_SQUARE_CHECKS_MAX = 64,
    SIM_STOP_MS_MAX = 2000, /* a stopping node that is not done then is killed */
};

/* --- the virtual disk (disk.c): atomic commits, in order; what was not committed is lost in a crash ----------------- */

struct sim_store; /* the real one (store.h) */
struct sim_backup;

/* What stands on a disk, as god sees it. Of a node with a real store this is what the file must hold. */
struct sim_disk {
    bool exists;
    struct catalog_node_state state;
    struct catalog_entry **entries; /* in order of keys, held */
    size_t entry_count, entry_capacity;
    struct catalog_entry **kept; /* what it had when it began anew (catalog.h), held */
    size_t kept_count;
    catalog_clock landing_horizon; /* of the batch that is landing, for the checkers' `put` */
    struct catalog_member_row *members;
    size_t member_count;
    struct catalog_sum sum; /* over entries, kept by the disk itself */
    size_t quarantined;     /* rows that were set aside since they were damaged */
};

/* A batch on its way. */
struct sim_batch {
    uint64_t ticket;
    bool reset, kept_cleared;
    struct catalog_entry **removed, **kept;
    size_t removed_count, kept_count;
    struct catalog_entry **entries;
    size_t entry_count;
    struct catalog_member_row *members;
    size_t member_count;
    bool members_cleared;
    struct catalog_node_state state;
    struct sim_batch *next;
};

/* --- nodes and connections ------------------------------------------------------------------------------------------ */

/* Counts what a node's engine takes, and fails on demand. */
struct sim_memory {
    struct merkle_allocator allocator;
    uint64_t bytes, bytes_max; /* at present, and at most since the start of the engine */
    uint64_t step_bytes,
        step_peak;      /* in this step: taken in all, and most at a time above its beginning */
    uint64_t step_from; /* held when it began */
    uint64_t fail_after, fail_count; /* calls that succeed before `fail_count` fail in a row */
    uint64_t failed; /* in this life of the node: only then may its engine give up */
    bool
        checked; /* from here on: only what the engine itself takes counts, not what tests look at */
};

struct sim_node {
    size_t index;
    char name[24];
    char address[64];
    struct gossip *engine; /* NULL: down */
    unsigned
        starts; /* rises with each start and each end: voids what was queued for the life before */
    uint64_t started_ms;
    struct catalog_id origin; /* of this start */
    uint64_t frozen_until_ms;
    uint64_t
        crash_until_ms; /* it crashes with its next commit under way, and is up again then; 0 */
    uint64_t tick_ms;   /* when a tick is queued; UINT64_MAX: none */
    int64_t skew_ms;    /* of the wall clock */
    bool joined;        /* has been started at all */
    bool ever_ready;
    bool removed; /* the operator removed it */
    bool
        landing_known; /* the version in force of the entry that is landing was on some disk before */
    bool returned;     /* and started it again: it is a member under a new id, or becomes one */
    unsigned
        removals_asked;   /* of the operator, and not refused: members may count it out already */
    uint64_t replaced_ms; /* when a fault last changed its disk; 0: never */
    bool
        outside_promises; /* its disk was put back, or lied: what others concluded of it may be wrong */
    bool stopping;
    size_t clone_of; /* SIZE_MAX: an original */
    unsigned
        cluster;    /* 0, or the other one (OTHER_CLUSTER): nothing may cross; disk.c follows it */
    bool founder;   /* starts without seeds */
    bool abandoned; /* not healed: outside the core, a clone, removed */
    struct sim_memory memory;

    struct sim_disk disk, backup;
    struct catalog_id seen_of;
    catalog_clock seen_told; /* the largest `seen` that it ever stored under this id */
    bool backup_exists;
    struct sim_store *store;       /* NULL: the model alone */
    struct sim_batch *store_doubt; /* handed to it, and not known to be there */
    struct sim_backup *store_backup;
    bool store_damaged;        /* the next opening may find less than what was acknowledged */
    bool store_lied;           /* it was lied to, and no power cut has shown since what is there */
    struct sim_batch *batches; /* on their way, in order */
    uint64_t disk_slow_until_ms; /* no commit ends before */
    int disk_failure;            /* what the next commits answer; 0: they succeed */
    bool disk_broken;            /* a commit failed; nothing is taken until it is reopened */
    bool disk_lies;
    bool catching_up; /* reopened: what a failed commit left on disk is on its way into the tree */

    unsigned lies_waiting; /* for the node to ask something */
    uint32_t accepted_last;
    struct sim_place *places; /* connection number -> connection, open addressing */
    size_t place_count, place_capacity;
};

/* Where a connection's end is found. */
struct sim_place {
    uint32_t id;    /* 0: free; UINT32_MAX: was used */
    uint32_t index; /* of the connection */
};

struct sim_connection {
    bool used;
    uint32_t node[2];          /* 0 dialled */
    uint32_t id[2];            /* 0: this end is gone */
    bool open[2];              /* this end was told that it is connected, and not that it is not */
    bool hello[2];             /* a frame has arrived at this end: the first is always its hello */
    uint64_t busy_until_ms[2]; /* towards this end, on a slow link */
};

enum sim_event_type {
    SIM_EVENT_FRAME = 1,
    SIM_EVENT_CONNECTED,
    SIM_EVENT_DISCONNECTED,
    SIM_EVENT_STORED,
    SIM_EVENT_REOPEN,
    SIM_EVENT_TICK,
    SIM_EVENT_KEPT,   /* what it handed over is in a file */
    SIM_EVENT_ACTION, /* the scenario's; from here on events of the world */
    SIM_EVENT_UNDO,
    SIM_EVENT_START,
    SIM_EVENT_STOPPED,
    SIM_EVENT_CRASH, /* with a commit under way */
    SIM_EVENT_WAIT,  /* a write was acknowledged, and is to be agreed on */
};

struct sim_event {
    uint64_t time_ms, order;
    enum sim_event_type type;
    size_t node; /* or the action's index (ACTION), the fault's number (UNDO) */
    unsigned
        start; /* of the node, when the event was made: a crash voids what was meant for the life before */
    uint32_t connection;
    uint8_t *frame;
    size_t size_bytes;
    bool hostile; /* a frame that no honest member sent: nothing may come of it (S11) */
};

/* A fault on links that is in force. `from` and `to` say for each node whether it belongs. */
struct sim_link_fault {
    uint64_t number; /* 0: the place is free */
    enum scenario_action_type type;
    bool *from, *to; /* of node_capacity */
    unsigned percent;
    uint64_t span_ms, count;
    uint64_t since_ms;
    size_t band; /* of the report */
};

/* A write that was acknowledged (god.c). */
struct sim_acknowledged {
    struct catalog_entry *entry; /* held */
    size_t node;
    unsigned cluster;                /* of the node, then */
    uint64_t time_ms, everywhere_ms; /* on the last required disk; 0: not yet */
    bool doubled;                    /* two processes had the id of the one that acknowledged it */
    bool drop_forgotten;             /* a disk began anew on which only a drop was left of it */
    bool lost_with_rows; /* its last disk began anew at the word of one that had lost its row */
    size_t row_lost_on;  /* 1 + the node on which damage took its row, the latest; 0: none */
    bool handed_over;    /* its last disk began anew, and it is in a file of the operator's */
    bool out_of_reach;   /* when all was healed, only nodes that stay away had it */
    bool lost; /* no disk holds it, and only faults outside the promises took it from them */
};

/* A write that is to wait for agreement (operation_wait.c). */
struct sim_wait {
    uint64_t token; /* of the write; 0: the place is free */
    size_t node;
    uint64_t wait_ms;
    bool skip_dead;
    struct catalog_entry *entry; /* once it is acknowledged, held; NULL: several */
};

/* An action that was performed, for the report. */
struct sim_band {
    size_t action;
    uint64_t from_ms, until_ms;
    uint64_t fired_before; /* what its class had come to */
    bool at_once;          /* it had an effect in that moment */
};

/* Two entries, and which checkers have compared them (enum sim_entry_mark). */
struct sim_entry_pair {
    struct merkle_digest before, after;
    catalog_clock horizon; /* of the disk for which they were */
    uint8_t marks;
};

struct sim {
    const struct scenario *scenario;
    const struct sim_options *options;
    struct choice *choice, own_choice;
    FILE *trace;
    uint64_t now_ms, interval_at_ms;
    uint64_t hash;
    enum sim_phase phase;
    bool loading; /* faults and operations are on */
    /* healed is the scenario's core and nobody else; a core in which nobody could admit the others is none, and all is */
    bool core_only;
    bool hostile; /* the step under way is that of a hostile frame */
    struct sim_event *heap;
    size_t heap_count, heap_capacity;
    uint64_t order, tokens;

    struct catalog_id cluster_ids[2]; /* of both, once they are founded */
    struct sim_node *nodes;
    size_t node_count;    /* clones included */
    size_t node_capacity; /* room for all clones */
    struct sim_connection *connections;
    size_t connection_count, connection_capacity;
    uint32_t *connections_free;
    size_t connections_free_count, connections_free_capacity;

    struct sim_link_fault *link_faults;
    size_t link_fault_count, link_fault_capacity;
    uint64_t fault_numbers;
    struct sim_acknowledged *acknowledged;
    size_t acknowledged_count, acknowledged_capacity;
    struct sim_wait *waits;
    size_t wait_count, wait_capacity;
    struct sim_band *bands;
    size_t band_count, band_capacity;
    struct catalog_entry **interned; /* intern.c: an open hash table by digest */
    uint8_t *interned_marks;         /* of each: enum sim_entry_mark */
    size_t interned_count, interned_capacity;
    struct sim_entry_pair *pairs; /* of entries that were compared lately */
    struct sim_causal causal;     /* what each version that was ever made had seen */
    void **check_states;          /* one for each checker */
    uint64_t *check_looks;

    struct sim_stats stats;
    bool failed;
    struct sim_result *result;
};

/* --- sim.c ----------------------------------------------------------------------------------------------------------- */

/* Notes a violation (the first stands) and ends the run. `node` may be NULL. */
void sim_fail(struct sim *sim, const char *invariant, enum chaos_verdict verdict,
              const struct sim_node *node, const char *text);
void sim_trace(struct sim *sim, const struct sim_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_hash(struct sim *sim, const void *bytes, size_t size_bytes);
/* zeroed; ends the process if memory is short */
void *sim_allocate(size_t count, size_t size_bytes);
void *sim_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes);
/* An effect of a fault of this class. */
void sim_fired(struct sim *sim, enum scenario_class class);
/* Nodes that must agree in the end: not abandoned, and of the main cluster. */
bool sim_required(const struct sim *sim, const struct sim_node *node);
uint64_t sim_wall_ms(const struct sim *sim, const struct sim_node *node);

/* outcome.c: are all required nodes ready, sound and of one root; who is not; how many intervals that may take; and what the
 * end says: content, figures, expectations, and whether the run proved anything. */
bool sim_all_equal(struct sim *sim);
void sim_unequal_describe(struct sim *sim, char *text, size_t size_bytes);
uint64_t sim_settle_allowed(const struct sim *sim);
void sim_outcome(struct sim *sim);
/* sim_report.c */
void sim_report_sample(struct sim *sim);
void sim_report_fill(const struct sim *sim);

/* --- event.c --------------------------------------------------------------------------------------------------------- */

void sim_event_push(struct sim *sim, const struct sim_event *event);
bool sim_event_pop(struct sim *sim, struct sim_event *event);
/* What is on the network arrives by then, in the order in which it was sent: no link is slow any more. */
void sim_event_hasten(struct sim *sim, uint64_t time_ms);
/* An event for this life of the node. */
void sim_event_node(struct sim *sim, enum sim_event_type type, const struct sim_node *node,
                    uint32_t connection, uint64_t time_ms);

/* --- disk_batch.c, disk.c ---------------------------------------------------------------------------------------------- */

struct sim_batch *sim_batch_new(struct sim *sim, const struct catalog_batch *batch);
void sim_batch_free(struct sim_batch *batch);
void sim_disk_apply(struct sim *sim, struct sim_node *node, const struct sim_batch *batch);
/* The same without showing it to anybody. */
void sim_disk_take(struct sim_disk *disk, const struct sim_batch *batch);
/* Parts of it. What stood there is the caller's to release; NULL: nothing did. */
struct catalog_entry *sim__disk_entry_set(struct sim_disk *disk, struct catalog_entry *entry);
struct catalog_entry *sim__disk_entry_remove(struct sim_disk *disk, const struct catalog_key *key);
void sim__disk_entries_clear(struct sim_disk *disk);
void sim__disk_kept_add(struct sim_disk *disk, struct catalog_entry *const *kept, size_t count);
void sim__disk_kept_clear(struct sim_disk *disk);
void sim__disk_member_set(struct sim_disk *disk, const struct catalog_member_row *row);
void sim__entries_free(struct catalog_entry **entries, size_t count); /* and the list */
struct catalog_entry *sim_disk_find(const struct sim_disk *disk, const struct catalog_key *key);
/* What an engine gets at its start. Valid until the disk changes; free `entries`, `kept` and `members` with free(). */
void sim_disk_load(const struct sim_disk *disk, struct catalog_load *load);
void sim_disk_close(struct sim_disk *disk);
void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);
/* The disk becomes what was found in a file. */
void sim_disk_from_load(struct sim_disk *disk, const struct catalog_load *load);
/* Damages rows: they are set aside as the store does it (DESIGN 4.8). */
void sim_disk_damage(struct sim *sim, struct sim_node *node, size_t rows);
/* Whether just this version stands in the entry (NULL: none does). */
bool sim_entry_stands(const struct catalog_entry *entry, const struct catalog_version *version);
/* Whether this disk holds each version of the entry, or what superseded it; a drop may have been removed since (causal.h). */
bool sim_disk_holds(const struct sim *sim, const struct sim_disk *disk,
                    struct catalog_entry *entry);

/* --- network.c, link.c --------------------------------------------------------------------------------------------------- */

void sim_network_dial(struct sim *sim, struct sim_node *node, uint32_t connection,
                      const char *address);
void sim_network_close(struct sim *sim, struct sim_node *node, uint32_t connection);
void sim_network_send(struct sim *sim, struct sim_node *node, const struct gossip_send *send);
/* A frame arrives: false if it must be dropped. */
bool sim_network_arrives(struct sim *sim, const struct sim_event *event);
void sim_network_connected(struct sim *sim, const struct sim_event *event);
bool sim_network_disconnected(struct sim *sim, const struct sim_event *event);
void sim_network_crashed(struct sim *sim, struct sim_node *node);
/* Both ends lose all connections between these (link faults of type RESET). */
void sim_network_reset(struct sim *sim, const bool *from, const bool *to);
/* A connection from nobody to this node; its number there. */
uint32_t sim_network_stranger(struct sim *sim, struct sim_node *node);
/* Puts a frame into the connection with this index, towards that end, as if its other end had sent it. */
void sim_network_inject(struct sim *sim, size_t connection, unsigned end, const uint8_t *frame,
                        size_t size_bytes, bool hostile);
/* Shows a frame to the checkers. */
void sim_network_sent(struct sim *sim, struct sim_node *node, struct sim_node *to, unsigned type,
                      const struct gossip_send *send);
struct sim_connection *sim_network_find(struct sim *sim, const struct sim_node *node, uint32_t id,
                                        unsigned *end);

/* The faults in force between two nodes. */
bool sim_link_is_cut(struct sim *sim, size_t from, size_t to);
bool sim_link_hangs(const struct sim *sim, size_t from, size_t to);
bool sim_link_loses(struct sim *sim, size_t from, size_t to, bool hello);
/* When a frame that is sent now arrives. */
uint64_t sim_link_arrival(struct sim *sim, struct sim_connection *connection, unsigned to,
                          size_t size_bytes);
/* 0: no repeat; else how much later. */
uint64_t sim_link_repeat(struct sim *sim, size_t from, size_t to);
bool sim_link_corrupts(struct sim *sim, size_t from, size_t to);
/* Bytes of a piece; 0: whole. */
uint64_t sim_link_fragment(const struct sim *sim, size_t from, size_t to);
void sim_link_add(struct sim *sim, const struct scenario_action *action, uint64_t number);
void sim_link_end(struct sim *sim, uint64_t number); /* 0: all */
/* All links are as fast as ever: what stood in line before a slow one arrives. */
void sim_link_hasten(struct sim *sim);
/* Nothing passes between the core and the others from here on. */
void sim_link_isolate(struct sim *sim);
void sim_link_close(struct sim *sim);

/* --- node.c, node_disk.c, node_store.c -------------------------------------------------------------------------------------- */

void sim_node_init(struct sim *sim, struct sim_node *node, size_t index);
void sim_node_start(struct sim *sim, struct sim_node *node);
/* The process is gone at once. A prefix of what was on its way to the disk has become durable. */
void sim_node_crash(struct sim *sim, struct sim_node *node);
void sim_node_step(struct sim *sim, struct sim_node *node, struct gossip_event *event);
bool sim_node_runs(const struct sim *sim, const struct sim_node *node); /* up and not frozen */
void sim_node_close(struct sim_node *node);
/* node_disk.c */
void sim_node_take_batch(struct sim *sim, struct sim_node *node, const struct catalog_batch *batch);
void sim_node_stored(struct sim *sim, struct sim_node *node);
void sim_node_reopen(struct sim *sim, struct sim_node *node);
/* What becomes of the batches on their way when the process or the power goes. */
void sim_node_disk_crash(struct sim *sim, struct sim_node *node);
/* Loads what the disk has, verified against what it must hold (real stores). False: it does not start. */
bool sim_node_disk_open(struct sim *sim, struct sim_node *node, struct catalog_load *load);
void sim_node_disk_opened(struct sim_node *node, struct catalog_load *load);
void sim_node_wipe(struct sim *sim, struct sim_node *node);
void sim_node_backup(struct sim *sim, struct sim_node *node);
void sim_node_restore(struct sim *sim, struct sim_node *node);
void sim_node_damage(struct sim *sim, struct sim_node *node, uint64_t bits);

/* node_store.c: the same with a real store; the model follows what is found. */
bool sim_node_store_open(struct sim *sim, struct sim_node *node);
int sim_node_store_commit(struct sim *sim, struct sim_node *node, const struct sim_batch *batch);
bool sim_node_store_reopen(struct sim *sim, struct sim_node *node);
void sim_node_store_crash(struct sim *sim, struct sim_node *node);
void sim_node_store_wipe(struct sim *sim, struct sim_node *node);
void sim_node_store_backup(struct sim *sim, struct sim_node *node);
void sim_node_store_restore(struct sim *sim, struct sim_node *node);
bool sim_node_store_damage(struct sim *sim, struct sim_node *node, uint64_t bits);
void sim_node_store_lie(struct sim_node *node, bool lies);
void sim_node_store_close(struct sim_node *node);
/* intern.c: the harness's own copy of an entry, held for the caller; the end of them all */
struct catalog_entry *sim_entry_keep(struct sim *sim, const struct catalog_entry *entry);
void sim_entries_close(struct sim *sim);
/* Whether this copy is shown to this checker for the first time; true for what is none of the harness's copies. */
enum sim_entry_mark {
    SIM_MARK_S6 = 1,
    SIM_MARK_S7 = 2,
    SIM_MARK_S9 = 4,
    SIM_MARK_S12 = 8,
    SIM_MARK_S3 = 16,
    SIM_MARK_NOTED = 32, /* by causal.h */
};
/* Of two (or twice the same), on disks with this horizon. */
bool sim_entries_first(struct sim *sim, const struct catalog_entry *before,
                       const struct catalog_entry *after, catalog_clock horizon,
                       enum sim_entry_mark mark);
bool sim_entry_first(struct sim *sim, const struct catalog_entry *entry, enum sim_entry_mark mark);

/* memory.c */
void sim_memory_init(struct sim_memory *memory);
void sim_memory_step_begin(struct sim_memory *memory);

/* --- fault.c, fault_heal.c, hostile.c ------------------------------------------------------------------------------------------ */

void sim_fault_perform(struct sim *sim, size_t action_index);
void sim_fault_undo(struct sim *sim, uint64_t number);
/* The crash that waited for a commit comes. */
void sim_fault_crash(struct sim *sim, struct sim_node *node);
/* The end of the faults that lie on one node: lies of its disk, its life as a clone or as a founder. */
void sim_fault_node_undo(struct sim *sim, struct sim_node *node);
/* fault_heal.c: the end of the load: all (or the core) is healed, started, reachable. */
void sim_fault_heal(struct sim *sim);
/* Members that were removed, were started again, and learn only now that they are removed: started once more. */
/* Whether who runs on it can admit others, and goes on as the member that it is: one that is older than a horizon has to
 * begin anew, and so may one that is older than what its id has told. */
bool sim_fault_disk_serves(const struct sim *sim, const struct sim_disk *disk);
void sim_fault_start_again(struct sim *sim);
void sim_fault_ghosts_remove(struct sim *sim);
void sim_hostile_stranger(struct sim *sim, struct sim_node *node);
void sim_hostile_liar(struct sim *sim, struct sim_node *node);
void sim_hostile_answer(struct sim *sim, struct sim_node *node, size_t connection, unsigned end,
                        unsigned type);
/* upgrade.c, of a node that is down: false if nothing came of it */
bool sim_upgrade_possible(const struct sim_node *node);
bool sim_upgrade(struct sim *sim, struct sim_node *node);

/* --- operation.c --------------------------------------------------------------------------------------------------------------- */

void sim_operation_perform(struct sim *sim, const struct scenario_action *action);
/* One more exchange and one more diff, when all is healed. */
void sim_operation_ask(struct sim *sim);
void sim_operation_remove(struct sim *sim, struct sim_node *by, struct sim_node *gone);
/* What is dead of this name: no node's disk bears its id. */
void sim_operation_remove_ghost(struct sim *sim, struct sim_node *by, const char *name);
/* SIM_EVENT_WAIT: of this place in `waits`, meant for this life of its node. */
void sim_operation_wait(struct sim *sim, size_t place, unsigned start);
/* At rest all are asked whether they are fresh. */
void sim_operation_check(struct sim *sim);
void sim_operation_close(struct sim *sim);
void sim_operation_reply(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply);

/* --- god.c --------------------------------------------------------------------------------------------------------------------- */

void sim_god_acknowledged(struct sim *sim, struct sim_node *node, struct catalog_entry *entry);
/* A fault outside the promises takes what this disk holds: call before, with the disk that comes after (NULL: nothing). */
void sim_god_disk_replaced(struct sim *sim, struct sim_node *node, const struct sim_disk *after);
/* An update hands over what a node alone had when it began anew. */
void sim_god_handed_over(struct sim *sim, struct sim_node *node,
                         const struct gossip_update *update);
/* A disk is about to begin anew. */
void sim_god_reset(struct sim *sim, struct sim_node *node);
/* Which acknowledged writes no required disk holds; compared with what is excused. */
void sim_god_check(struct sim *sim);
/* The heal has come: from here on only what no required disk holds is excused. */
void sim_god_healed(struct sim *sim);
/* Notes for each acknowledged write when it was on the last required disk. */
void sim_god_follow(struct sim *sim);
/* Only disks that are never reached again hold it: of nodes outside the healed core, of removed ones, of clones. */
bool sim_god_out_of_reach(const struct sim *sim, struct catalog_entry *entry);
/* How many acknowledged writes are missing on this disk. */
uint32_t sim_god_missing(const struct sim *sim, const struct sim_node *node);
/* The same over all required disks but one node's, of the writes of the others. */
uint64_t sim_god_lag(const struct sim *sim, size_t except);
void sim_god_close(struct sim *sim);

#endif
