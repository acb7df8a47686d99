/* arguments.c - numbers on the command line, and complaints about them. strtoull takes "-1", " 7" and "0x10" and wraps silently; a seed that was read
 * differently from how it was meant would repeat another run. */
#include "bin/chaos/chaos.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void chaos_complain(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "attune-chaos: %s\n", line);
}

/* False: no digit, something else than digits, or more than 64 bits hold. */
static bool parse(const char *text, uint64_t *value) {
    *value = 0;
    if (text[0] == '\0') {
        return false;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value)) {
            return false;
        }
    }
    return true;
}

bool argument_number(const char *option, const char *text, uint64_t min, uint64_t max,
                     uint64_t *value) {
    uint64_t number;
    if (!parse(text, &number) || number < min || number > max) {
        chaos_complain("%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not \"%.60s\"",
                       option, min, max, text);
        return false;
    }
    *value = number;
    return true;
}

bool argument_seeds(uint64_t from, uint64_t count) {
    if (count == 0 || count - 1 > UINT64_MAX - from) {
        chaos_complain("there are no %" PRIu64 " seeds from %" PRIu64 " on: the last is %" PRIu64,
                       count, from, UINT64_MAX);
        return false;
    }
    return true;
}
