/* log.c - writes the log.
 *
 * A line is made in memory and written with one write(2), so lines of two processes on one terminal do not mix. Each
 * kind has a window: a peer that is refused ten thousand times a second costs twenty lines in ten seconds and one that
 * says how many were left out. The loop does not wait for whoever reads the log: a line that a full pipe has no room for is left
 * out and counted. Errors of the write are ignored: there is no better place to tell them.
 */
#include "bin/attuned/log.h"
#include "catalog/catalog.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};
static const char *const format_names[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};
static const char *const kind_names[LOG_KIND_COUNT] = {
    [LOG_DAEMON] = "daemon", [LOG_MEMBER] = "member",     [LOG_REFUSED] = "refused",
    [LOG_STORE] = "store",   [LOG_REPAIRED] = "repaired", [LOG_FUTILE] = "futile",
    [LOG_CLOCK] = "clock",   [LOG_CHANGED] = "changed",   [LOG_CLUSTER] = "cluster",
    [LOG_HTTP] = "http",
};

static uint64_t no_clock(void) {
    return 0;
}

static struct {
    enum log_level level;
    enum log_format format;
    uint64_t (*wall_ms)(void);
    struct log_window windows[LOG_KIND_COUNT];
    uint64_t suppressed;
} state = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT, .wall_ms = no_clock};

enum log_level log_level_parse(const char *name) {
    for (unsigned level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
        if (strcmp(name, level_names[level]) == 0)
            return (enum log_level)level;
    }
    return (enum log_level)0;
}

enum log_format log_format_parse(const char *name) {
    for (unsigned format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        if (strcmp(name, format_names[format]) == 0)
            return (enum log_format)format;
    }
    return (enum log_format)0;
}

void log_setup(enum log_level level, enum log_format format, uint64_t (*wall_ms)(void)) {
    state.level = level;
    state.format = format;
    state.wall_ms = wall_ms;
}

uint64_t log_suppressed_count(void) {
    return state.suppressed;
}

bool log_window_admit(struct log_window *window, uint64_t now_ms, uint64_t *report) {
    *report = 0;
    /* A wall clock that jumped back begins a new window as well. */
    if (now_ms < window->began_ms || now_ms - window->began_ms >= LOG_WINDOW_MS) {
        *report = window->suppressed;
        *window = (struct log_window){.began_ms = now_ms};
    }
    if (window->lines >= LOG_LINES_PER_WINDOW) {
        window->suppressed++;
        return false;
    }
    window->lines++;
    return true;
}

void log_time_print(uint64_t wall_ms, char text[LOG_TIME_SIZE]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char date[24];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        text[0] = '\0';
        return;
    }
    snprintf(text, LOG_TIME_SIZE, "%s.%03uZ", date, (unsigned)(wall_ms % 1000));
}

/* A pipe that poll() calls writable takes PIPE_BUF bytes without blocking. O_NONBLOCK is no way: it would also be set for
 * the other processes that write to the same terminal or file. */
static void write_out(const struct merkle_buffer *line) {
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (line->failed || line->size_bytes > PIPE_BUF || poll(&log, 1, 0) != 1) {
        state.suppressed++;
        return;
    }
    ssize_t written = write(STDERR_FILENO, line->data, line->size_bytes);
    (void)written;
}

/* What a peer sent may be in the message: no byte of it may start a new line or steer a terminal. */
static void append_plain(struct merkle_buffer *line, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        char plain = byte < ' ' || byte == 0x7f ? '?' : (char)byte;
        merkle_buffer_append(line, &plain, 1);
    }
}

static void append(struct merkle_buffer *line, const char *text) {
    merkle_buffer_append(line, text, strlen(text));
}

void log_refusal(const char *message) {
    struct merkle_buffer line;
    merkle_buffer_init(&line, &merkle_allocator_libc);
    append(&line, "attuned: ");
    append_plain(&line, message);
    append(&line, "\n");
    write_out(&line);
    merkle_buffer_close(&line);
}

static void append_json(struct merkle_buffer *line, const char *key, const char *value) {
    append(line, key);
    catalog_json_print_text((struct catalog_text){value, strlen(value)}, line);
}

void log_line_print(struct merkle_buffer *line, enum log_format format, uint64_t wall_ms,
                    enum log_kind kind, enum log_level level, const char *member,
                    const char *message) {
    char stamp[LOG_TIME_SIZE];
    log_time_print(wall_ms, stamp);
    if (format == LOG_FORMAT_JSON) {
        append_json(line, "{\"time\":", stamp);
        append_json(line, ",\"level\":", level_names[level]);
        append_json(line, ",\"kind\":", kind_names[kind]);
        if (member != NULL)
            append_json(line, ",\"member\":", member);
        append_json(line, ",\"message\":", message);
        append(line, "}\n");
        return;
    }
    append(line, stamp);
    append(line, " ");
    append(line, level_names[level]);
    append(line, " ");
    append(line, kind_names[kind]);
    append(line, ": ");
    if (member != NULL) {
        append_plain(line, member);
        append(line, ": ");
    }
    append_plain(line, message);
    append(line, "\n");
}

static void emit(enum log_kind kind, enum log_level level, const char *member, const char *message,
                 uint64_t wall_ms) {
    struct merkle_buffer line;
    merkle_buffer_init(&line, &merkle_allocator_libc);
    log_line_print(&line, state.format, wall_ms, kind, level, member, message);
    write_out(&line);
    merkle_buffer_close(&line);
}

void log_write(enum log_kind kind, enum log_level level, const char *member, const char *format,
               ...) {
    if (level < state.level)
        return;
    uint64_t wall_ms = state.wall_ms();
    if (kind != LOG_DAEMON) {
        uint64_t left_out;
        bool admitted = log_window_admit(&state.windows[kind], wall_ms, &left_out);
        if (left_out > 0) {
            char message[64];
            snprintf(message, sizeof message, "%llu lines of this kind were left out",
                     (unsigned long long)left_out);
            emit(kind, level, NULL, message, wall_ms);
        }
        if (!admitted) {
            state.suppressed++;
            return;
        }
    }
    char message[LOG_LINE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    emit(kind, level, member, message, wall_ms);
}
