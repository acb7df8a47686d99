/* log.h - the daemon's log: lines on stderr, as text or JSON, limited for each kind so that a flood stays readable.
 *
 * One log for the process, used from the loop's thread.
 */
#ifndef ATTUNED_LOG_H
#define ATTUNED_LOG_H

#include "merkle/merkle.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_DEBUG = 1,
    LOG_LEVEL_INFO = 2,
    LOG_LEVEL_WARNING = 3,
    LOG_LEVEL_ERROR = 4
};
enum log_format { LOG_FORMAT_TEXT = 1, LOG_FORMAT_JSON = 2 };

/* What a line is about: the label of its limit. */
enum log_kind {
    LOG_DAEMON = 0, /* start, stop, reload: never limited */
    LOG_MEMBER = 1,
    LOG_REFUSED = 2,
    LOG_STORE = 3,
    LOG_REPAIRED = 4,
    LOG_FUTILE = 5,
    LOG_CLOCK = 6,
    LOG_CHANGED = 7,
    LOG_CLUSTER = 8,
    LOG_HTTP = 9,
    LOG_KIND_COUNT = 10,
};

/* Lines of one kind within one window; what is above is counted, and the count is logged with the next window. */
enum { LOG_LINES_PER_WINDOW = 20, LOG_WINDOW_MS = 10000, LOG_LINE_SIZE_MAX = 2048 };

/* The level and format of a name; 0 if there is none of that name. */
enum log_level log_level_parse(const char *name);
enum log_format log_format_parse(const char *name);

/* `wall_ms` tells the time: clocks are read in ev_* files only. */
void log_setup(enum log_level level, enum log_format format, uint64_t (*wall_ms)(void));

/* One line. `member` may be NULL. */
void log_write(enum log_kind kind, enum log_level level, const char *member, const char *format,
               ...) __attribute__((format(printf, 4, 5)));
/* "attuned: MESSAGE" on stderr as one line, whatever the message holds: why the program does not run. */
void log_refusal(const char *message);
/* Lines left out so far, for metrics. */
uint64_t log_suppressed_count(void);

/* --- the parts, for tests */

struct log_window {
    uint64_t began_ms;
    unsigned lines;
    uint64_t suppressed;
};
/* Whether a line may be written now. `*report` is how many were left out in the window that ended with this call. */
bool log_window_admit(struct log_window *window, uint64_t now_ms, uint64_t *report);
/* Appends the line with its newline. */
void log_line_print(struct merkle_buffer *line, enum log_format format, uint64_t wall_ms,
                    enum log_kind kind, enum log_level level, const char *member,
                    const char *message);
/* "2026-01-31T23:59:59.123Z" and a NUL. */
enum { LOG_TIME_SIZE = 32 };
void log_time_print(uint64_t wall_ms, char text[LOG_TIME_SIZE]);

#endif
