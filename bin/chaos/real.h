/* real.h - real attuned processes, the ground on which they stand, and what can be done to them (attune-chaos run).
 *
 *   command_run.c   the course of a run: start, load and faults by time, heal, settle, quiet, verdict, report
 *     |-- real_client.c   HTTP to the nodes, many requests at once, each with a deadline
 *     |-- real_load.c     operations of clients; remembers what was acknowledged
 *     |-- real_check.c    the promises, as far as they can be seen from outside
 *     |-- real_fault.c    performs actions of the scenario on nodes and links, and undoes them
 *     |-- real_node.c     one process: start, signals, its directory; strace and faketime in front of it where wanted
 *     |-- real_ground.c   the place: directories, addresses, network namespaces with a bridge or loopback, tmpfs, nftables
 *     `-- ev_real_proxy.c the fault proxy of each directed link, in a thread with a loop of its own
 *
 * Every node is told to advertise the address of its proxy. Whoever dials it says in its first frame (hello) who it is, so
 * the proxy knows both ends of each connection, and which directed link each direction is. The proxy knows frames, so it
 * can lose, repeat and reorder them; below that it can delay, slow down, cut into pieces, corrupt, reset and hang.
 *
 * All that is made here (processes, namespaces, mounts, rules, directories) bears the run's mark (real_parts.h) and is
 * removed by real_ground_close(), by its mark; by a guardian process after SIGINT, SIGTERM, SIGKILL, a failed assertion.
 */
#ifndef CHAOS_REAL_H
#define CHAOS_REAL_H

#include "test/sim/report.h"
#include "test/sim/scenario.h"
#include "test/sim/verdict.h"

#include <sys/types.h>

enum {
    REAL_NODES_MAX = 64,
    REAL_PATH_SIZE_MAX = 256,
    REAL_ADDRESS_SIZE_MAX = 64,
    REAL_MESSAGE_SIZE_MAX = 400,
};

enum real_network { REAL_NETWORK_AUTO = 0, REAL_NETWORK_NAMESPACES = 1, REAL_NETWORK_LOOPBACK = 2 };

struct real_options {
    const char *
        program; /* the daemon: takes attuned's flags and writes attuned.json as DESIGN 10.1 says */
    const char *directory; /* empty, or is made, and stays; NULL: made below $TMPDIR, and removed */
    enum real_network network;
    bool
        keep; /* leave directories and logs (a small disk for disk_full goes, with what is on it) */
    bool verbose; /* each action and what the nodes said, on stderr */
};

/* --- the ground -------------------------------------------------------------------------------------------------- */

struct real_ground;

/* Makes directories and the network for so many nodes. To be called, as all of this, from the main thread, whose end ends
 * the daemons. AUTO: namespaces if this user may make them, else loopback; what can
 * then not be injected is said on stderr and by real_ground_can(). False: `message` says what is missing. */
bool real_ground_open(const struct real_options *options, size_t node_count,
                      struct real_ground **ground, char message[REAL_MESSAGE_SIZE_MAX]);
/* Ends and removes all of it. */
void real_ground_close(struct real_ground *ground);
/* Whether this kind of action can be performed here; if not, `why_not` says why. */
bool real_ground_can(const struct real_ground *ground, enum scenario_action_type type,
                     char why_not[120]);
enum real_network real_ground_network(const struct real_ground *ground);

/* --- nodes ------------------------------------------------------------------------------------------------------- */

enum real_state {
    REAL_DOWN = 0,   /* not started, or ended by us */
    REAL_UP = 1,     /* runs; attuned.json was there */
    REAL_FROZEN = 2, /* SIGSTOP */
    REAL_DIED = 3,   /* ended, and nobody here did it: `exit_status` */
};

struct real_node {
    size_t index;
    char name[16]; /* n1 */
    enum real_state state;
    pid_t pid;       /* of the daemon itself, also below strace; 0 */
    int exit_status; /* as of waitpid, DIED */
    unsigned starts;
    char directory[REAL_PATH_SIZE_MAX]; /* its data directory */
    char log[REAL_PATH_SIZE_MAX];       /* its stderr, over all starts */
    char gossip
        [REAL_ADDRESS_SIZE_MAX]; /* where it listens; known after the first start, kept over restarts */
    char http[REAL_ADDRESS_SIZE_MAX];       /* reachable from here, also in a namespace */
    char advertised[REAL_ADDRESS_SIZE_MAX]; /* its proxy */
};

/* All nodes, clones behind them. Valid until the ground is closed. */
struct real_node *real_ground_nodes(struct real_ground *ground, size_t *count);
/* Starts the daemon, --join to those of `seeds` (indexes), and waits until it says where it listens (30 s at most). */
bool real_node_start(struct real_ground *ground, struct real_node *node,
                     const struct scenario_nodes *seeds, char message[REAL_MESSAGE_SIZE_MAX]);
/* Looks whether processes have died by themselves (waitpid without waiting). */
void real_ground_reap(struct real_ground *ground);
/* Resident memory in bytes, open descriptors, processor time in ms; 0 if it is down. */
struct real_usage {
    uint64_t resident_bytes, descriptors, cpu_ms;
};
struct real_usage real_node_usage(const struct real_node *node);

/* --- faults ------------------------------------------------------------------------------------------------------ */

struct real_faults; /* what is in force now, and when it ends */

/* Before the first node is started: the scenario says which nodes get a clock or a disk of their own for its faults, how
 * long an interval is, and what the proxies draw from. It must outlive the faults. */
struct real_faults *real_faults_new(struct real_ground *ground, const struct scenario *scenario);
void real_faults_free(struct real_faults *faults);
/* Performs an action that is no operation of a client. False: it could not be, `why_not` says why (the report shows it).
 * What ends by itself after `for` is undone by real_faults_tick. */
bool real_faults_perform(struct real_faults *faults, const struct scenario_action *action,
                         uint64_t now_ms, char why_not[120]);
/* Undoes what is due; returns when to be called again (UINT64_MAX: never). Restarts of nodes happen here. */
uint64_t real_faults_tick(struct real_faults *faults, uint64_t now_ms);
/* Ends all faults; nodes that are down are started. With a core: only those within it; the rest stays broken. */
bool real_faults_heal(struct real_faults *faults, const struct scenario_nodes *core,
                      char message[REAL_MESSAGE_SIZE_MAX]);
/* How often each class had an effect (a frame was lost, a process was killed, a write met a full disk ...). */
const uint64_t *real_faults_fired(const struct real_faults *faults); /* SCENARIO_CLASS_COUNT */

/* Frames and bytes that the proxies passed, lost, delayed, repeated ... since the start. */
struct real_traffic {
    uint64_t connections, frames, bytes, lost, repeated, reordered, delayed, corrupted, resets,
        fragments;
};
struct real_traffic real_ground_traffic(const struct real_ground *ground);

/* --- time and memory (real_common.c) ---------------------------------------------------------------------------------- */

uint64_t real_clock_ms(void); /* monotonic */
uint64_t real_wall_ms(void);
void real_sleep_ms(uint64_t span_ms);
void *real_allocate(size_t size_bytes); /* zeroed; there is no going on without */
char *real_text(const char *text);      /* a copy */
/* Room for one more than `count`; what was there keeps its place in the array, and may move with it. */
void *real_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes);

/* --- being interrupted (real_signal.c) ------------------------------------------------------------------------------- */

/* From now on SIGINT, SIGTERM and SIGHUP only make real_interrupted() true, and SIGPIPE nothing. */
void real_interrupts_catch(void);
bool real_interrupted(void);

#endif
