/* real_fault.h - the faults that are in force, and what each kind does (private to bin/chaos/).
 *
 *   real_fault.c          the list: begun, ended when their time is over, healed
 *   real_fault_link.c     links: all that are in force together make the proxies' rules
 *   real_fault_process.c  kill, stop, freeze, copies of directories, clocks
 *   real_fault_disk.c     full, failing, slow, lying disks; flipped bits
 *   real_fault_peer.c     strangers, liars, membership
 */
#ifndef CHAOS_REAL_FAULT_H
#define CHAOS_REAL_FAULT_H

#include "bin/chaos/real_parts.h"

/* One that lasts. Its action's lists are the scenario's. */
struct real_fault {
    struct scenario_action action;
    uint64_t until_ms;                    /* UINT64_MAX: until the end of the load */
    uint64_t next_ms;                     /* flap, liar: when it goes on; else UINT64_MAX */
    uint64_t left;                        /* liar: lies */
    bool idle;                            /* flap: the link passes just now */
    bool kept;                            /* outside of the core that was healed: for ever */
    uint64_t full_before[REAL_NODES_MAX]; /* disk_full: what its log said of that before */
};

struct real_faults {
    struct real_ground *ground;
    const struct scenario *scenario;
    struct real_random random;
    struct real_fault *list; /* in the order in which they began */
    size_t count, capacity;
    struct real_rule *rules;
    const struct scenario_nodes *core;    /* healed: links within have no rules; NULL */
    uint64_t done[SCENARIO_CLASS_COUNT];  /* what was counted here */
    uint64_t fired[SCENARIO_CLASS_COUNT]; /* the same with what proxies and traces counted */
    uint64_t now_ms;                      /* of the last call */
    bool retry[REAL_PROXY_NODES_MAX];     /* did not start for lack of a disk: again at retry_ms */
    uint64_t retry_ms;
    uint64_t strangers; /* how many, for their turn */
    int silent[16];     /* connections of strangers that stay open; -1 */
    size_t silent_next;
};

static inline struct real_node *real_fault_node(struct real_faults *faults, size_t index) {
    return &faults->ground->nodes[index];
}
static inline struct real_process *real_fault_process(struct real_faults *faults, size_t index) {
    return &faults->ground->processes[index];
}
/* An empty list holds all. */
bool real_fault_holds(const struct scenario_nodes *nodes, size_t index);
/* Performs it on one node. False: `why_not`. */
typedef bool real_fault_on_node(struct real_faults *faults, struct real_fault *fault,
                                struct real_node *node, char why_not[120]);

/* --- real_fault_link.c --- */
void real_fault_links(struct real_faults *faults);
bool real_fault_is_link(enum scenario_action_type type);
bool real_fault_reset(struct real_faults *faults, const struct scenario_action *action,
                      char why_not[120]);

/* --- real_fault_process.c --- */
real_fault_on_node real_fault_crash, real_fault_stop, real_fault_freeze, real_fault_wipe,
    real_fault_backup, real_fault_restore, real_fault_clone, real_fault_clock;
bool real_fault_set_clock(struct real_faults *faults, const struct real_node *node,
                          int64_t offset_ms);
void real_fault_end_clones(struct real_faults *faults, const struct real_node *original);
/* Starts those that are marked and down, all at once. False: `message` of the first that did not. */
bool real_fault_start(struct real_faults *faults, const bool *marked,
                      char message[REAL_MESSAGE_SIZE_MAX]);

/* Again those that did not start. */
bool real_fault_retry(struct real_faults *faults, char message[REAL_MESSAGE_SIZE_MAX]);

/* --- real_fault_disk.c --- */
real_fault_on_node real_fault_full, real_fault_error, real_fault_slow, real_fault_lie,
    real_fault_damage;
/* Its time is over. */
void real_fault_disk_end(struct real_faults *faults, struct real_fault *fault,
                         struct real_node *node);
/* Its effects are seen in traces, not when it begins. */
bool real_fault_is_counted_by_disk(enum scenario_action_type type);
/* Whether the disk of this node is not to be written to now. */
bool real_fault_disk_fails(const struct real_faults *faults, size_t index);
/* What the traces of faults that are in force have counted of this class. */
uint64_t real_fault_injected(struct real_faults *faults, enum scenario_class class);

/* --- real_fault_peer.c --- */
bool real_fault_stranger(struct real_faults *faults, const struct real_node *node, uint64_t count,
                         char why_not[120]);
bool real_fault_liar(struct real_faults *faults, struct real_fault *fault, char why_not[120]);
void real_fault_liar_go_on(struct real_faults *faults, struct real_fault *fault);
bool real_fault_remove(struct real_faults *faults, const struct scenario_action *action,
                       char why_not[120]);
bool real_fault_join(struct real_faults *faults, struct real_node *node, char why_not[120]);
real_fault_on_node real_fault_other_cluster;
bool real_fault_dial_others(struct real_faults *faults, struct real_node *node,
                            char message[REAL_MESSAGE_SIZE_MAX]);
void real_fault_hang_up(struct real_faults *faults);

#endif
