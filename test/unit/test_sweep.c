/* test_sweep.c - many seeds in several processes, some of which abort, hang, leave, or are interrupted.
 *
 * The functions that are run stand for the simulator: what a seed does is decided by its number.
 */
#ifndef ATTUNE_PROBES
#define ATTUNE_PROBES
#endif
#include "bin/chaos/sweep.h"
#include "merkle/instrument.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS_MAX = 1000 };

/* What done() was told. */
struct told {
    uint64_t from;
    size_t count;
    size_t failed_at; /* which of them, from 1, told of the first failure; 0: none did */
    unsigned times[SEEDS_MAX];
    struct sweep_result results[SEEDS_MAX];
    pid_t parent;
};
static struct told told;

static void done(const struct sweep_result *result, void *context) {
    struct told *all = context;
    uint64_t index = result->seed - all->from;
    ck_assert_int_eq(getpid(), all->parent);
    ck_assert_uint_lt(index, SEEDS_MAX);
    all->count++;
    if (result->verdict == CHAOS_VIOLATED && all->failed_at == 0) {
        all->failed_at = all->count;
    }
    all->times[index]++;
    all->results[index] = *result;
}

static struct sweep_options options_of(uint64_t from, uint64_t count, unsigned jobs,
                                       void (*run)(uint64_t, struct sweep_result *, void *)) {
    told = (struct told){.from = from, .parent = getpid()};
    return (struct sweep_options){.from = from,
                                  .count = count,
                                  .jobs = jobs,
                                  .seconds_max = 20,
                                  .quiet = true,
                                  .run = run,
                                  .done = done,
                                  .context = &told};
}

static size_t descriptors(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void nothing_is_left(size_t descriptors_before) {
    ck_assert_uint_eq(descriptors(), descriptors_before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* --- seeds that hold -------------------------------------------------------------------------------------------------- */

static void run_fine(uint64_t seed, struct sweep_result *result, void *context) {
    const struct told *all = context;
    ck_assert_int_ne(getpid(), all->parent);
    result->verdict = CHAOS_HELD;
    result->trace_hash = ~seed;
    result->node_ms = seed * 2;
    result->cpu_seconds = 0.5;
    for (size_t i = 0; i < 64; i++) {
        result->figures[i] = seed + i;
    }
    memset(result->reason, 'r', sizeof(result->reason));
}

START_TEST(each_seed_is_run_once) {
    /* With any number of workers, each seed comes back once, with all that its worker said of it. */
    static const unsigned jobs[] = {0, 1, 2, 7, 256};
    size_t before = descriptors();
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        struct sweep_options options = options_of(40, 300, jobs[i], run_fine);
        struct sweep_totals totals;
        ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_HELD);
        ck_assert_uint_eq(totals.done, 300);
        ck_assert_uint_eq(totals.count, 300);
        ck_assert_uint_eq(totals.verdicts[CHAOS_HELD], 300);
        ck_assert(!totals.interrupted);
        for (uint64_t k = 0; k < 300; k++) {
            const struct sweep_result *result = &told.results[k];
            ck_assert_uint_eq(told.times[k], 1);
            ck_assert_uint_eq(result->trace_hash, ~(k + 40));
            ck_assert_uint_eq(result->node_ms, (k + 40) * 2);
            ck_assert_uint_eq(result->figures[63], k + 40 + 63);
            ck_assert_uint_eq(strlen(result->reason), sizeof(result->reason) - 1);
        }
        nothing_is_left(before);
    }
}
END_TEST

START_TEST(the_last_seeds_are_seeds) {
    /* A sweep may end with the largest number. */
    struct sweep_options options = options_of(UINT64_MAX - 4, 5, 2, run_fine);
    struct sweep_totals totals;
    ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_HELD);
    ck_assert_uint_eq(totals.done, 5);
    ck_assert_uint_eq(told.results[4].seed, UINT64_MAX);
}
END_TEST

START_TEST(what_waits_to_be_written_is_written_once) {
    /* Text in the parent's buffers is not in those of its workers too. */
    struct sweep_options options = options_of(1, 20, 3, run_fine);
    struct sweep_totals totals;
    struct capture capture;
    capture_begin(&capture, STDOUT_FILENO);
    printf("once\n");
    (void)sweep_run(&options, &totals);
    ck_assert_str_eq(capture_end(&capture), "once\n");
}
END_TEST

