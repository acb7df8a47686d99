/* sim.h - the simulated world: engines, their network, disks and clocks, from one choice source.
 *
 *   scenario --> world (event queue in virtual milliseconds)
 *                |-- node[i]: engine, disk (survives a crash), wall clock, batches on their way to the disk
 *                |-- connections: frames are lost, delayed, repeated, reordered, corrupted; links are cut
 *                |-- faults in force, and when they end (fault.c)
 *                |-- clients: what the scenario's operations ask, as JSON, through the engine (operation.c)
 *                |-- god's view: what was acknowledged, and which disks hold it (god.c)
 *                `-- checkers: one object for each invariant (checker.h)
 *
 * The engine, the catalog and the tree are the real ones. A run has four phases: load with faults; settle, in which all is
 * healed (or a core of the nodes, for ever without the others) and nothing is written; check; quiet, in which no entry may
 * be moved. The trace hash covers time, node and content of every event.
 *
 * This header is what bin/chaos/ uses. What the files of test/sim/ share beside is in world.h.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "test/sim/report.h"
#include "test/sim/scenario.h"
#include "test/sim/verdict.h"

enum sim_phase { SIM_LOAD = 0, SIM_SETTLE = 1, SIM_CHECK = 2, SIM_QUIET = 3 };
const char *sim_phase_name(enum sim_phase phase);

enum { SIM_INVARIANT_SIZE_MAX = 8, SIM_FAILURE_SIZE_MAX = 600 };

/* Operations of clients, for the guard against vacuity. */
enum sim_operation {
    SIM_OPERATION_SET = 0,
    SIM_OPERATION_DROP = 1,
    SIM_OPERATION_IMPORT = 2,
    SIM_OPERATION_SYNC = 3,
    SIM_OPERATION_DIFF = 4,
    SIM_OPERATION_AGREE = 5,
    SIM_OPERATION_STAGED_SET = 6,
    SIM_OPERATION_STAGED_DROP = 7,
    SIM_OPERATION_STAGED_ABORT = 8,
    SIM_OPERATION_RESOLVE = 9,
    SIM_OPERATION_CHECK = 10,
    SIM_OPERATION_COUNT = 11,
}; /* in the order of the scenario's actions */
const char *sim_operation_name(enum sim_operation operation);

struct sim_stats {
    uint64_t nodes, events, frames, frames_lost, frame_bytes;
    uint64_t tried[SIM_OPERATION_COUNT], succeeded[SIM_OPERATION_COUNT];
    uint64_t fired[SCENARIO_CLASS_COUNT]; /* effects of each class */
    uint64_t crashes, crashes_in_commit;  /* with a batch on its way */
    uint64_t acknowledged, excused;       /* writes; those whose loss the god's view excuses */
    uint64_t entries_transferred;         /* by exchanges and pushes */
    uint64_t conflicts, entries;          /* at the end */
    uint64_t settle_intervals;            /* until all required roots were equal */
    uint64_t load_ms, virtual_ms;
    /* simulated, over all nodes that were up; of it under faults, and at rest (check and quiet phases) */
    uint64_t node_ms, load_node_ms, rest_node_ms;
    uint64_t quiet_bytes, quiet_intervals; /* sent in the quiet phase, all nodes */
    uint64_t
        lag; /* with options.lag_counted: at each interval, the writes that are missing on a node, over all nodes */
    uint64_t store_crashes; /* power cuts of a real store that was opened again */
};

/* What one event was, so that two runs can be laid side by side. */
struct sim_step_record {
    uint64_t time_ms, hash; /* of the whole run, up to and with this event */
    uint32_t node;
    uint8_t type;
};

struct sim_options {
    const struct scenario *scenario; /* expanded; borrowed */
    /* where the run's own choices come from; NULL: the scenario's seed. A fuzzer's bytes, after the plan was drawn. */
    struct choice *choice;
    FILE *trace;           /* each event that matters, in words; NULL: none */
    struct report *report; /* opened; filled with samples, bands, checks, figures; NULL: none */
    bool record;           /* keep a struct sim_step_record for each event */
    /* expected records of an earlier run: the first that differs is kept in `differs_at` */
    const struct sim_step_record *expected;
    size_t expected_count;
    uint64_t events_max; /* 0: none; a fuzzer's bound: the run then ends as unknown */
    uint64_t (*nanoseconds)(
        void);          /* a clock, to say what share the checks take; NULL: not measured */
    const char *hollow; /* C03: these invariants are never reported; "S2,G6"; NULL */
    bool lossless;      /* C02: the network never drops, delays, repeats or reorders */
    bool lag_counted;   /* stats.lag, over all nodes but `lag_except` (paired.h) */
    size_t lag_except;
};

struct sim_result {
    enum chaos_verdict verdict;
    char invariant[SIM_INVARIANT_SIZE_MAX]; /* "S3"; empty */
    char reason[SIM_FAILURE_SIZE_MAX];      /* of a verdict other than held */
    enum sim_phase phase;
    uint64_t failed_ms;
    size_t failed_node; /* SIZE_MAX: none in particular */
    uint64_t trace_hash;
    uint64_t choices; /* made during the run: what shrinking may mask */
    struct sim_stats stats;
    uint64_t check_ns, load_ns, rest_ns, run_ns; /* with options.nanoseconds */
    char content_root[33]; /* digest of the export at the end; empty if they were not equal */
    struct sim_step_record *records; /* with options.record; the caller frees */
    size_t record_count;
    bool differs; /* from options.expected */
    size_t differs_at;
    struct sim_step_record found; /* there */
};

/* Runs it. Needs nothing from outside but memory (and a directory for a real store); ends the process only where memory is
 * short or the code under test asserts. */
void sim_run(const struct sim_options *options, struct sim_result *result);

/* K(n) of DESIGN 2, G1: intervals within which all must be equal. */
uint64_t sim_settle_bound(size_t node_count);

/* The invariants that are checked, for lists: id, statement; NULL at the end. `later`: with the next issue. */
struct sim_invariant {
    const char *id, *statement;
    bool later;
};
const struct sim_invariant *sim_invariants(size_t *count);
const char *sim_event_name(uint8_t type);

#endif
