/* duration.c - reads spans of time.
 *
 * A bare number is refused: seconds to one reader are milliseconds to the next. The limit of 1h keeps all arithmetic on
 * deadlines far from overflow.
 */
#include "bin/attuned/duration.h"

#include <string.h>

static const struct {
    const char *unit;
    uint64_t factor_ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};

bool duration_parse(const char *text, size_t size_bytes, uint64_t *duration_ms) {
    uint64_t number = 0;
    size_t digits = 0;
    for (; digits < size_bytes && text[digits] >= '0' && text[digits] <= '9'; digits++) {
        number = number * 10 + (uint64_t)(text[digits] - '0');
        if (number > DURATION_MS_MAX)
            return false;
    }
    if (digits == 0)
        return false;
    if (size_bytes == 1 && number == 0) {
        *duration_ms = 0; /* nothing is as long in every unit */
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit_size_bytes = strlen(units[i].unit);
        if (size_bytes - digits != unit_size_bytes ||
            memcmp(text + digits, units[i].unit, unit_size_bytes) != 0)
            continue;
        if (number * units[i].factor_ms > DURATION_MS_MAX)
            return false;
        *duration_ms = number * units[i].factor_ms;
        return true;
    }
    return false;
}