/* --- seeds that do not ------------------------------------------------------------------------------------------------ */

static void run_some_die(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    switch (seed) {
    case 7:
        fprintf(stderr, "first line\nattune: engine.c:12: f: Assertion `a == b' failed.\nafter\n");
        abort();
    case 9:
        fprintf(stderr, "an earlier line\nthe last line");
        _exit(3);
    case 11:
        raise(SIGKILL);
        break;
    case 13:
        result->verdict = CHAOS_DIVERGED;
        snprintf(result->invariant, sizeof(result->invariant), "L1");
        snprintf(result->reason, sizeof(result->reason), "n2 misses one");
        return;
    case 20:
        fprintf(stderr, "a note\n");
        break;
    default:
        break;
    }
    result->verdict = CHAOS_HELD;
}

static void must_have_died(uint64_t seed, const char *reason) {
    const struct sweep_result *result = &told.results[seed - told.from];
    ck_assert_int_eq(result->verdict, CHAOS_CRASHED);
    ck_assert_str_eq(result->invariant, "S15");
    ck_assert_str_eq(result->reason, reason);
}

START_TEST(a_worker_that_dies_names_its_seed) {
    /* The seed that aborts, exits or is killed is "crashed", with how and its last words; all others are run. */
    size_t before = descriptors();
    for (unsigned jobs = 1; jobs <= 3; jobs++) {
        struct sweep_options options = options_of(1, 40, jobs, run_some_die);
        struct sweep_totals totals;
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        enum chaos_verdict worst = sweep_run(&options, &totals);
        const char *said = capture_end(&capture);
        ck_assert_int_eq(worst, CHAOS_CRASHED);
        ck_assert_uint_eq(totals.done, 40);
        ck_assert_uint_eq(totals.verdicts[CHAOS_HELD], 36);
        ck_assert_uint_eq(totals.verdicts[CHAOS_CRASHED], 3);
        ck_assert_uint_eq(totals.verdicts[CHAOS_DIVERGED], 1);
        must_have_died(7, "signal 6 (Aborted): attune: engine.c:12: f: Assertion `a == b' failed.");
        must_have_died(9, "exit code 3: the last line");
        must_have_died(11, "signal 9 (Killed)");
        ck_assert_str_eq(told.results[12].reason, "n2 misses one");
        ck_assert_str_eq(told.results[12].invariant, "L1");
        for (size_t i = 0; i < 40; i++) {
            ck_assert_uint_eq(told.times[i], 1);
        }
        ck_assert_ptr_nonnull(strstr(said, "seed 7 said: first line\n"));
        ck_assert_ptr_nonnull(strstr(said, "seed 9 said: an earlier line\nthe last line\n"));
        const char *note = strstr(said, "seed 20 said: a note\n");
        ck_assert_ptr_nonnull(note);
        ck_assert_ptr_null(strstr(strchr(note, '\n'), "a note"));
        nothing_is_left(before);
    }
}
END_TEST

static void run_all_die(uint64_t seed, struct sweep_result *result, void *context) {
    (void)result;
    (void)context;
    _exit(seed % 2 == 0 ? 0 : 1); /* 0 too: it left before it said anything */
}

START_TEST(all_workers_may_die) {
    /* A sweep in which every seed ends its process still ends, with one crash for each. */
    size_t before = descriptors();
    struct sweep_options options = options_of(0, 50, 4, run_all_die);
    struct sweep_totals totals;
    ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_CRASHED);
    ck_assert_uint_eq(totals.verdicts[CHAOS_CRASHED], 50);
    ck_assert_str_eq(told.results[2].reason, "exit code 0");
    nothing_is_left(before);
}
END_TEST

static void run_one_hangs(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    if (seed == 5) {
        fprintf(stderr, "waiting for ever\n");
        for (;;) {
            pause();
        }
    }
    result->verdict = CHAOS_HELD;
}

