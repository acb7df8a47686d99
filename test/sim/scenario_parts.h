/* scenario_parts.h - what the files of scenarios share (private to test/sim/scenario*.c).
 *
 *   text --scenario_lines.c--> the values of all keys, every scalar a string, and their lines; unknown and doubled keys,
 *                              wrong shapes and aliases are refused here
 *        --scenario_parse.c--> struct scenario, with scenario_parse_action.c and scenario_value.c
 */
#ifndef SIM_SCENARIO_PARTS_H
#define SIM_SCENARIO_PARTS_H

#include "test/sim/scenario.h"

/* --- scenario.c: memory; a harness that has none left ends ------------------------------------------------------------ */

void *scenario__allocate(size_t count, size_t size_bytes); /* zeroed */
/* Room for one more. */
void *scenario__grow(void *memory, size_t count, size_t *capacity, size_t size_bytes);
char *scenario__text(const char *text); /* a copy; NULL of NULL */
void scenario__action_close(struct scenario_action *action);
/* Copies the lists and texts too. */
struct scenario_action scenario__action_copy(const struct scenario_action *action);

/* --- reading ---------------------------------------------------------------------------------------------------------- */

enum scenario_section { SECTION_TOP, SECTION_LOAD, SECTION_ACTION, SECTION_EXPECT };

/* A key of the file, or (key "") a part of it that begins: an item of a list, or a mapping. In the order of the text. */
struct scenario_line {
    const char *key; /* static */
    unsigned section, item, line;
    size_t first,
        count; /* its values: one, or those of a list; of a list of mappings only their number */
};

/* A file being read: what it says and where, which part is being looked at, and what is wrong with it. */
struct scenario_reading {
    struct scenario *scenario;
    struct scenario_line *lines;
    size_t line_count, line_capacity;
    char **
        values; /* every scalar as it was written, so that `010` is no 8 and `maybe` no yes; owned */
    size_t value_count, value_capacity;
    enum scenario_section section;
    unsigned item;         /* of the list, from 0 */
    size_t first_line;     /* where the lines of the part begin */
    unsigned problem_line; /* 0: of no line */
    char problem[SCENARIO_MESSAGE_SIZE_MAX];
};

/* All return false, so that a refusal can be returned. `key`: the line is that of this key in the part at hand, or else of the
 * part itself. Only the first refusal counts. */
bool scenario__refuse(struct scenario_reading *reading, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool scenario__refuse_at(struct scenario_reading *reading, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* From here on the part at hand is this item, or this mapping (0). It is there; parts are visited in order. */
void scenario__item_begin(struct scenario_reading *reading, enum scenario_section section,
                          unsigned item);
/* The line of the part at hand (""), or of a key of it; 0: there is none. */
unsigned scenario__line_of(const struct scenario_reading *reading, const char *key);
/* How many a list of it holds, also of mappings. */
size_t scenario__count(const struct scenario_reading *reading, const char *key);
/* Its values, none of a key that is not there. */
char *const *scenario__values(const struct scenario_reading *reading, const char *key,
                              size_t *count);
/* The first of them; NULL: the part at hand does not say it. */
const char *scenario__value(const struct scenario_reading *reading, const char *key);
/* Refuses `what`, the part at hand, if it does not say it. */
bool scenario__need(struct scenario_reading *reading, const char *what, const char *key);

/* scenario_lines.c: fills lines and values. */
bool scenario__lines_read(struct scenario_reading *reading, const char *text, size_t size_bytes);
void scenario__lines_free(struct scenario_reading *reading);
/* scenario_parse_action.c: of the action at hand. */
bool scenario__action_take(struct scenario_reading *reading);

/* --- scenario_value.c: what a scalar means; false: it is none such ----------------------------------------------------- */

/* Digits without leading zeros. */
bool scenario__number_parse(const char *text, uint64_t max, uint64_t *number);
/* 250ms, 31s, 10m, 2h */
bool scenario__time_parse(const char *text, uint64_t max_ms, uint64_t *ms);
/* These take the values of a key of the part at hand and refuse with a sentence; what is not said keeps its default. */
bool scenario__take_number(struct scenario_reading *reading, const char *key, uint64_t min,
                           uint64_t max, uint64_t *number);
/* `negative` (NULL: it may not be): there is a minus in front. */
bool scenario__take_time(struct scenario_reading *reading, const char *key, uint64_t min_ms,
                         uint64_t max_ms, uint64_t *ms, bool *negative);
bool scenario__take_nodes(struct scenario_reading *reading, const char *key,
                          struct scenario_nodes *nodes);
bool scenario__take_kept(struct scenario_reading *reading);
/* One of two words. */
bool scenario__take_word(struct scenario_reading *reading, const char *key, const char *yes,
                         const char *no, bool *is_yes);
/* One line of text without control characters. */
bool scenario__take_line(struct scenario_reading *reading, const char *key, char *line,
                         size_t size_bytes);

/* How far the clock of a node may jump: into the past before 1970, and beyond 2200, where clocks are refused. */
#define SCENARIO__CLOCK_SPAN_MS_MAX (UINT64_C(2000000) * 3600 * 1000)
enum {
    SCENARIO__COUNT_MAX = 1000 * 1000 * 1000,
    SCENARIO__BODY_SIZE_MAX = 24 * 1024, /* of a load: what a canonical body may be, with room */
};

#endif
