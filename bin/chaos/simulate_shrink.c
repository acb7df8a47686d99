/* simulate_shrink.c - runs candidates of shrinking in processes of their own: one that crashes must not take us along. */
#include "bin/chaos/simulate.h"

#include "test/sim/shrink.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS_MAX = 3000, SECONDS_MAX = 60 };

struct context {
    const struct sim_arguments *arguments;
    const struct sim_result *failure;
    unsigned runs;
};

/* What a candidate's process says. */
struct answer {
    enum chaos_verdict verdict;
    char invariant[SIM_INVARIANT_SIZE_MAX];
    uint64_t choices;
};

static void candidate_run(const struct context *context, const struct scenario *scenario,
                          int answers) {
    struct sim_result result;
    /* A candidate that hangs is none. */
    (void)alarm(SECONDS_MAX);
    simulate_run(context->arguments, scenario, NULL, &result);
    struct answer answer = {.verdict = result.verdict, .choices = result.choices};
    memcpy(answer.invariant, result.invariant, sizeof answer.invariant);
    ssize_t written = write(answers, &answer, sizeof answer);
    _exit(written == (ssize_t)sizeof answer ? 0 : 1);
}

static bool fails(const struct scenario *scenario, uint64_t *choices, void *opaque) {
    struct context *context = opaque;
    struct answer answer = {.verdict = CHAOS_CRASHED};
    int ends[2];
    context->runs++;
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        candidate_run(context, scenario, ends[1]);
    }
    (void)close(ends[1]);
    ssize_t size = child < 0 ? 0 : read(ends[0], &answer, sizeof answer);
    (void)close(ends[0]);
    int status = 0;
    if (child > 0) {
        (void)waitpid(child, &status, 0);
    }
    if (size != (ssize_t)sizeof answer) {
        bool timed_out = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        return context->failure->verdict == CHAOS_CRASHED && !timed_out;
    }
    *choices = answer.choices;
    return answer.verdict == context->failure->verdict &&
           strcmp(answer.invariant, context->failure->invariant) == 0;
}

static void progress(const char *step, const struct scenario *scenario, void *opaque) {
    const struct context *context = opaque;
    if (!context->arguments->quiet) {
        fprintf(stderr, "shrink: %s: %zu nodes, %zu actions, %" PRIu64 " ms of load (%u runs)\n",
                step, scenario->node_count, scenario->action_count, scenario->load_ms,
                context->runs);
    }
}

unsigned simulate_shrink(const struct sim_arguments *arguments, struct scenario *scenario,
                         const struct sim_result *failure) {
    struct context context = {.arguments = arguments, .failure = failure};
    struct shrink_options options = {
        .fails = fails, .progress = progress, .context = &context, .runs_max = RUNS_MAX};
    return shrink(scenario, &options);
}