START_TEST(a_seed_that_hangs_is_ended) {
    /* After the limit it is "crashed", hung; the seeds behind it are run, also with one worker. */
    size_t before = descriptors();
    struct sweep_options options = options_of(1, 20, 1, run_one_hangs);
    struct sweep_totals totals;
    struct capture capture;
    options.seconds_max = 1;
    capture_begin(&capture, STDERR_FILENO);
    enum chaos_verdict worst = sweep_run(&options, &totals);
    (void)capture_end(&capture);
    ck_assert_int_eq(worst, CHAOS_CRASHED);
    ck_assert_uint_eq(totals.done, 20);
    ck_assert_uint_eq(totals.verdicts[CHAOS_HELD], 19);
    must_have_died(5, "hung: ended after 1 s: waiting for ever");
    nothing_is_left(before);
}
END_TEST

static void run_some_fail(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    result->verdict = seed == 9 || seed == 10 ? CHAOS_VIOLATED
                      : seed == 3             ? CHAOS_UNKNOWN
                                              : CHAOS_HELD;
}

START_TEST(a_sweep_may_end_at_its_first_failure) {
    /* What is unknown is none; all seeds below the failure have been run, and none is begun once it is known: after it come
     * only those that the other workers had then. */
    for (unsigned jobs = 1; jobs <= 4; jobs++) {
        size_t before = descriptors();
        struct sweep_options options = options_of(1, 200, jobs, run_some_fail);
        struct sweep_totals totals;
        options.stop_at_first = true;
        ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_VIOLATED);
        ck_assert_uint_ge(totals.done, 9);
        ck_assert_uint_ge(told.failed_at, 1);
        ck_assert_uint_lt(totals.done, told.failed_at + jobs);
        for (size_t i = 0; i < 9; i++) {
            ck_assert_uint_eq(told.times[i], 1);
        }
        nothing_is_left(before);
    }
}
END_TEST

static void run_closes(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    if (seed == 3) {
        closefrom(3);
        for (;;) {
            pause();
        }
    }
    result->verdict = CHAOS_HELD;
}

START_TEST(a_worker_that_turns_away_is_ended) {
    /* One that closes its socket and lives on is not waited for. */
    size_t before = descriptors();
    struct sweep_options options = options_of(1, 9, 1, run_closes);
    struct sweep_totals totals;
    ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_CRASHED);
    ck_assert_uint_eq(totals.done, 9);
    must_have_died(3, "signal 9 (Killed)");
    nothing_is_left(before);
}
END_TEST

static void leave_badly(void) {
    _exit(23);
}

static void run_leaves_badly(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    if (seed == 2) {
        atexit(leave_badly);
    }
    result->verdict = CHAOS_HELD;
}

START_TEST(a_bad_end_is_seen) {
    /* A worker that ends badly after its last seed, as when a leak is found, makes the sweep fail though each seed held. */
    size_t before = descriptors();
    struct sweep_options options = options_of(1, 4, 1, run_leaves_badly);
    struct sweep_totals totals;
    struct capture capture;
    capture_begin(&capture, STDERR_FILENO);
    enum chaos_verdict worst = sweep_run(&options, &totals);
    const char *said = capture_end(&capture);
    ck_assert_int_eq(worst, CHAOS_CRASHED);
    ck_assert_uint_eq(totals.verdicts[CHAOS_HELD], 4);
    ck_assert_ptr_nonnull(strstr(said, "ended badly after seed 4: exit code 23, at its end"));
    nothing_is_left(before);
}
END_TEST

/* --- interrupts ------------------------------------------------------------------------------------------------------- */

static int signal_sent;

static void run_interrupts(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    if (seed == 10) {
        kill(getppid(), signal_sent);
        for (;;) {
            pause();
        }
    }
    result->verdict = seed == 4 && signal_sent == SIGINT ? CHAOS_VIOLATED : CHAOS_HELD;
}

START_TEST(an_interrupt_ends_it) {
    /* SIGINT and SIGTERM end all workers at once; the code is that of the worst seed, at best "unknown", and what is known
     * is said though it was to be quiet. */
    static const int signals[] = {SIGINT, SIGTERM};
    size_t before = descriptors();
    struct sigaction action_before, action;
    sigaction(SIGINT, NULL, &action_before);
    for (size_t i = 0; i < 2; i++) {
        signal_sent = signals[i];
        struct sweep_options options = options_of(1, SEEDS_MAX, 1, run_interrupts);
        struct sweep_totals totals;
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        enum chaos_verdict worst = sweep_run(&options, &totals);
        const char *said = capture_end(&capture);
        ck_assert_int_eq(worst, signals[i] == SIGINT ? CHAOS_VIOLATED : CHAOS_UNKNOWN);
        ck_assert(totals.interrupted);
        ck_assert_uint_eq(totals.done, 9);
        ck_assert_uint_eq(told.count, 9);
        ck_assert_ptr_nonnull(strstr(said, "interrupted: 9 of 1000 seeds, "));
        nothing_is_left(before);
    }
    sigaction(SIGINT, NULL, &action);
    ck_assert(action.sa_handler == action_before.sa_handler);
}
END_TEST

