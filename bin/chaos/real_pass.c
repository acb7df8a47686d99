/* real_pass.c - lets time pass in a run: notices what has become of processes, asks, collects answers, takes samples.
 *
 * Whatever starts, ends, freezes or thaws a process begins another epoch of its watch: answers from before are not taken
 * for what the node is now, nor is their latency.
 */
#include "bin/chaos/real_parts.h"
#include "bin/chaos/real_run.h"

#include <stdarg.h>
#include <sys/wait.h>

enum { STEP_MS = 20 };

uint64_t real_now(const struct real_run *run) {
    return run->running ? real_clock_ms() - run->begin_ms : 0;
}

void real_note(const struct real_run *run, const char *format, ...) {
    va_list arguments;
    if (!run->arguments.options.verbose)
        return;
    fprintf(stderr, "%9.3f s  ", (double)real_now(run) / 1000);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* --- what has become of the processes ---------------------------------------------------------------------------- */

static void begin_epoch(struct real_run *run, size_t index) {
    struct real_watch *watch = &run->watches[index];
    bool started = watch->starts != run->nodes[index].starts;
    watch->epoch++;
    watch->state = run->nodes[index].state;
    watch->starts = run->nodes[index].starts;
    watch->digest_known = watch->ready_known = watch->status_known = watch->listed = false;
    watch->ready_moment = 0;
    watch->export_sampled = false;
    watch->was_up = watch->was_up || watch->state == REAL_UP;
    if (started && index < run->book.node_count && (watch->disk_lies || watch->disk_damaged)) {
        watch->disk_lies = false;
        real_book_lineage_ends(&run->book, index);
    }
}

void real_look(struct real_run *run) {
    run->nodes = real_ground_nodes(run->ground, &run->all_count);
    if (run->all_count > REAL_WATCHED_MAX)
        run->all_count = REAL_WATCHED_MAX;
    for (size_t i = 0; i < run->all_count; i++) {
        const struct real_node *node = &run->nodes[i];
        if (node->state != run->watches[i].state || node->starts != run->watches[i].starts)
            begin_epoch(run, i);
    }
}

/* S15. False: one died. */
static bool all_live(struct real_run *run) {
    for (size_t i = 0; i < run->all_count; i++) {
        const struct real_node *node = &run->nodes[i];
        char line[200];
        if (node->state != REAL_DIED)
            continue;
        real_files_last_line(node->log, line, sizeof line);
        bool by_signal = WIFSIGNALED(node->exit_status);
        real_tally(&run->tallies[REAL_S15], false, "%s ended by itself (%s %d); its last line: %s",
                   node->name, by_signal ? "signal" : "exit code",
                   by_signal ? WTERMSIG(node->exit_status) : WEXITSTATUS(node->exit_status), line);
        return false;
    }
    return true;
}

bool real_pass(struct real_run *run, uint64_t until_ms) {
    do {
        if (real_interrupted())
            return false;
        if (run->running && run->faulty && real_now(run) >= run->tick_due_ms)
            run->tick_due_ms = real_faults_tick(run->faults, real_now(run));
        real_ground_reap(run->ground);
        real_look(run);
        if (!all_live(run))
            return false;
        real_watch_ask(run);
        if (run->running && real_now(run) >= run->sampled_ms + REAL_PERIOD_MS) {
            run->sampled_ms = real_now(run);
            real_watch_sample(run);
        }
        uint64_t now_ms = real_now(run);
        uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
        real_client_collect(run->client, left_ms < STEP_MS && run->running ? left_ms : STEP_MS);
    } while (real_now(run) < until_ms);
    return true;
}
