/* sweep_progress.c - what a person sees of a sweep: on a terminal one line that is written again and again, elsewhere (a log
 * of a build) a line every half minute. */
#include "bin/chaos/sweep.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum { TERMINAL_EVERY_MS = 250, LOG_EVERY_MS = 30000 };

uint64_t sweep_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sweep_progress_begin(struct sweep_progress *progress, bool quiet) {
    uint64_t now_ms = sweep_now_ms();
    *progress = (struct sweep_progress){.quiet = quiet,
                                        .terminal = isatty(STDERR_FILENO) != 0,
                                        .begun_ms = now_ms,
                                        .printed_ms = now_ms};
}

static void print_left(uint64_t left_ms, char *text, size_t size_bytes) {
    uint64_t seconds = left_ms / 1000;
    if (seconds < 100) {
        snprintf(text, size_bytes, ", %" PRIu64 " s left", seconds);
    } else if (seconds < 100 * 60) {
        snprintf(text, size_bytes, ", %" PRIu64 " min left", (seconds + 30) / 60);
    } else {
        snprintf(text, size_bytes, ", %.1f h left", (double)seconds / 3600);
    }
}

void sweep_progress_line(const struct sweep_totals *totals, uint64_t passed_ms, char *line,
                         size_t size_bytes) {
    double rate = passed_ms == 0 ? 0 : (double)totals->done * 1000 / (double)passed_ms;
    uint64_t unknown = totals->verdicts[CHAOS_UNKNOWN];
    uint64_t failed = totals->done - totals->verdicts[CHAOS_HELD] - unknown;
    char probes[64] = "", left[48] = "";
    if (probes_count() > 0) {
        snprintf(probes, sizeof(probes), ", %zu of %zu probes missing", probes_missing(),
                 probes_count());
    }
    if (rate > 0 && totals->done < totals->count && !totals->interrupted) {
        print_left((uint64_t)((double)(totals->count - totals->done) / rate * 1000), left,
                   sizeof(left));
    }
    snprintf(line, size_bytes,
             "%" PRIu64 " of %" PRIu64 " seeds, %.1f/s, %" PRIu64 " failed, %" PRIu64
             " unknown%s%s",
             totals->done, totals->count, rate, failed, unknown, probes, left);
}

static void print(struct sweep_progress *progress, const struct sweep_totals *totals,
                  const char *before, const char *after) {
    char line[256];
    sweep_progress_line(totals, sweep_now_ms() - progress->begun_ms, line, sizeof(line));
    fprintf(stderr, "%s%s%s", before, line, after);
    fflush(stderr);
}

void sweep_progress_clear(struct sweep_progress *progress) {
    if (progress->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->shown = false;
    }
}

int sweep_progress_tick(struct sweep_progress *progress, const struct sweep_totals *totals) {
    if (progress->quiet) {
        return LOG_EVERY_MS;
    }
    uint64_t every_ms = progress->terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS;
    uint64_t now_ms = sweep_now_ms();
    if (now_ms - progress->printed_ms < every_ms) {
        return (int)(every_ms - (now_ms - progress->printed_ms));
    }
    print(progress, totals, progress->terminal ? "\r\033[K" : "", progress->terminal ? "" : "\n");
    progress->shown = progress->terminal;
    progress->printed_ms = now_ms;
    return (int)every_ms;
}

void sweep_progress_end(struct sweep_progress *progress, const struct sweep_totals *totals) {
    sweep_progress_clear(progress);
    if (!progress->quiet || totals->interrupted) {
        print(progress, totals, totals->interrupted ? "interrupted: " : "", "\n");
    }
}
