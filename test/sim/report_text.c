/* report_text.c - texts and numbers in reports. What comes in may be anything: keys that users chose, messages cut to
 * their size in the middle of a character. What goes out is well-formed. */
#include "test/sim/report_parts.h"

#include "catalog/span.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define NARROW_SPACE "\xe2\x80\xaf" /* does not break */

static void put_character(FILE *file, const char *text, size_t length) {
    unsigned char byte = (unsigned char)text[0];
    bool control = length == 1 && ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f);
    control = control || (length == 2 && byte == 0xc2 && (unsigned char)text[1] < 0xa0);
    switch (length == 1 ? text[0] : 0) {
    case '&':
        fputs("&amp;", file);
        return;
    case '<':
        fputs("&lt;", file);
        return;
    case '>':
        fputs("&gt;", file);
        return;
    case '"':
        fputs("&quot;", file);
        return;
    case '\'':
        fputs("&#39;", file);
        return;
    default:
        break;
    }
    if (length == 0 || control) {
        fputs(REPLACEMENT, file);
    } else {
        fwrite(text, 1, length, file);
    }
}

void report__html_text_cut(FILE *file, const char *text, size_t length_max) {
    size_t size_bytes = strlen(text);
    size_t written = 0;
    for (size_t offset = 0; offset < size_bytes; written++) {
        if (written == length_max) {
            fputs("...", file);
            return;
        }
        size_t length = catalog__utf8_sequence(text + offset, size_bytes - offset);
        put_character(file, text + offset, length);
        offset += length > 0 ? length : 1;
    }
}

void report__html_text(FILE *file, const char *text) {
    report__html_text_cut(file, text, SIZE_MAX);
}

size_t report__text_length(const char *text) {
    size_t size_bytes = strlen(text), count = 0;
    for (size_t offset = 0; offset < size_bytes; count++) {
        size_t length = catalog__utf8_sequence(text + offset, size_bytes - offset);
        offset += length > 0 ? length : 1;
    }
    return count;
}

/* "2 min 30 s", or "2 min" if nothing is left over. */
static void print_two(char text[REPORT_SPAN_SIZE_MAX], uint64_t large, const char *large_unit,
                      uint64_t small, const char *small_unit) {
    int length = snprintf(text, REPORT_SPAN_SIZE_MAX, "%" PRIu64 " %s", large, large_unit);
    assert(length > 0 && length < REPORT_SPAN_SIZE_MAX);
    if (small > 0) {
        snprintf(text + length, REPORT_SPAN_SIZE_MAX - (size_t)length, " %" PRIu64 " %s", small,
                 small_unit);
    }
}

const char *report__span_print(uint64_t span_ms, char text[REPORT_SPAN_SIZE_MAX]) {
    uint64_t tenths = span_ms / 100 + (span_ms % 100 >= 50);
    uint64_t seconds = span_ms / 1000 + (span_ms % 1000 >= 500);
    uint64_t minutes = span_ms / 60000 + (span_ms % 60000 >= 30000);
    if (span_ms == 0) {
        snprintf(text, REPORT_SPAN_SIZE_MAX, "0");
    } else if (span_ms < 1000) {
        snprintf(text, REPORT_SPAN_SIZE_MAX, "%" PRIu64 " ms", span_ms);
    } else if (tenths < 600 && tenths % 10 != 0) {
        snprintf(text, REPORT_SPAN_SIZE_MAX, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
    } else if (tenths < 600) {
        snprintf(text, REPORT_SPAN_SIZE_MAX, "%" PRIu64 " s", seconds);
    } else if (seconds < 3600) {
        print_two(text, seconds / 60, "min", seconds % 60, "s");
    } else {
        print_two(text, minutes / 60, "h", minutes % 60, "min");
    }
    return text;
}

void report__number_print(double value, char *text, size_t size_bytes) {
    if (!isfinite(value)) {
        snprintf(text, size_bytes, "null");
        return;
    }
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value) {
        snprintf(text, size_bytes, "%" PRId64, (int64_t)value);
        return;
    }
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, size_bytes, "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            return;
        }
    }
}

/* Four digits that count are enough for people. */
void report__html_number(FILE *file, double value) {
    char text[40];
    if (!isfinite(value)) {
        fputs("none", file);
        return;
    }
    bool whole = value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
    bool large = value >= 1000 || value <= -1000;
    snprintf(text, sizeof(text), whole || large ? "%.0f" : "%.4g", value);
    size_t digits = strspn(text, "-0123456789");
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool groups = i > 0 && i < digits && text[i - 1] != '-' && (digits - i) % 3 == 0;
        if (groups && text[digits] == '\0') {
            fputs(NARROW_SPACE, file);
        }
        fputc(text[i], file);
    }
}

const char *report__class_name(enum scenario_class class) {
    static const char *const names[SCENARIO_CLASS_COUNT] = {
#define X(symbol, name) [SCENARIO_CLASS_##symbol] = (name),
        SCENARIO_CLASSES(X)
#undef X
    };
    assert((unsigned)class < SCENARIO_CLASS_COUNT);
    return names[class];
}
