/* scenario.h - what happens to a cluster, and when: one structure for a file that a person wrote, for what a seed draws, and
 * for what a failed run shrinks to. The simulator and attune-chaos run perform the same one.
 *
 *   YAML file --scenario_read--+                            +--> sim.c        virtual nodes
 *   seed ------scenario_draw---+--> struct scenario --------+--> bin/chaos/   real processes
 *   failed run -----shrink-----+     (actions in order      +--> scenario_print: YAML again
 *                                     of time)
 *
 * All times are milliseconds since the start of the run. Nodes are called n1, n2, ...; in the structure they are indexes
 * from 0. docs/CHAOS.md describes the file for its users.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "test/sim/choice.h"

#include <stdio.h>

enum {
    SCENARIO_NODES_MAX = 1024,
    SCENARIO_ACTIONS_MAX = 100000,
    SCENARIO_TEXT_SIZE_MAX = 64 * 1024, /* bytes of one body or import */
    SCENARIO_FILE_SIZE_MAX = 8 * 1024 * 1024,
    SCENARIO_LINE_SIZE_MAX = 120, /* of a name, a title */
    SCENARIO_MESSAGE_SIZE_MAX = 400,
    SCENARIO_TIME_MS_MAX = 24 * 3600 * 1000,
    SCENARIO_KEPT_MAX = 256,
};

/* --- what can be done -------------------------------------------------------------------------------------------- */

/* Classes of faults: the swarm switches them on and off, shrinking leaves them out one by one, and a run in which one that
 * is on never fired has proved nothing about it. In the order of FAULTS.md: network, process, disk, peers, members. */
#define SCENARIO_CLASSES(X)                                                                        \
    X(NONE, "none")                                                                                \
    X(LOSS, "loss")                                                                                \
    X(DELAY, "delay")                                                                              \
    X(REPEAT, "repeat")                                                                            \
    X(REORDER, "reorder")                                                                          \
    X(PARTITION, "partition")                                                                      \
    X(ONE_WAY, "one_way")                                                                          \
    X(FLAP, "flap")                                                                                \
    X(SLOW_LINK, "slow_link")                                                                      \
    X(FRAGMENT, "fragment")                                                                        \
    X(HANG, "hang")                                                                                \
    X(RESET, "reset")                                                                              \
    X(CORRUPT, "corrupt")                                                                          \
    X(CRASH, "crash")                                                                              \
    X(STOP, "stop")                                                                                \
    X(FREEZE, "freeze")                                                                            \
    X(WIPE, "wipe")                                                                                \
    X(RESTORE, "restore")                                                                          \
    X(CLONE, "clone")                                                                              \
    X(CLOCK, "clock")                                                                              \
    X(MEMORY, "memory")                                                                            \
    X(MASS_RESTART, "mass_restart")                                                                \
    X(DISK_FULL, "disk_full")                                                                      \
    X(DISK_ERROR, "disk_error")                                                                    \
    X(DISK_SLOW, "disk_slow")                                                                      \
    X(DISK_LIE, "disk_lie")                                                                        \
    X(DAMAGE, "damage")                                                                            \
    X(STRANGER, "stranger")                                                                        \
    X(LIAR, "liar")                                                                                \
    X(LATE_JOIN, "late_join")                                                                      \
    X(REMOVE, "remove")                                                                            \
    X(OTHER_CLUSTER, "other_cluster")                                                              \
    X(UPGRADE, "upgrade")

enum scenario_class {
#define X(symbol, name) SCENARIO_CLASS_##symbol,
    SCENARIO_CLASSES(X)
#undef X
        SCENARIO_CLASS_COUNT,
};
const char *scenario_class_name(enum scenario_class class);
/* False: there is none of that name. */
bool scenario_class_find(const char *name, enum scenario_class *class);

