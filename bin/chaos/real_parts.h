/* real_parts.h - what the parts of real runs share behind real.h (private to bin/chaos/).
 *
 * Whatever is made outside of this process bears a mark by which it is found again, also by somebody who was told nothing:
 *
 *   processes           REAL_MARK=DIRECTORY in their environment
 *   network namespaces  attune-PID-n1       bridge, veth   atchPID, atchPIDv1   nft table   attune_chaos_PID
 *   mounts, files       below DIRECTORY     DIRECTORY      $TMPDIR/attune-chaos-PID-XXXXXX
 *
 * PID is that of attune-chaos. So one function, real_sweep(), removes a run: at its end, after it was killed (the guardian
 * does it then), and at the next start if even the guardian was killed.
 */
#ifndef CHAOS_REAL_PARTS_H
#define CHAOS_REAL_PARTS_H

#include "bin/chaos/real.h"
#include "bin/chaos/real_proxy.h"
#include "bin/chaos/real_random.h"

#define REAL_MARK "ATTUNE_CHAOS_RUN"

enum {
    REAL_JOINS_MAX = 8,
    REAL_START_MS_MAX = 30000,
    REAL_STOP_MS_MAX = 20000,      /* after SIGTERM; longer is a fault of the daemon */
    REAL_DISK_SIZE = 64 * 1048576, /* of a small disk of its own */
    REAL_CLUSTER_OWN = 1,          /* group of nodes that were told of no others */
};

/* What is known of a node's process beside struct real_node. */
struct real_process {
    pid_t child;       /* whom we wait for; 0 */
    int output;        /* its stdout until it has said where it listens; -1 */
    bool ending;       /* it was told to end */
    bool killed;       /* by SIGKILL: any exit status will do */
    bool clocked;      /* runs under libfaketime */
    bool own_disk;     /* its directory is a tmpfs */
    bool stopped;      /* by SIGSTOP */
    pid_t tracer;      /* strace attached to it; 0 */
    size_t like;       /* a clone: the index of whose copy it is; else its own index */
    int cluster;       /* joins nodes of the same number only; 0, or REAL_CLUSTER_OWN */
    int namespace;     /* descriptor; -1 */
    uint64_t ended_ms; /* when it was told to end */
};

struct real_ground {
    struct real_options options;
    char program[REAL_PATH_SIZE_MAX]; /* absolute */
    enum real_network network;
    bool has_nft;
    bool dropped[SCENARIO_CLASS_COUNT]; /* packets, for these classes, at some time */
    pid_t guardian;
    int guardian_pipe;
    char directory[REAL_PATH_SIZE_MAX];
    char host[16];            /* loopback: the address of all */
    unsigned subnet[2];       /* namespaces: 10.X.Y.0/23 */
    size_t node_count, count; /* without clones, with them */
    struct real_node nodes[REAL_PROXY_NODES_MAX];
    struct real_process processes[REAL_PROXY_NODES_MAX];
    struct real_proxy *proxy;
    uint64_t interval_ms;
    char faketime[REAL_PATH_SIZE_MAX];        /* the library; empty */
    char why_not[SCENARIO_ACTION_COUNT][120]; /* empty: it can be done */
};

static inline struct real_process *real_process_of(struct real_ground *ground,
                                                   const struct real_node *node) {
    return &ground->processes[node->index];
}

/* --- real_spawn.c: other programs --------------------------------------------------------------------------------- */

struct real_spawn {
    const char *const *arguments;   /* ends with NULL; the first is looked for in PATH */
    const char *const *environment; /* ends with NULL; beside ours without ATTUNE_*; NULL: none */
    const char *mark;               /* the run's directory; NULL: no part of a run */
    int input, output, error;       /* -1: /dev/null */
    int namespace;                  /* of the network; -1: ours */
};
/* Starts it in a process group of its own; with a mark it dies when we do. -1: `errno`. */
pid_t real_spawn(const struct real_spawn *spawn);
/* Runs it to its end with `input` (may be NULL) as stdin. False: `message` has the call and what it said. */
bool real_command(const char *const *arguments, const char *input,
                  char message[REAL_MESSAGE_SIZE_MAX]);
#define REAL_COMMAND(message, input, ...)                                                          \
    real_command((const char *const[]){__VA_ARGS__, NULL}, input, message)
