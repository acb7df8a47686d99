/* sweep.c - the parent of a sweep: hands out seeds, takes results, replaces workers that are gone; see sweep.h. */
#include "bin/chaos/sweep.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct sweep {
    const struct sweep_options *options;
    struct sweep_totals *totals;
    struct sweep_progress progress;
    struct sweep_worker workers[SWEEP_JOBS_MAX];
    size_t worker_count;
    uint64_t given; /* how many seeds have been handed out */
    uint64_t limit_ms;
    enum chaos_verdict worst;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

enum chaos_verdict sweep_worse(enum chaos_verdict a, enum chaos_verdict b) {
    static const unsigned weight[CHAOS_VERDICT_COUNT] = {
        [CHAOS_HELD] = 0,     [CHAOS_UNKNOWN] = 1, [CHAOS_USAGE] = 2,
        [CHAOS_DIVERGED] = 3, [CHAOS_CRASHED] = 4, [CHAOS_VIOLATED] = 5,
    };
    assert((unsigned)a < CHAOS_VERDICT_COUNT && (unsigned)b < CHAOS_VERDICT_COUNT);
    return weight[a] >= weight[b] ? a : b;
}

static size_t processors(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (size_t)count : 1;
}

static size_t jobs_of(const struct sweep_options *options) {
    size_t jobs = options->jobs > 0 ? options->jobs : processors();
    jobs = jobs < SWEEP_JOBS_MAX ? jobs : SWEEP_JOBS_MAX;
    return options->count < jobs ? (size_t)options->count : jobs;
}

static void result_tell(struct sweep *sweep, const struct sweep_result *result) {
    sweep->totals->done++;
    sweep->totals->verdicts[result->verdict]++;
    sweep->worst = sweep_worse(sweep->worst, result->verdict);
    if (result->verdict != CHAOS_HELD) {
        sweep_progress_clear(&sweep->progress);
    }
    sweep->options->done(result, sweep->options->context);
}

/* --- workers ---------------------------------------------------------------------------------------------------------- */

static bool is_decided(const struct sweep *sweep) {
    return sweep->options->stop_at_first && sweep->worst != CHAOS_HELD &&
           sweep->worst != CHAOS_UNKNOWN;
}

/* The next seed for a worker without one; a new process if it has died. */
static void employ(struct sweep *sweep, struct sweep_worker *worker) {
    const struct sweep_options *options = sweep->options;
    assert(!worker->busy);
    if (sweep->given == options->count || is_decided(sweep)) {
        return;
    }
    if (worker->pid == 0 &&
        !sweep_worker_start(options, worker, sweep->workers, sweep->worker_count)) {
        return;
    }
    sweep_worker_give(worker, options->from + sweep->given++);
}

static void employ_all(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->worker_count; i++) {
        if (!sweep->workers[i].busy) {
            employ(sweep, &sweep->workers[i]);
        }
    }
}

static bool any_busy(const struct sweep *sweep) {
    for (size_t i = 0; i < sweep->worker_count; i++) {
        if (sweep->workers[i].busy) {
            return true;
        }
    }
    return false;
}

static void receive(struct sweep *sweep, struct sweep_worker *worker) {
    struct sweep_result result;
    (void)sweep_worker_take(worker, &sweep->progress, &result);
    result_tell(sweep, &result);
    employ(sweep, worker);
}

/* Ends those that took too long; returns in how many ms the next one will have. */
static int end_hung(struct sweep *sweep) {
    uint64_t now_ms = sweep_now_ms(), next_ms = sweep->limit_ms;
    for (size_t i = 0; i < sweep->worker_count; i++) {
        struct sweep_worker *worker = &sweep->workers[i];
        if (!worker->busy) {
            continue;
        }
        uint64_t taken_ms = now_ms > worker->begun_ms ? now_ms - worker->begun_ms : 0;
        if (taken_ms >= sweep->limit_ms) {
            struct sweep_result result;
            sweep_worker_hung(worker, &sweep->progress, &result);
            result_tell(sweep, &result);
            employ(sweep, worker);
        } else if (sweep->limit_ms - taken_ms < next_ms) {
            next_ms = sweep->limit_ms - taken_ms;
        }
    }
    return (int)next_ms;
}