/* Which arguments an action takes. NODES_NEEDED: at least one node must be named; else none means all. */
enum {
    SCENARIO_TAKES_NODES = 1,
    SCENARIO_NODES_NEEDED = 2,
    SCENARIO_TAKES_TO = 4,
    SCENARIO_TAKES_FOR = 8, /* `for`; without it: until the end of the load */
    SCENARIO_TAKES_PERCENT = 16,
    SCENARIO_TAKES_SPAN = 32,  /* a duration: `span` */
    SCENARIO_TAKES_COUNT = 64, /* a number: `count` */
    SCENARIO_TAKES_KEY = 128,  /* `key`: schema/ENTITY, constraint/ENTITY/NAME, index/ENTITY/NAME */
    SCENARIO_TAKES_BODY = 256, /* `body`: JSON as PUT takes it; for import: JSON Lines */
    SCENARIO_TAKES_WAIT = 512, /* `wait`: the deadline of an agreement (0 to 1h); and `skip_dead` */
};
#define SCENARIO_WHO (SCENARIO_TAKES_NODES | SCENARIO_NODES_NEEDED)
#define SCENARIO_LINK (SCENARIO_TAKES_NODES | SCENARIO_TAKES_TO | SCENARIO_TAKES_FOR)
#define SCENARIO_WRITE (SCENARIO_WHO | SCENARIO_TAKES_WAIT)

/* symbol, name in files, class, arguments. What each means to the nodes:
 *
 *  on links (from `nodes` to `to`, each all nodes if left out, unless said otherwise)
 *   loss          each frame is lost with `percent`
 *   delay         frames take `span` longer on average, exponentially
 *   repeat        each frame comes again with `percent`, up to `span` later (default 2s)
 *   reorder       each frame is overtaken with `percent`
 *   partition     nothing passes between `nodes` and `to` (default: all others), in either direction, and nobody is told
 *   one_way       nothing passes from `nodes` to `to` (default: all others)
 *   flap          a partition that comes and goes every `span`
 *   slow_link     `count` bytes a second
 *   fragment      bytes arrive in pieces of at most `count` (default 1)
 *   hang          connections to and from `nodes` are made and stay open, and nothing passes
 *   reset         open connections between `nodes` and `to` end, in the middle of a frame (RST)
 *   corrupt       with `percent` a frame is replaced by bytes that are none; the connection ends at the receiver
 *  to processes
 *   crash         kill -9, up again after `for`
 *   stop          SIGTERM, up again after `for`
 *   freeze        SIGSTOP, SIGCONT after `for`
 *   wipe          kill -9, the data directory is emptied, up again after `for`
 *   backup        keeps a copy of the data directory as of now (of a killed process; it is up again at once)
 *   restore       kill -9, the copy takes the place of the data directory, up again after `for`
 *   clone         a second process is started on a copy of the data directory, on an address of its own, for `for`
 *   clock         the wall clock jumps by `span` (may be negative), and back after `for`
 *   memory        allocations of the engine fail, `count` of them in a row from the next one on
 *   mass_restart  kill -9 of all `nodes` at once, all up again after `for`
 *  to disks
 *   disk_full     writes fail for lack of space, for `for`
 *   disk_error    writes and syncs fail, for `for`
 *   disk_slow     each commit takes `span`, for `for`
 *   disk_lie      syncs report success and do nothing, for `for`; then the power is cut, up again at once
 *   damage        kill -9, `count` bits of the file are flipped (default 1), up again at once
 *  by others
 *   stranger      somebody who is no member connects to `nodes` and sends garbage, `count` times
 *   liar          a member's connection to `nodes` carries what no honest member says: malformed and absurd messages
 *  of membership
 *   join          starts a node that is not up from the beginning (a node with a join action is not)
 *   remove        the operator removes the first of `to` by way of `nodes`; it is killed first, and started again after `for`
 *                 (left out: never), with its disk: then it must come back under a new id
 *   remove_live   the same, and it is not killed; with `for` it is started again then
 *   other_cluster `nodes` are started as founders of a cluster of their own, and told to dial the others after `span`
 *   upgrade       kill -9, a newer version runs for a moment, writes what this one knows not, and dies; up again after `for`
 *  of clients (at one node each: the first of `nodes`)
 *   set           PUT `key` `body`
 *   drop          DELETE `key`, with cascade
 *   import        POST /v1/import `body`
 *   sync          exchange now with all
 *   diff          with the first of `to`
 *   agree         waits for agreement on `key` (left out: on the whole catalog), until `wait`
 *   staged_set    a staged change of `key` to `body`: all its steps, or going on with them
 *   staged_drop   the same, to drop it
 *   staged_abort  back to what was before
 *   resolve       writes again what the first of `to` says of `key`, over all other versions
 *   check         checks a record of the schema `key` (left out: e0), with a max_staleness of `span`
 * set, drop, import and resolve take `wait`, too: once they are stored they wait for agreement.
 */
