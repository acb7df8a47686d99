/* scenario_value.c - what the scalars of a scenario file mean: numbers, times, nodes, ranges.
 *
 *   31s  250ms  10m  2h         a time: digits and a unit
 *   n3  n2-n5                   nodes, from n1
 *   0-120                       a range of choices, the end not included
 */
#include "test/sim/scenario_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- numbers and times ------------------------------------------------------------------------------------------------ */

/* The digits in front; where they end. NULL: none, or too many. */
static const char *digits_parse(const char *text, uint64_t max, uint64_t *number) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (digit > max || value > (max - digit) / 10) {
            return NULL;
        }
        value = value * 10 + digit;
    }
    if (at == text || (text[0] == '0' && at - text > 1)) {
        return NULL;
    }
    *number = value;
    return at;
}

bool scenario__number_parse(const char *text, uint64_t max, uint64_t *number) {
    const char *end = digits_parse(text, max, number);
    return end != NULL && *end == '\0';
}

bool scenario__time_parse(const char *text, uint64_t max_ms, uint64_t *ms) {
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
    uint64_t number = 0;
    const char *unit = digits_parse(text, max_ms, &number);
    for (size_t i = 0; unit != NULL && i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0 && number <= max_ms / units[i].ms) {
            *ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

bool scenario__take_number(struct scenario_reading *reading, const char *key, uint64_t min,
                           uint64_t max, uint64_t *number) {
    const char *text = scenario__value(reading, key);
    if (text == NULL) {
        return true;
    }
    if (!scenario__number_parse(text, max, number) || *number < min) {
        return scenario__refuse(
            reading, key, "'%s' must be a number from %" PRIu64 " to %" PRIu64 ", not '%.40s'", key,
            min, max, text);
    }
    return true;
}

bool scenario__take_time(struct scenario_reading *reading, const char *key, uint64_t min_ms,
                         uint64_t max_ms, uint64_t *ms, bool *negative) {
    const char *text = scenario__value(reading, key);
    if (text == NULL) {
        return true;
    }
    bool minus = negative != NULL && text[0] == '-';
    if (negative != NULL) {
        *negative = minus;
    }
    text += minus;
    if (!scenario__time_parse(text, max_ms, ms)) {
        return scenario__refuse(reading, key,
                                "'%s' must be a time like 250ms, 31s, 10m or 2h, at most "
                                "%" PRIu64 "h, not '%.40s'",
                                key, max_ms / 3600 / 1000, text);
    }
    return *ms >= min_ms ||
           scenario__refuse(reading, key, "'%s' must be at least %" PRIu64 "ms, not '%.40s'", key,
                            min_ms, text);
}

bool scenario__take_line(struct scenario_reading *reading, const char *key, char *line,
                         size_t size_bytes) {
    const char *text = scenario__value(reading, key);
    if (text == NULL) {
        return true;
    }
    size_t length = strlen(text);
    if (length >= size_bytes) {
        return scenario__refuse(reading, key, "'%s' is longer than %zu bytes", key, size_bytes - 1);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return scenario__refuse(reading, key, "'%s' must be one line of text", key);
        }
    }
    memcpy(line, text, length + 1);
    return true;
}

/* --- nodes and ranges ------------------------------------------------------------------------------------------------- */

/* n3, or n3-n7: indexes from 0, the end not included. */
static bool node_range_parse(const char *text, uint64_t *first, uint64_t *end) {
    const char *at = text[0] == 'n' ? digits_parse(text + 1, SCENARIO__COUNT_MAX, first) : NULL;
    if (at == NULL || *first == 0) {
        return false;
    }
    *end = *first;
    *first -= 1;
    if (*at == '\0') {
        return true;
    }
    return at[0] == '-' && at[1] == 'n' &&
           scenario__number_parse(at + 2, SCENARIO__COUNT_MAX, end) && *end > *first;
}

static bool mark_nodes(struct scenario_reading *reading, const char *key, const char *text,
                       bool *named) {
    size_t node_count = reading->scenario->node_count;
    uint64_t first = 0;
    uint64_t end = 0;
    if (!node_range_parse(text, &first, &end)) {
        return scenario__refuse(reading, key,
                                "'%s' must name nodes as n1, n2 or n2-n5, not '%.40s'", key, text);
    }
    if (end > node_count) {
        return scenario__refuse(reading, key,
                                "there is no node '%.40s' in '%s': nodes are n1 to n%zu", text, key,
                                node_count);
    }
    for (uint64_t i = first; i < end; i++) {
        if (named[i]) {
            return scenario__refuse(reading, key, "'%s' names n%" PRIu64 " twice", key, i + 1);
        }
        named[i] = true;
    }
    return true;
}

bool scenario__take_nodes(struct scenario_reading *reading, const char *key,
                          struct scenario_nodes *nodes) {
    bool named[SCENARIO_NODES_MAX] = {0};
    uint16_t indexes[SCENARIO_NODES_MAX];
    size_t found = 0;
    size_t count = 0;
    char *const *texts = scenario__values(reading, key, &count);
    for (size_t i = 0; i < count; i++) {
        if (!mark_nodes(reading, key, texts[i], named)) {
            return false;
        }
    }
    for (size_t i = 0; i < SCENARIO_NODES_MAX; i++) {
        if (named[i]) {
            indexes[found++] = (uint16_t)i;
        }
    }
    *nodes = scenario_nodes_of(found, indexes);
    return true;
}

bool scenario__take_kept(struct scenario_reading *reading) {
    struct scenario *scenario = reading->scenario;
    uint64_t least = 0;
    size_t count = 0;
    char *const *texts = scenario__values(reading, "kept", &count);
    if (count > SCENARIO_KEPT_MAX) {
        return scenario__refuse(reading, "kept", "'kept' has more than %d ranges",
                                SCENARIO_KEPT_MAX);
    }
    scenario->kept = scenario__allocate(count, sizeof *scenario->kept);
    for (size_t i = 0; i < count; i++) {
        struct scenario_kept kept = {0};
        const char *at = digits_parse(texts[i], UINT64_MAX, &kept.first);
        if (at == NULL || *at != '-' || !scenario__number_parse(at + 1, UINT64_MAX, &kept.end) ||
            kept.end <= kept.first || kept.first < least) {
            return scenario__refuse(reading, "kept",
                                    "'kept' must be ranges as 0-120, ascending, not '%.40s'",
                                    texts[i]);
        }
        least = kept.end;
        scenario->kept[scenario->kept_count++] = kept;
    }
    return true;
}

bool scenario__take_word(struct scenario_reading *reading, const char *key, const char *yes,
                         const char *no, bool *is_yes) {
    const char *text = scenario__value(reading, key);
    if (text == NULL) {
        return true;
    }
    *is_yes = strcmp(text, yes) == 0;
    return *is_yes || strcmp(text, no) == 0 ||
           scenario__refuse(reading, key, "'%s' must be %s or %s, not '%.40s'", key, yes, no, text);
}