/* --- verdicts --------------------------------------------------------------------------------------------------------- */

START_TEST(verdicts_have_an_order) {
    /* Each of this list is worse than those before it. */
    static const enum chaos_verdict order[] = {CHAOS_HELD,     CHAOS_UNKNOWN, CHAOS_USAGE,
                                               CHAOS_DIVERGED, CHAOS_CRASHED, CHAOS_VIOLATED};
    for (size_t a = 0; a < CHAOS_VERDICT_COUNT; a++) {
        for (size_t b = 0; b < CHAOS_VERDICT_COUNT; b++) {
            ck_assert_int_eq(sweep_worse(order[a], order[b]), order[a > b ? a : b]);
        }
    }
}
END_TEST

/* --- probes ----------------------------------------------------------------------------------------------------------- */

static struct attune_probe *probe_named(const char *name) {
    for (size_t i = 0; i < probes_count(); i++) {
        if (strcmp(probes_at(i)->name, name) == 0) {
            return probes_at(i);
        }
    }
    ck_abort_msg("there is no probe %s", name);
    return NULL;
}

static void run_probed(uint64_t seed, struct sweep_result *result, void *context) {
    (void)context;
    PROBE("test.sweep_each");
    if (seed % 10 == 0) {
        PROBE("test.sweep_some");
    }
    if (seed == 5000) {
        PROBE("test.sweep_never");
    }
    if (seed == 33) {
        abort();
    }
    result->verdict = CHAOS_HELD;
}

START_TEST(hits_are_summed) {
    /* The parent has the hits of all workers on top of its own; of one that died all but those of its last seed. */
    probe_named("test.sweep_each")->hits = 1000;
    struct sweep_options options = options_of(1, 100, 3, run_probed);
    struct sweep_totals totals;
    ck_assert_int_eq(sweep_run(&options, &totals), CHAOS_CRASHED);
    ck_assert_uint_eq(probe_named("test.sweep_each")->hits, 1000 + 99);
    ck_assert_uint_eq(probe_named("test.sweep_some")->hits, 10);
    ck_assert_uint_eq(probe_named("test.sweep_never")->hits, 0);
    struct capture capture;
    size_t missing = probes_missing();
    capture_begin(&capture, STDOUT_FILENO);
    size_t few = probes_print_missing(stdout, 11);
    const char *said = capture_end(&capture);
    ck_assert_uint_eq(few, missing + 1);
    ck_assert_ptr_nonnull(strstr(said, "test.sweep_some (test/unit/test_sweep.c:"));
    ck_assert_ptr_nonnull(strstr(said, "test.sweep_never (test/unit/test_sweep.c:"));
    ck_assert_ptr_null(strstr(said, "test.sweep_each"));
}
END_TEST

Suite *sweep_suite(void);
Suite *sweep_suite(void) {
    Suite *suite = suite_create("sweep");
    TCase *run = tcase_create("sweep_run");
    tcase_add_test(run, each_seed_is_run_once);
    tcase_add_test(run, the_last_seeds_are_seeds);
    tcase_add_test(run, what_waits_to_be_written_is_written_once);
    tcase_add_test(run, a_worker_that_dies_names_its_seed);
    tcase_add_test(run, all_workers_may_die);
    tcase_add_test(run, a_seed_that_hangs_is_ended);
    tcase_add_test(run, a_sweep_may_end_at_its_first_failure);
    tcase_add_test(run, a_worker_that_turns_away_is_ended);
    tcase_add_test(run, a_bad_end_is_seen);
    tcase_add_test(run, an_interrupt_ends_it);
    tcase_add_test(run, hits_are_summed);
    suite_add_tcase(suite, run);
    TCase *worse = tcase_create("sweep_worse");
    tcase_add_test(worse, verdicts_have_an_order);
    suite_add_tcase(suite, worse);
    return suite;
}