#define SCENARIO_ACTIONS(X)                                                                        \
    X(LOSS, "loss", LOSS, SCENARIO_LINK | SCENARIO_TAKES_PERCENT)                                  \
    X(DELAY, "delay", DELAY, SCENARIO_LINK | SCENARIO_TAKES_SPAN)                                  \
    X(REPEAT, "repeat", REPEAT, SCENARIO_LINK | SCENARIO_TAKES_PERCENT | SCENARIO_TAKES_SPAN)      \
    X(REORDER, "reorder", REORDER, SCENARIO_LINK | SCENARIO_TAKES_PERCENT)                         \
    X(PARTITION, "partition", PARTITION, SCENARIO_LINK | SCENARIO_NODES_NEEDED)                    \
    X(ONE_WAY, "one_way", ONE_WAY, SCENARIO_LINK | SCENARIO_NODES_NEEDED)                          \
    X(FLAP, "flap", FLAP, SCENARIO_LINK | SCENARIO_NODES_NEEDED | SCENARIO_TAKES_SPAN)             \
    X(SLOW_LINK, "slow_link", SLOW_LINK, SCENARIO_LINK | SCENARIO_TAKES_COUNT)                     \
    X(FRAGMENT, "fragment", FRAGMENT, SCENARIO_LINK | SCENARIO_TAKES_COUNT)                        \
    X(HANG, "hang", HANG, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                       \
    X(RESET, "reset", RESET, SCENARIO_TAKES_NODES | SCENARIO_TAKES_TO)                             \
    X(CORRUPT, "corrupt", CORRUPT, SCENARIO_LINK | SCENARIO_TAKES_PERCENT)                         \
    X(CRASH, "crash", CRASH, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                    \
    X(STOP, "stop", STOP, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                       \
    X(FREEZE, "freeze", FREEZE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                 \
    X(WIPE, "wipe", WIPE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                       \
    X(BACKUP, "backup", NONE, SCENARIO_WHO)                                                        \
    X(RESTORE, "restore", RESTORE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                              \
    X(CLONE, "clone", CLONE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                                    \
    X(CLOCK, "clock", CLOCK, SCENARIO_WHO | SCENARIO_TAKES_FOR | SCENARIO_TAKES_SPAN)              \
    X(MEMORY, "memory", MEMORY, SCENARIO_WHO | SCENARIO_TAKES_COUNT)                               \
    X(MASS_RESTART, "mass_restart", MASS_RESTART, SCENARIO_TAKES_NODES | SCENARIO_TAKES_FOR)       \
    X(DISK_FULL, "disk_full", DISK_FULL, SCENARIO_WHO | SCENARIO_TAKES_FOR)                        \
    X(DISK_ERROR, "disk_error", DISK_ERROR, SCENARIO_WHO | SCENARIO_TAKES_FOR)                     \
    X(DISK_SLOW, "disk_slow", DISK_SLOW, SCENARIO_WHO | SCENARIO_TAKES_FOR | SCENARIO_TAKES_SPAN)  \
    X(DISK_LIE, "disk_lie", DISK_LIE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                           \
    X(DAMAGE, "damage", DAMAGE, SCENARIO_WHO | SCENARIO_TAKES_COUNT)                               \
    X(STRANGER, "stranger", STRANGER, SCENARIO_WHO | SCENARIO_TAKES_COUNT)                         \
    X(LIAR, "liar", LIAR, SCENARIO_WHO | SCENARIO_TAKES_COUNT)                                     \
    X(JOIN, "join", LATE_JOIN, SCENARIO_WHO)                                                       \
    X(REMOVE, "remove", REMOVE, SCENARIO_WHO | SCENARIO_TAKES_TO | SCENARIO_TAKES_FOR)             \
    X(REMOVE_LIVE, "remove_live", REMOVE, SCENARIO_WHO | SCENARIO_TAKES_TO | SCENARIO_TAKES_FOR)   \
    X(OTHER_CLUSTER, "other_cluster", OTHER_CLUSTER, SCENARIO_WHO | SCENARIO_TAKES_SPAN)           \
    X(UPGRADE, "upgrade", UPGRADE, SCENARIO_WHO | SCENARIO_TAKES_FOR)                              \
    X(SET, "set", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY | SCENARIO_TAKES_BODY)                 \
    X(DROP, "drop", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY)                                     \
    X(IMPORT, "import", NONE, SCENARIO_WRITE | SCENARIO_TAKES_BODY)                                \
    X(SYNC, "sync", NONE, SCENARIO_WHO)                                                            \
    X(DIFF, "diff", NONE, SCENARIO_WHO | SCENARIO_TAKES_TO)                                        \
    X(AGREE, "agree", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY)                                   \
    X(STAGED_SET, "staged_set", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY | SCENARIO_TAKES_BODY)   \
    X(STAGED_DROP, "staged_drop", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY)                       \
    X(STAGED_ABORT, "staged_abort", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY)                     \
    X(RESOLVE, "resolve", NONE, SCENARIO_WRITE | SCENARIO_TAKES_KEY | SCENARIO_TAKES_TO)           \
    X(CHECK, "check", NONE, SCENARIO_WHO | SCENARIO_TAKES_KEY | SCENARIO_TAKES_SPAN)

enum scenario_action_type {
#define X(symbol, name, class, takes) SCENARIO_##symbol,
    SCENARIO_ACTIONS(X)
#undef X
        SCENARIO_ACTION_COUNT,
};
const char *scenario_action_name(enum scenario_action_type type);
enum scenario_class scenario_action_class(enum scenario_action_type type);
unsigned scenario_action_takes(enum scenario_action_type type);
/* What clients ask: SET and all behind it */
bool scenario_action_is_operation(enum scenario_action_type type);

/* --- the structure ----------------------------------------------------------------------------------------------- */

enum { SCENARIO_FOREVER = 0 }; /* for_ms: until the end of the load */

/* A list of node indexes, ascending, owned by the action that holds it. */
struct scenario_nodes {
    uint16_t *indexes;
    size_t count;
};

struct scenario_action {
    enum scenario_action_type type;
    uint64_t at_ms;
    uint64_t for_ms; /* SCENARIO_FOREVER */
    struct scenario_nodes nodes, to;
    unsigned percent; /* 0 to 100 */
    int64_t span_ms;  /* only of CLOCK it may be negative */
    uint64_t count;
    bool waits; /* for agreement: AGREE and the staged ones always do */
    uint64_t wait_ms;
    bool skip_dead;
    /* of operations on one entry; owned; AGREE, CHECK: kind 0 if it is not said */
    uint16_t kind; /* enum catalog_kind */
    char *entity, *name;
    char *body;    /* SET, STAGED_SET, IMPORT; owned */
    unsigned line; /* in the file; 0 */
};

/* Writes that a file asks for in one line; scenario_expand() makes actions of them. */
struct scenario_load {
    uint64_t from_ms, until_ms;
    uint64_t every_ms; /* on average */
    uint64_t entries;  /* not 0: so many different schemas instead, evenly over the time */
    uint64_t
        cycles; /* not 0: so many schemas, each dropped again where it was set, a moment later */
    unsigned entities;             /* default 12: few, so that writes collide */
    unsigned drops_percent;        /* default 20 */
    unsigned imports_percent;      /* default 10: several entries in one batch */
    uint64_t body_size_bytes;      /* default 0: small; else about so many */
    struct scenario_nodes writers; /* none: all */
    unsigned line;
};
enum { SCENARIO_LOADS_MAX = 16 };

/* What must come out beside the promises, which are always checked. -1: not said. */
struct scenario_expectations {
    int64_t entries;   /* not dropped, at the end */
    int64_t conflicts; /* at the end */
    int64_t intervals; /* until all is equal after the last heal; default K(n) */
    /* the run must show this class of refusals or repairs: name of a counter, e.g. "duplicate_id" (of
     * gossip_close_reason_name), "late_join" (gossip_cause_name) or "dropped" (gossip_push_result_name); empty: none */
    char seen[32];
    bool
        stale_roots_allowed; /* convergence is not demanded (two clusters that refuse each other) */
};

/* Choices of the run (not of the plan) that keep the value that the seed gives; all others are 0, "no fault". Half-open
 * ranges, ascending. None: all keep it. Shrinking makes them. */
struct scenario_kept {
    uint64_t first, end;
};

struct scenario {
    char name[SCENARIO_LINE_SIZE_MAX];
    char report[SCENARIO_LINE_SIZE_MAX * 2]; /* the incident that it stands for */
    uint64_t seed;
    size_t node_count;
    uint64_t interval_ms; /* default 1000 */
    uint64_t load_ms;     /* end of load and faults; default: a second after the last action ends */
    uint64_t quiet_intervals;     /* default 20 */
    bool real_store;              /* sim: SQLite behind the recording VFS */
    bool realtime_only, sim_only; /* `modes: [run]`, `modes: [sim]` */
    /* settle: the core that is healed, all others stay broken for ever; none: all is healed */
    struct scenario_nodes core;
    struct scenario_kept *kept;
    size_t kept_count;
    struct scenario_load loads[SCENARIO_LOADS_MAX];
    size_t load_count;
    struct scenario_expectations expect;
    struct scenario_action *actions; /* in order of at_ms; equal times keep their order */
    size_t action_count, action_capacity;
    bool classes[SCENARIO_CLASS_COUNT]; /* those that are on: drawn, or found in the actions */
    bool drawn; /* from a seed: what is tried there now and then need not succeed in each run */
};

/* An empty one with the defaults. */
void scenario_init(struct scenario *scenario);
void scenario_close(struct scenario *scenario);
/* Appends a copy of the action; what it points to moves into the scenario. Call scenario_sort() after the last. */
void scenario_add(struct scenario *scenario, const struct scenario_action *action);
void scenario_sort(
    struct scenario *scenario); /* stable; also sets load_ms if it is 0, and classes */
/* A deep copy, without the actions for which `left_out` (may be NULL) is true; load_ms stays. */
void scenario_copy(struct scenario *to, const struct scenario *from, const bool *left_out);
/* Node lists: one, several, all but those. */
struct scenario_nodes scenario_nodes_of(size_t count, const uint16_t *indexes);
bool scenario_nodes_hold(const struct scenario_nodes *nodes, size_t index);

/* Reads a file's text. False: `message` says what is wrong as "PATH: line N: ..." and nothing is left to close. Unknown
 * keys, keys given twice, impossible times, nodes that do not exist, more than the limits, wrong types, bodies that do not
 * parse as the catalog's, arguments that the action does not take: all are refused with their line. */
bool scenario_parse(const char *path, const char *text, size_t size_bytes,
                    struct scenario *scenario, char message[SCENARIO_MESSAGE_SIZE_MAX]);
bool scenario_read(const char *path, struct scenario *scenario,
                   char message[SCENARIO_MESSAGE_SIZE_MAX]);
/* Writes it as YAML that scenario_parse() reads to the same structure. */
void scenario_print(const struct scenario *scenario, FILE *file);

/* Replaces the loads by actions, drawn from the scenario's seed alone: the same writes in simulation and reality. */
void scenario_expand(struct scenario *scenario);
/* Draws a whole run: size, swarm of classes, actions (generate.c). `nodes`: 0 means drawn. From bytes runs are short, and
 * without a real store. */
void scenario_draw(struct scenario *scenario, struct choice *choice, uint64_t seed, size_t nodes);
/* One line for people: "partition n1,n2 from all others for 31s". */
void scenario_action_describe(const struct scenario_action *action, char *text, size_t size_bytes);

#endif
