/* progress.c - waits for agreement in slices, and says between them who is waited for.
 *
 * The daemon waits for a request and answers once, at its end. For a person at a terminal the time is cut into requests of a
 * second, later of more: a staged change takes three agreements in one request, and could never end in slices shorter than
 * the way to its members.
 */
#include "bin/attunectl/progress.h"
#include "bin/attunectl/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 3 };
static const int64_t duration_ms_max = 3600000;

int64_t progress_duration(const char *text) {
    static const struct {
        const char *unit;
        int64_t factor_ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return -1;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    if (strcmp(text, "0") == 0)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + digits, units[i].unit) == 0)
            return number > duration_ms_max / units[i].factor_ms ? -1 : number * units[i].factor_ms;
    }
    return -1;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool progress_is_watched(void) {
    return isatty(STDERR_FILENO) != 0;
}

void progress_begin(struct progress *progress, int64_t timeout_ms) {
    *progress = (struct progress){.left_ms = timeout_ms, .began_ms = now_ms()};
    progress->slice_ms = timeout_ms < PROGRESS_SLICE_MS ? timeout_ms : PROGRESS_SLICE_MS;
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "?" : text;
}

static bool has_agreed(const json_t *member) {
    return strcmp(text_of(member, "state"), "agreed") == 0;
}

/* Who lags was asked anew with each slice; how long it has been waited for is known here. */
static void print_state(struct text *line, const json_t *member, int64_t elapsed_ms) {
    const char *state = text_of(member, "state");
    const json_t *since = json_object_get(member, "since_ms");
    int64_t since_ms = json_is_integer(since) ? json_integer_value(since) : -1;
    text_print(line, "%s: %s", text_of(member, "name"), state);
    if (strcmp(state, "lagging") == 0 && since_ms < elapsed_ms)
        since_ms = elapsed_ms;
    if (since_ms >= 0)
        text_print(line, " for %" PRId64 " s", since_ms / 1000);
    else if (strcmp(state, "unreachable") == 0)
        text_print(line, ", never heard");
}

void progress_print(struct text *line, const json_t *members, int64_t elapsed_ms) {
    size_t i, agreed = 0, named = 0, total = json_array_size(members);
    const json_t *member;
    json_array_foreach(members, i, member) agreed += has_agreed(member);
    text_print(line, "%zu of %zu agreed", agreed, total);
    json_array_foreach(members, i, member) {
        if (has_agreed(member) || named++ >= NAMES_MAX)
            continue;
        text_print(line, named == 1 ? ", waiting for " : ", ");
        print_state(line, member, elapsed_ms);
    }
    if (named > NAMES_MAX)
        text_print(line, " and %zu more", named - NAMES_MAX);
}

bool progress_go_on(struct progress *progress, const json_t *members) {
    struct text line = {0};
    int64_t elapsed_ms = now_ms() - progress->began_ms;
    progress->left_ms -= elapsed_ms - progress->elapsed_ms;
    progress->elapsed_ms = elapsed_ms;
    if (progress->left_ms <= 0)
        return false;
    if (progress->slice_ms < PROGRESS_SLICE_MS_MAX && elapsed_ms > 4 * progress->slice_ms)
        progress->slice_ms *= 2;
    if (progress->slice_ms > progress->left_ms)
        progress->slice_ms = progress->left_ms;
    progress_print(&line, members, elapsed_ms);
    fprintf(stderr, "\r%s\033[K", line.data); /* names hold no control characters */
    progress->shown = true;
    text_close(&line);
    return true;
}

void progress_end(struct progress *progress) {
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

void complain_of_members(const json_t *details) {
    size_t i;
    const json_t *member;
    json_array_foreach(details, i, member) {
        struct text line = {0};
        if (!json_is_string(json_object_get(member, "name")) || has_agreed(member) ||
            !json_is_string(json_object_get(member, "state")))
            continue;
        print_state(&line, member, 0);
        complain("%s", line.data);
        text_close(&line);
    }
}
