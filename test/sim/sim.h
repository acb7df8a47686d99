/* sim.h - the simulated world: engines, their network, disks and clocks, from one choice source.
 *
 *   choice --> world (event queue in virtual milliseconds)
 *                |-- node[i]: engine, disk (survives a crash), wall clock, batches on their way to the disk
 *                |-- connections: frames are lost, delayed, repeated, reordered; links are cut
 *                |-- load: writes by clients, as JSON bodies, through GOSSIP_WRITE
 *                `-- checks: each promise that can be checked after an event or at the end
 *
 * The engine, the catalog and the tree are the real ones. A run has three phases: load with faults; settle, in which all
 * is healed and nothing is written, and everything must become equal within K(n) intervals; quiet, in which no entry
 * may be moved. The trace hash covers time, node and content of every event.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "gossip/gossip.h"
#include "test/sim/choice.h"

#include <stdio.h>

enum {
    SIM_NODES_MAX = 1024,
    SIM_INTERVAL_MS = 1000,
    SIM_ENTITIES = 12,
    SIM_MEMBERS_CHECKED_MAX =
        64, /* larger clusters are not checked for what they say of agreement */
};

/* What may go wrong in a run; each is on in half of the seeds. */
enum sim_fault {
    SIM_LOSS = 0,
    SIM_DELAY,
    SIM_REPEAT,
    SIM_REORDER,
    SIM_PARTITION,
    SIM_ONE_WAY, /* a partition in one direction */
    SIM_CRASH,
    SIM_FREEZE,
    SIM_DISK_FULL,
    SIM_DISK_ERROR,
    SIM_DISK_SLOW, /* commits take seconds */
    SIM_CLOCK,
    SIM_LATE_JOIN,
    SIM_FAULT_COUNT,
};
extern const char *const sim_fault_names[SIM_FAULT_COUNT];

/* --- the virtual disk (disk.c): atomic commits, in order; what was not committed is lost in a crash ----------------- */

struct sim_disk {
    bool exists;
    struct catalog_node_state state;
    struct catalog_entry **entries; /* in order of keys, held */
    size_t entry_count, entry_capacity;
    struct catalog_member_row *members;
    size_t member_count;
    struct catalog_sum sum; /* over entries, kept by the disk itself */
};

/* A batch on its way. */
struct sim_batch {
    uint64_t ticket;
    struct catalog_entry **entries;
    size_t entry_count;
    struct catalog_member_row *members;
    size_t member_count;
    bool members_cleared;
    struct catalog_node_state state;
    struct sim_batch *next;
};

/* --- nodes and connections ------------------------------------------------------------------------------------------ */

struct sim_node {
    size_t index;
    char name[24];
    char address[64];
    struct catalog_id id;
    struct gossip *engine; /* NULL: down */
    unsigned starts;
    uint64_t frozen_until_ms;
    uint64_t tick_ms; /* when a tick is queued; UINT64_MAX: none */
    int64_t skew_ms;  /* of the wall clock */
    bool joined;      /* has been started at all */
    struct sim_disk disk;
    struct merkle_digest *held; /* sums of all that the disk ever held (check.c) */
    size_t held_count, held_capacity;
    struct sim_batch *batches;   /* in order */
    uint64_t disk_slow_until_ms; /* no commit ends before */
    int disk_failure;            /* what the next commits answer; 0: they succeed */
    bool disk_broken;            /* a commit failed; nothing is taken until it is reopened */
    bool catching_up; /* reopened: what a failed commit left on disk is on its way into the tree */
    uint32_t accepted_last;
    uint64_t entries_sent_mark;
};

struct sim_connection {
    size_t node[2]; /* 0 dialled */
    uint32_t id[2];
    bool open[2];  /* this end was told that it is connected, and not that it is not */
    bool hello[2]; /* a frame has arrived at this end: the first is always its hello */
};

enum sim_event_type {
    SIM_EVENT_FRAME = 1,
    SIM_EVENT_CONNECTED,
    SIM_EVENT_DISCONNECTED,
    SIM_EVENT_STORED,
    SIM_EVENT_REOPEN,
    SIM_EVENT_TICK,
    SIM_EVENT_LOAD,
    SIM_EVENT_FAULT,
    SIM_EVENT_RESTART,
    SIM_EVENT_JOIN,
};

struct sim_event {
    uint64_t time_ms, order;
    enum sim_event_type type;
    size_t node;
    unsigned
        start; /* of the node, when the event was made: a crash voids what was meant for the life before */
    uint32_t connection;
    uint8_t *frame;
    size_t size_bytes;
};

/* A write that was acknowledged. */
struct sim_acknowledged {
    struct catalog_entry *entry; /* held */
    size_t node;
};

