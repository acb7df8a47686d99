/* scenario_parts.h - what the files of scenarios share (private to test/sim/scenario*.c).
 *
 *   text --scenario_lines.c--> lines of all keys; unknown and doubled keys, wrong shapes and aliases are refused here
 *        --scenario_schema.c-> struct scenario_file, every scalar a string (libcyaml)
 *        --scenario_parse.c--> struct scenario, with scenario_parse_action.c and scenario_value.c
 *
 * libcyaml's own lines are those of the token before, so they are read beside it, with the parser that it stands on.
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

/* --- the keys of a file ----------------------------------------------------------------------------------------------- */

/* Key, member of the structure: a single value; a list of them; a list of mappings; a mapping. */
#define SCENARIO__TOP_KEYS(ONE, LIST, ITEMS, MAPPING)                                              \
    ONE("name", name)                                                                              \
    ONE("report", report)                                                                          \
    ONE("nodes", nodes)                                                                            \
    ONE("seed", seed)                                                                              \
    ONE("interval", interval)                                                                      \
    ONE("load_ends", load_ends)                                                                    \
    ONE("quiet", quiet)                                                                            \
    LIST("modes", modes)                                                                           \
    ONE("store", store)                                                                            \
    LIST("core", core)                                                                             \
    LIST("kept", kept)                                                                             \
    ITEMS("load", loads, load)                                                                     \
    ITEMS("actions", actions, action)                                                              \
    MAPPING("expect", expect, expect)
#define SCENARIO__LOAD_KEYS(ONE, LIST)                                                             \
    ONE("from", from)                                                                              \
    ONE("until", until)                                                                            \
    ONE("every", every)                                                                            \
    ONE("entries", entries)                                                                        \
    ONE("cycles", cycles)                                                                          \
    ONE("entities", entities)                                                                      \
    ONE("drops", drops)                                                                            \
    ONE("imports", imports)                                                                        \
    ONE("body_size", body_size)                                                                    \
    LIST("writers", writers)
#define SCENARIO__ACTION_KEYS(ONE, LIST)                                                           \
    ONE("at", at)                                                                                  \
    ONE("do", type)                                                                                \
    LIST("nodes", nodes)                                                                           \
    LIST("to", to)                                                                                 \
    ONE("for", lasts)                                                                              \
    ONE("percent", percent)                                                                        \
    ONE("span", span)                                                                              \
    ONE("count", count)                                                                            \
    ONE("key", key)                                                                                \
    ONE("body", body)                                                                              \
    ONE("wait", wait)                                                                              \
    ONE("skip_dead", skip_dead)
#define SCENARIO__EXPECT_KEYS(ONE, LIST)                                                           \
    ONE("entries", entries)                                                                        \
    ONE("conflicts", conflicts)                                                                    \
    ONE("intervals", intervals)                                                                    \
    ONE("seen", seen)                                                                              \
    ONE("diverging", diverging)

#define ONE(key, member) char *member;
#define LIST(key, member)                                                                          \
    char **member;                                                                                 \
    unsigned member##_count;
struct scenario_file_load {
    SCENARIO__LOAD_KEYS(ONE, LIST)
};
struct scenario_file_action {
    SCENARIO__ACTION_KEYS(ONE, LIST)
};
struct scenario_file_expect {
    SCENARIO__EXPECT_KEYS(ONE, LIST)
};
#define ITEMS(key, member, type)                                                                   \
    struct scenario_file_##type *member;                                                           \
    unsigned member##_count;
#define MAPPING(key, member, type) struct scenario_file_##type *member;
/* A file as it was written: NULL is what it does not say. */
struct scenario_file {
    SCENARIO__TOP_KEYS(ONE, LIST, ITEMS, MAPPING)
};
#undef ONE
#undef LIST
#undef ITEMS
#undef MAPPING

/* --- reading ---------------------------------------------------------------------------------------------------------- */

enum scenario_section { SECTION_TOP, SECTION_LOAD, SECTION_ACTION, SECTION_EXPECT };

/* A key of the file, or (key "") an item of one of its lists, in the order of the text. */
struct scenario_line {
    const char *key; /* static */
    unsigned section, item, line;
};

/* A file being read: what is known of its lines, which part is being looked at, and what is wrong with it. */
struct scenario_reading {
    struct scenario *scenario;
    struct scenario_line *lines;
    size_t line_count, line_capacity;
    enum scenario_section section;
    unsigned item;         /* of the list, from 0 */
    size_t first_line;     /* where the lines of the item begin */
    unsigned problem_line; /* 0: of no line */
    char problem[SCENARIO_MESSAGE_SIZE_MAX];
};

/* All return false, so that a refusal can be returned. `key`: the line is that of this key in the part at hand, or else of the
 * part itself. Only the first refusal counts. */
bool scenario__refuse(struct scenario_reading *reading, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool scenario__refuse_at(struct scenario_reading *reading, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* From here on the part at hand is this item. Items are visited in order. */
void scenario__item_begin(struct scenario_reading *reading, enum scenario_section section,
                          unsigned item);
/* The line of the part at hand (""), or of a key of it; 0: there is none. */
unsigned scenario__line_of(const struct scenario_reading *reading, const char *key);

/* scenario_lines.c: fills `lines`. */
bool scenario__lines_read(struct scenario_reading *reading, const char *text, size_t size_bytes);
/* scenario_schema.c: after scenario__lines_read() took the same text. NULL: refused. */
struct scenario_file *scenario__file_load(struct scenario_reading *reading, const char *text,
                                          size_t size_bytes);
void scenario__file_free(struct scenario_file *file);
/* scenario_parse_action.c: of the action at hand. */
bool scenario__action_take(struct scenario_reading *reading,
                           const struct scenario_file_action *file);

/* --- scenario_value.c: what a scalar means; false: it is none such ----------------------------------------------------- */

/* Digits without leading zeros. */
bool scenario__number_parse(const char *text, uint64_t max, uint64_t *number);
/* 250ms, 31s, 10m, 2h */
bool scenario__time_parse(const char *text, uint64_t max_ms, uint64_t *ms);
/* These refuse with a sentence; a NULL text or an empty list leaves the default. */
bool scenario__take_number(struct scenario_reading *reading, const char *key, const char *text,
                           uint64_t min, uint64_t max, uint64_t *number);
bool scenario__take_time(struct scenario_reading *reading, const char *key, const char *text,
                         uint64_t min_ms, uint64_t max_ms, uint64_t *ms);
bool scenario__take_nodes(struct scenario_reading *reading, const char *key, char *const *texts,
                          size_t count, struct scenario_nodes *nodes);
bool scenario__take_kept(struct scenario_reading *reading, char *const *texts, size_t count);
/* One line of text without control characters. */
bool scenario__take_line(struct scenario_reading *reading, const char *key, const char *text,
                         char *line, size_t size_bytes);

/* How far the clock of a node may jump: into the past before 1970, and beyond 2200, where clocks are refused. */
#define SCENARIO__CLOCK_SPAN_MS_MAX (UINT64_C(2000000) * 3600 * 1000)
enum {
    SCENARIO__COUNT_MAX = 1000 * 1000 * 1000,
    SCENARIO__BODY_SIZE_MAX = 24 * 1024, /* of a load: what a canonical body may be, with room */
};

#endif
