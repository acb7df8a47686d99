/* sweep_words.c - what a worker of a sweep says on stderr: passed on after its seed, and the reason that is told if it died,
 * which is worth more than the number of a signal. */
#include "bin/chaos/sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAYS_SIZE_MAX = 16 * 1024 };

/* What it has said since it got its seed; for free(), never NULL. */
char *sweep_words_read(const struct sweep_worker *worker) {
    char *said = calloc(SAYS_SIZE_MAX + 1, 1);
    if (said == NULL) {
        chaos_complain("no memory");
        abort();
    }
    if (pread(worker->says, said, SAYS_SIZE_MAX, 0) < 0) {
        said[0] = '\0';
    }
    return said;
}

void sweep_words_pass_on(const struct sweep_worker *worker, struct sweep_progress *progress,
                         const char *said) {
    if (said[0] == '\0') {
        return;
    }
    size_t length = strlen(said);
    sweep_progress_clear(progress);
    fprintf(stderr, "seed %" PRIu64 " said: %s%s", worker->seed, said,
            said[length - 1] == '\n' ? "" : "\n");
}

/* The line that tells what a process died of: that of an assertion or a sanitizer, else the last one. */
static void last_words(const char *said, char *words, size_t size_bytes) {
    static const char *const marks[] = {"ssertion", "ERROR: ", "runtime error"};
    const char *at = NULL;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]) && at == NULL; i++) {
        at = strstr(said, marks[i]);
    }
    size_t end = strlen(said);
    while (end > 0 && said[end - 1] == '\n') {
        end--;
    }
    size_t begin = at == NULL ? end : (size_t)(at - said);
    while (begin > 0 && said[begin - 1] != '\n') {
        begin--;
    }
    snprintf(words, size_bytes, "%.*s", (int)strcspn(said + begin, "\n"), said + begin);
}

/* It has died; `how` is a signal, an exit code, or that it hung. */
void sweep_words_of_crash(const struct sweep_worker *worker, const char *how, const char *said,
                          struct sweep_result *result) {
    char words[sizeof(result->reason) - 80];
    *result = (struct sweep_result){.seed = worker->seed, .verdict = CHAOS_CRASHED};
    last_words(said, words, sizeof(words));
    snprintf(result->invariant, sizeof(result->invariant), "S15");
    snprintf(result->reason, sizeof(result->reason), "%.70s%s%s", how, words[0] == '\0' ? "" : ": ",
             words);
}