struct sim_stats {
    uint64_t events, frames, frames_lost, writes, writes_refused, crashes, partitions, freezes,
        disk_failures;
    uint64_t repairs; /* entries that exchanges moved */
    uint64_t virtual_ms;
    uint64_t node_ms;
    uint64_t settle_intervals; /* until all roots were equal */
    uint64_t quiet_bytes;      /* sent in the quiet phase, all nodes */
    uint64_t conflicts;
    uint64_t seen_rises, agreed_claims; /* checked */
    size_t nodes;
};

struct sim_options {
    uint64_t seed;
    const uint8_t *bytes; /* choices; NULL: from the seed */
    size_t size_bytes;
    size_t nodes; /* 0: drawn, 3 to 30 */
    FILE *trace;  /* NULL: none */
};

struct sim {
    struct choice choice;
    struct sim_options options;
    FILE *trace;
    uint64_t now_ms;
    uint64_t hash;
    bool faults[SIM_FAULT_COUNT];
    uint64_t load_end_ms;
    bool loading; /* faults and writes are on */
    struct sim_event *heap;
    size_t heap_count, heap_capacity;
    uint64_t order;
    struct sim_node *nodes;
    size_t node_count;
    struct sim_connection *connections;
    size_t connection_count, connection_capacity;
    bool cut_active;
    bool *cut; /* node_count * node_count: frames from row to column are lost */
    unsigned loss_percent, repeat_percent, reorder_percent;
    uint64_t delay_ms;
    struct sim_acknowledged *acknowledged;
    size_t acknowledged_count, acknowledged_capacity;
    struct sim_origin *origins; /* hash table of (origin, clock) -> content (check.c) */
    size_t origin_count, origin_capacity;
    struct sim_stats stats;
    bool failed;
    char failure[600];
};

/* Runs one seed. True if every promise held; else sim->failure says which did not. */
bool sim_run(struct sim *sim, const struct sim_options *options);
void sim_close(struct sim *sim);

/* --- shared by the files of test/sim/ --------------------------------------------------------------------------------- */

/* Notes a violation (the first stands) and ends the run. */
void sim_fail(struct sim *sim, const char *promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_trace(struct sim *sim, size_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_hash(struct sim *sim, const void *bytes, size_t size_bytes);
void *sim_allocate(size_t count,
                   size_t size_bytes); /* zeroed; ends the process if memory is short */
void *sim_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes);

/* event.c */
void sim_event_push(struct sim *sim, const struct sim_event *event);
bool sim_event_pop(struct sim *sim, struct sim_event *event);

/* disk.c */
struct sim_batch *sim_batch_new(const struct catalog_batch *batch);
void sim_batch_free(struct sim_batch *batch);
void sim_disk_apply(struct sim *sim, struct sim_node *node, const struct sim_batch *batch);
struct catalog_entry *sim_disk_find(const struct sim_disk *disk, const struct catalog_key *key);
/* What an engine gets at its start. Valid until the disk changes; free `entries` and `members` with free(). */
void sim_disk_load(const struct sim_disk *disk, struct catalog_load *load);
void sim_disk_close(struct sim_disk *disk);

/* network.c */
void sim_network_dial(struct sim *sim, struct sim_node *node, uint32_t connection,
                      const char *address);
void sim_network_close(struct sim *sim, struct sim_node *node, uint32_t connection);
void sim_network_send(struct sim *sim, struct sim_node *node, const struct gossip_send *send);
/* A frame arrives: false if it must be dropped. */
bool sim_network_arrives(struct sim *sim, const struct sim_event *event);
void sim_network_connected(struct sim *sim, const struct sim_event *event);
bool sim_network_disconnected(struct sim *sim, const struct sim_event *event);
void sim_network_crashed(struct sim *sim, struct sim_node *node);

/* node.c */
void sim_node_start(struct sim *sim, struct sim_node *node);
void sim_node_crash(struct sim *sim, struct sim_node *node);
void sim_node_step(struct sim *sim, struct sim_node *node, struct gossip_event *event);
void sim_node_stored(struct sim *sim, struct sim_node *node);
void sim_node_reopen(struct sim *sim, struct sim_node *node);

/* load.c */
void sim_load_write(struct sim *sim);
void sim_load_reply(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply);

/* fault.c */
void sim_fault_draw(struct sim *sim);
void sim_fault_inject(struct sim *sim);
void sim_fault_heal(struct sim *sim);

/* check.c */
void sim_check_applied(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                       struct catalog_entry *after);
/* After a batch: what stands on the disk now. */
void sim_check_landed(struct sim *sim, struct sim_node *node, catalog_clock seen_before);
void sim_check_node(struct sim *sim, struct sim_node *node, bool thoroughly);
bool sim_check_equal(struct sim *sim);
/* Who is not as the first node is, and how. */
void sim_check_unequal(struct sim *sim, char *text, size_t size_bytes);
void sim_check_end(struct sim *sim);
void sim_check_close(struct sim *sim);

#endif
