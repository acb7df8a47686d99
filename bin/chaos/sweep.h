/* sweep.h - many seeds in several processes, of which any may die.
 *
 *   parent: hands out one seed at a time --------------> worker: run(seed)
 *           done(result), in order of arrival  <--------         result
 *
 * A worker that dies names its seed by having it: the verdict of that seed is "crashed", with the signal and with what
 * the worker said last, and another worker takes its place. A seed that takes too long is ended and is "crashed" too.
 * Hits of probes are summed into those of the parent (probes.c), also of workers that died: all but of their last seed.
 */
#ifndef CHAOS_SWEEP_H
#define CHAOS_SWEEP_H

#include "bin/chaos/chaos.h"

enum {
    SWEEP_JOBS_MAX = 256,
    SWEEP_SECONDS_DEFAULT = 300,
};

struct sweep_result {
    uint64_t seed;
    enum chaos_verdict verdict;
    char invariant[8]; /* "S2"; empty */
    char reason[600];
    uint64_t trace_hash;
    uint64_t node_ms, rest_node_ms; /* virtual, under faults and at rest */
    double cpu_seconds, rest_cpu_seconds, check_seconds;
    uint64_t figures[64]; /* what they are is between run and done */
};

struct sweep_options {
    uint64_t from, count; /* argument_seeds() holds */
    unsigned jobs;        /* 0: one for each processor; at most SWEEP_JOBS_MAX */
    unsigned seconds_max; /* for one seed; 0: SWEEP_SECONDS_DEFAULT */
    bool quiet;           /* no progress on stderr */
    bool stop_at_first;   /* no seed is handed out after one that neither held nor is unknown */
    /* In a worker, whose stderr goes to the parent after the seed. `result` is zero but for the seed; verdict and texts are
     * to be filled in. What it prints on stdout is the worker's own affair. */
    void (*run)(uint64_t seed, struct sweep_result *result, void *context);
    /* In the parent, once for each seed. The line of progress is not in the way of what it prints, unless the seed held. */
    void (*done)(const struct sweep_result *result, void *context);
    void *context;
};

struct sweep_totals {
    uint64_t count, done;
    uint64_t verdicts[CHAOS_VERDICT_COUNT]; /* seeds that ended so */
    bool interrupted;                       /* SIGINT or SIGTERM: not all seeds were run */
    double seconds;                         /* of the clock on the wall */
};

/* The worst verdict; of an interrupted sweep at best "unknown"; "usage" if no process could be started (complained). While
 * it runs, SIGINT and SIGTERM end it: workers are ended by their id, and what is known so far is returned. */
enum chaos_verdict sweep_run(const struct sweep_options *options, struct sweep_totals *totals);
/* violated, crashed, diverged, usage, unknown, held */
enum chaos_verdict sweep_worse(enum chaos_verdict a, enum chaos_verdict b);

/* --- inside: progress (sweep_progress.c) ------------------------------------------------------------------------------ */

struct sweep_progress {
    bool quiet, terminal;
    bool shown; /* a line stands on the terminal */
    uint64_t begun_ms, printed_ms;
};

uint64_t sweep_now_ms(void);
void sweep_progress_begin(struct sweep_progress *progress, bool quiet);
/* Takes the line away, so that something else can be printed. */
void sweep_progress_clear(struct sweep_progress *progress);
/* Prints if it is time to; returns in how many ms it is time again. */
int sweep_progress_tick(struct sweep_progress *progress, const struct sweep_totals *totals);
void sweep_progress_end(struct sweep_progress *progress, const struct sweep_totals *totals);
/* "120 of 5000 seeds, 12.5/s, 0 failed, 1 unknown, 3 of 90 probes missing, 6 min left" */
void sweep_progress_line(const struct sweep_totals *totals, uint64_t passed_ms, char *line,
                         size_t size_bytes);

/* --- inside: workers (sweep_worker.c) -------------------------------------------------------------------------------- */

struct sweep_worker {
    int pid;          /* 0: none */
    int socket, says; /* to it; what it writes to stderr */
    bool busy;
    uint64_t seed, begun_ms; /* the seed that it has, or had last */
    uint64_t *hits;          /* of its probes, shared with it */
};

/* False: complained. `others`: all workers, whose sockets a new process must not keep. */
bool sweep_worker_start(const struct sweep_options *options, struct sweep_worker *worker,
                        const struct sweep_worker *others, size_t other_count);
void sweep_worker_give(struct sweep_worker *worker, uint64_t seed);
/* Reads what is there. False: it is gone, and the result says how. */
bool sweep_worker_take(struct sweep_worker *worker, struct sweep_progress *progress,
                       struct sweep_result *result);
/* Ends it because it took too long; the result says so. */
void sweep_worker_hung(struct sweep_worker *worker, struct sweep_progress *progress,
                       struct sweep_result *result);
/* Ends it at once (SIGKILL, by its id). */
void sweep_worker_end(struct sweep_worker *worker);
/* Lets it end by itself, when it has nothing to do. False: it did not end well (a leak was found), the result says how. */
bool sweep_worker_finish(struct sweep_worker *worker, struct sweep_progress *progress,
                         struct sweep_result *result);

/* --- inside: last words (sweep_words.c) ------------------------------------------------------------------------------ */

/* What the worker has written to stderr since it got its seed, 16 KiB at most; for free(), never NULL. */
char *sweep_words_read(const struct sweep_worker *worker);
void sweep_words_pass_on(const struct sweep_worker *worker, struct sweep_progress *progress,
                         const char *said);
/* The result of a seed whose worker has died; `how` is a signal, an exit code, or that it hung. */
void sweep_words_of_crash(const struct sweep_worker *worker, const char *how, const char *said,
                          struct sweep_result *result);

#endif