/* The same, and what it wrote to stdout, as text that the caller frees; NULL. */
char *real_command_output(const char *const *arguments);
void real_say(const struct real_ground *ground, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* if verbose */

/* --- real_files.c ------------------------------------------------------------------------------------------------- */

/* PATH = A B; false: too long. */
bool real_path(char path[REAL_PATH_SIZE_MAX], const char *a, const char *b);
bool real_files_remove(const char *path); /* a tree, or nothing */
bool real_files_empty(const char *directory);
bool real_files_copy(const char *from, const char *to); /* directories; `to` is made or emptied */
/* Flips bits of the store's files; returns how many. */
uint64_t real_files_damage(const char *directory, struct real_random *random, uint64_t count);
bool real_files_write(const char *path, const char *text); /* by rename */
/* Takes all the space on which the file is made. */
bool real_files_fill(const char *path);
/* Lines that hold the text. */
uint64_t real_files_count(const char *path, const char *text);
uint64_t real_files_names(const char *directory); /* how many it holds */
/* Whether it holds for every name, and there is one. */
bool real_files_all(const char *directory, bool (*holds)(const char *name, void *context),
                    void *context);
void real_files_last_line(const char *path, char *line, size_t size_bytes);

/* --- real_guardian.c ---------------------------------------------------------------------------------------------- */

/* Removes all that a run has left. `directory` NULL: not known. */
void real_sweep(pid_t pid, const char *directory, bool removed);
/* Those of dead runs, as far as they are found. */
void real_sweep_dead(void);
/* A process that sweeps when we are gone, however we went. */
bool real_guardian_start(struct real_ground *ground, bool removes,
                         char message[REAL_MESSAGE_SIZE_MAX]);
/* Lets it sweep now, and waits. */
void real_guardian_end(struct real_ground *ground);

/* --- real_network.c ----------------------------------------------------------------------------------------------- */

/* A bridge, and rules for dropping. False: `message`; what was made is swept later. */
bool real_network_open(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]);
/* Its namespace (in that mode), its addresses, its proxy. */
bool real_network_node(struct real_ground *ground, struct real_node *node,
                       char message[REAL_MESSAGE_SIZE_MAX]);
/* Packets between pairs for which `blocked` has a class are dropped from now on, as the proxy's rules say. */
void real_network_drop(struct real_ground *ground, const struct real_rule *rules);
/* Packets dropped so far for this class. */
uint64_t real_network_dropped(const struct real_ground *ground, enum scenario_class class);

/* --- real_node.c -------------------------------------------------------------------------------------------------- */

bool real_node_spawn(struct real_ground *ground, struct real_node *node,
                     const struct scenario_nodes *seeds, const char *const *under,
                     char message[REAL_MESSAGE_SIZE_MAX]);
bool real_node_await(struct real_ground *ground, struct real_node *node,
                     char message[REAL_MESSAGE_SIZE_MAX]);
/* real_node_start() below a program that runs it: the arguments of strace, for one: {"-e", "inject=...", NULL}. */
bool real_node_start_under(struct real_ground *ground, struct real_node *node,
                           const struct scenario_nodes *seeds, const char *const *strace_arguments,
                           char message[REAL_MESSAGE_SIZE_MAX]);
/* The same seeds as an operator would give again: others that have run. */
bool real_node_restart_spawn(struct real_ground *ground, struct real_node *node,
                             char message[REAL_MESSAGE_SIZE_MAX]);
/* A place behind the others, down; NULL: none is left. */
struct real_node *real_node_add_clone(struct real_ground *ground, const struct real_node *original,
                                      char message[REAL_MESSAGE_SIZE_MAX]);

/* --- real_signal.c ------------------------------------------------------------------------------------------------ */

/* SIGKILL, and waits. False: there was nobody. */
bool real_node_kill(struct real_ground *ground, struct real_node *node);
/* SIGTERM; real_ground_reap() sees it end. */
bool real_node_stop(struct real_ground *ground, struct real_node *node);
bool real_node_freeze(struct real_ground *ground, struct real_node *node);
void real_node_thaw(struct real_ground *ground, struct real_node *node);
/* Ends, and has not ended yet. Kills it if that takes too long. */
bool real_node_is_ending(struct real_ground *ground, struct real_node *node);
/* strace attached to the running daemon; its output is FILE. False: `why_not`. */
bool real_node_trace(struct real_ground *ground, struct real_node *node, const char *trace,
                     const char *inject, const char *file, char why_not[120]);
void real_node_untrace(struct real_ground *ground, struct real_node *node);

#endif
