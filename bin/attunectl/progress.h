/* progress.h - who has confirmed and who has not: as a line that a person can watch, and as messages at the end. */
#ifndef ATTUNECTL_PROGRESS_H
#define ATTUNECTL_PROGRESS_H

#include "bin/attunectl/client.h"

#include <jansson.h>

enum { PROGRESS_SLICE_MS = 1000, PROGRESS_SLICE_MS_MAX = 8000 };

/* A duration as the daemon takes it ("5s"), in milliseconds; -1: it is none, or above 1h. */
int64_t progress_duration(const char *text);

/* A wait in slices, so that there is something to tell between them. */
struct progress {
    int64_t left_ms, elapsed_ms, slice_ms; /* slice_ms: of the request that is due */
    int64_t began_ms;
    bool shown;
};
/* Whether someone watches: stderr is a terminal. */
bool progress_is_watched(void);
void progress_begin(struct progress *progress, int64_t timeout_ms);
/* Shows how it stands; false: the time is over. Else `slice_ms` is how long to wait next. */
bool progress_go_on(struct progress *progress, const json_t *members);
/* Takes the line away. */
void progress_end(struct progress *progress);

/* "3 of 5 agreed, waiting for node-4: unreachable for 12 s" */
void progress_print(struct text *line, const json_t *members, int64_t elapsed_ms);
/* Each member that has not confirmed, on stderr; other details are left alone. */
void complain_of_members(const json_t *details);

#endif