/* --- the loop --------------------------------------------------------------------------------------------------------- */

/* Until something can be read, it is time for something, or a signal has come. */
static void wait_and_receive(struct sweep *sweep, int wait_ms, const sigset_t *while_waiting) {
    struct pollfd polls[SWEEP_JOBS_MAX];
    for (size_t i = 0; i < sweep->worker_count; i++) {
        const struct sweep_worker *worker = &sweep->workers[i];
        polls[i] = (struct pollfd){.fd = worker->busy ? worker->socket : -1, .events = POLLIN};
    }
    struct timespec limit = {wait_ms / 1000, (long)(wait_ms % 1000) * 1000000};
    if (ppoll(polls, sweep->worker_count, &limit, while_waiting) <= 0) {
        return;
    }
    for (size_t i = 0; i < sweep->worker_count; i++) {
        if (polls[i].revents != 0) {
            receive(sweep, &sweep->workers[i]);
        }
    }
}

static void loop(struct sweep *sweep, const sigset_t *while_waiting) {
    employ_all(sweep);
    while (any_busy(sweep) && !interrupted) {
        int progress_ms = sweep_progress_tick(&sweep->progress, sweep->totals);
        int hung_ms = end_hung(sweep);
        wait_and_receive(sweep, progress_ms < hung_ms ? progress_ms : hung_ms, while_waiting);
    }
}

static void end_workers(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->worker_count; i++) {
        struct sweep_worker *worker = &sweep->workers[i];
        struct sweep_result result;
        if (worker->pid == 0) {
            continue;
        }
        if (worker->busy) {
            sweep_worker_end(worker);
        } else if (!sweep_worker_finish(worker, &sweep->progress, &result)) {
            chaos_complain("a worker ended badly after seed %llu: %s",
                           (unsigned long long)result.seed, result.reason);
            sweep->worst = sweep_worse(sweep->worst, CHAOS_CRASHED);
        }
    }
}

enum chaos_verdict sweep_run(const struct sweep_options *options, struct sweep_totals *totals) {
    assert(options->count > 0 && options->count - 1 <= UINT64_MAX - options->from);
    assert(options->run != NULL && options->done != NULL);
    unsigned seconds_max = options->seconds_max > 0 ? options->seconds_max : SWEEP_SECONDS_DEFAULT;
    *totals = (struct sweep_totals){.count = options->count};
    struct sweep sweep = {.options = options,
                          .totals = totals,
                          .worker_count = jobs_of(options),
                          .limit_ms = (uint64_t)seconds_max * 1000,
                          .worst = CHAOS_HELD};
    struct sigaction action = {.sa_handler = on_interrupt}, old_interrupt, old_terminate;
    sigset_t interrupts, old_mask;
    sigemptyset(&action.sa_mask);
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    interrupted = 0;
    sigprocmask(SIG_BLOCK, &interrupts, &old_mask);
    sigaction(SIGINT, &action, &old_interrupt);
    sigaction(SIGTERM, &action, &old_terminate);

    sweep_progress_begin(&sweep.progress, options->quiet);
    loop(&sweep, &old_mask);
    totals->interrupted = interrupted != 0;
    end_workers(&sweep);
    totals->seconds = (double)(sweep_now_ms() - sweep.progress.begun_ms) / 1000;
    sweep_progress_end(&sweep.progress, totals);

    sigaction(SIGINT, &old_interrupt, NULL);
    sigaction(SIGTERM, &old_terminate, NULL);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    if (totals->done == 0 && !totals->interrupted) {
        return CHAOS_USAGE;
    }
    bool whole = totals->done == totals->count;
    return whole ? sweep.worst : sweep_worse(sweep.worst, CHAOS_UNKNOWN);
}
