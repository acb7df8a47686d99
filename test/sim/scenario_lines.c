/* scenario_lines.c - the shape of a scenario file, and on which line each key stands.
 *
 * One pass over the tokens of libyaml. What it lets through has known keys only, each once, and every value of the shape that
 * its key asks for; so what comes after deals with the meaning of scalars alone. It stops at the first mistake: a file of
 * eight megabytes of brackets is not read to its end.
 */
#include "test/sim/scenario_parts.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

enum shape { SHAPE_ONE, SHAPE_LIST, SHAPE_ITEMS, SHAPE_MAPPING };

struct key {
    enum scenario_section section;
    const char *name;
    enum shape shape;
    enum scenario_section inner; /* of what the value holds */
};

#define INNER_load SECTION_LOAD
#define INNER_action SECTION_ACTION
#define INNER_expect SECTION_EXPECT
static const struct key keys[] = {
#define LIST(key, member) {SECTION, key, SHAPE_LIST, SECTION},
#define ONE(key, member) {SECTION, key, SHAPE_ONE, SECTION},
#define ITEMS(key, member, type) {SECTION, key, SHAPE_ITEMS, INNER_##type},
#define MAPPING(key, member, type) {SECTION, key, SHAPE_MAPPING, INNER_##type},
#define SECTION SECTION_TOP
    SCENARIO__TOP_KEYS(ONE, LIST, ITEMS, MAPPING)
#undef SECTION
#define SECTION SECTION_LOAD
        SCENARIO__LOAD_KEYS(ONE, LIST)
#undef SECTION
#define SECTION SECTION_ACTION
            SCENARIO__ACTION_KEYS(ONE, LIST)
#undef SECTION
#define SECTION SECTION_EXPECT
                SCENARIO__EXPECT_KEYS(ONE, LIST)
#undef SECTION
};

struct walk {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    struct scenario_reading *reading;
    const char *text;
};

/* --- refusing --------------------------------------------------------------------------------------------------------- */

static bool refuse(struct scenario_reading *reading, unsigned line, const char *format,
                   va_list arguments) __attribute__((format(printf, 3, 0)));
static bool refuse(struct scenario_reading *reading, unsigned line, const char *format,
                   va_list arguments) {
    if (reading->problem[0] == '\0') {
        (void)vsnprintf(reading->problem, sizeof reading->problem, format, arguments);
        reading->problem_line = line;
    }
    return false;
}

bool scenario__refuse_at(struct scenario_reading *reading, unsigned line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    refuse(reading, line, format, arguments);
    va_end(arguments);
    return false;
}

bool scenario__refuse(struct scenario_reading *reading, const char *key, const char *format, ...) {
    unsigned line = scenario__line_of(reading, key);
    va_list arguments;
    va_start(arguments, format);
    refuse(reading, line > 0 ? line : scenario__line_of(reading, ""), format, arguments);
    va_end(arguments);
    return false;
}

static bool is_at(const struct scenario_line *line, enum scenario_section section, unsigned item,
                  const char *key) {
    return line->section == section && line->item == item && strcmp(line->key, key) == 0;
}

void scenario__item_begin(struct scenario_reading *reading, enum scenario_section section,
                          unsigned item) {
    size_t line = item == 0 ? 0 : reading->first_line;
    while (!is_at(&reading->lines[line], section, item, "")) {
        line++;
        assert(line < reading->line_count);
    }
    reading->section = section;
    reading->item = item;
    reading->first_line = line;
}

unsigned scenario__line_of(const struct scenario_reading *reading, const char *key) {
    for (size_t i = reading->first_line; i < reading->line_count; i++) {
        if (is_at(&reading->lines[i], reading->section, reading->item, key)) {
            return reading->lines[i].line;
        }
    }
    return 0;
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static unsigned line_of(const yaml_mark_t *mark) {
    return (unsigned)mark->line + 1;
}

static unsigned here(const struct walk *walk) {
    return line_of(&walk->event.start_mark);
}

static bool is(const struct walk *walk, yaml_event_type_t type) {
    return walk->event.type == type;
}

static bool has_anchor(const yaml_event_t *event) {
    return event->type == YAML_ALIAS_EVENT ||
           (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT &&
            event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

/* Bytes that are no text are found when they are read, ahead of the token at hand: only their offset is known. */
static unsigned line_of_problem(const struct walk *walk) {
    if (walk->parser.error != YAML_READER_ERROR) {
        return line_of(&walk->parser.problem_mark);
    }
    unsigned line = 1;
    for (size_t i = 0; i < walk->parser.problem_offset; i++) {
        line += walk->text[i] == '\n';
    }
    return line;
}

static bool next(struct walk *walk) {
    yaml_event_delete(&walk->event);
    if (yaml_parser_parse(&walk->parser, &walk->event) == 0) {
        const char *problem = walk->parser.problem;
        return scenario__refuse_at(walk->reading, line_of_problem(walk), "is no YAML: %s",
                                   problem == NULL ? "out of memory" : problem);
    }
    if (has_anchor(&walk->event)) {
        return scenario__refuse_at(walk->reading, here(walk), "anchors and aliases are not taken");
    }
    if (is(walk, YAML_SCALAR_EVENT) &&
        memchr(walk->event.data.scalar.value, '\0', walk->event.data.scalar.length) != NULL) {
        return scenario__refuse_at(walk->reading, here(walk), "a text holds NUL");
    }
    return true;
}

/* --- the shape -------------------------------------------------------------------------------------------------------- */

static void note(struct scenario_reading *reading, enum scenario_section section, unsigned item,
                 const char *key, unsigned line) {
    reading->lines = scenario__grow(reading->lines, reading->line_count, &reading->line_capacity,
                                    sizeof *reading->lines);
    reading->lines[reading->line_count++] =
        (struct scenario_line){.key = key, .section = section, .item = item, .line = line};
}

static const struct key *find_key(enum scenario_section section, const char *name) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool read_list(struct walk *walk, const struct key *key) {
    if (!is(walk, YAML_SEQUENCE_START_EVENT)) {
        return scenario__refuse_at(walk->reading, here(walk), "'%s' must be a list: [a, b]",
                                   key->name);
    }
    for (size_t count = 0; next(walk); count++) {
        if (is(walk, YAML_SEQUENCE_END_EVENT)) {
            return count > 0 || scenario__refuse_at(walk->reading, here(walk),
                                                    "'%s' is an empty list", key->name);
        }
        if (!is(walk, YAML_SCALAR_EVENT)) {
            return scenario__refuse_at(walk->reading, here(walk),
                                       "'%s' must be a list of single values", key->name);
        }
    }
    return false;
}

static bool read_mapping(struct walk *walk, enum scenario_section section, unsigned item,
                         const char *of);

static bool read_items(struct walk *walk, const struct key *key) {
    unsigned max = key->inner == SECTION_LOAD ? SCENARIO_LOADS_MAX : SCENARIO_ACTIONS_MAX;
    if (!is(walk, YAML_SEQUENCE_START_EVENT)) {
        return scenario__refuse_at(walk->reading, here(walk), "'%s' must be a list", key->name);
    }
    for (unsigned item = 0; next(walk); item++) {
        if (is(walk, YAML_SEQUENCE_END_EVENT)) {
            return true;
        }
        if (item == max) {
            return scenario__refuse_at(walk->reading, here(walk), "'%s' has more than %u items",
                                       key->name, max);
        }
        note(walk->reading, key->inner, item, "", here(walk));
        if (!read_mapping(walk, key->inner, item, key->name)) {
            return false;
        }
    }
    return false;
}

static bool read_value(struct walk *walk, const struct key *key) {
    switch (key->shape) {
    case SHAPE_ONE:
        return is(walk, YAML_SCALAR_EVENT) ||
               scenario__refuse_at(walk->reading, here(walk), "'%s' must be a single value",
                                   key->name);
    case SHAPE_LIST:
        return read_list(walk, key);
    case SHAPE_ITEMS:
        return read_items(walk, key);
    default:
        return read_mapping(walk, key->inner, 0, key->name);
    }
}

/* Notes the key at hand: known, and new to the mapping, whose lines begin at `first`. NULL: refused. */
static const struct key *take_key(struct walk *walk, enum scenario_section section, unsigned item,
                                  size_t first) {
    struct scenario_reading *reading = walk->reading;
    if (!is(walk, YAML_SCALAR_EVENT)) {
        scenario__refuse_at(reading, here(walk), "a key must be a single word");
        return NULL;
    }
    const char *name = (const char *)walk->event.data.scalar.value;
    const struct key *key = find_key(section, name);
    if (key == NULL) {
        scenario__refuse_at(reading, here(walk), "unknown key '%.60s'", name);
        return NULL;
    }
    for (size_t i = first; i < reading->line_count; i++) {
        if (is_at(&reading->lines[i], section, item, key->name)) {
            scenario__refuse_at(reading, here(walk), "key '%s' is given twice", key->name);
            return NULL;
        }
    }
    note(reading, section, item, key->name, here(walk));
    return key;
}

static bool read_mapping(struct walk *walk, enum scenario_section section, unsigned item,
                         const char *of) {
    size_t first = walk->reading->line_count;
    if (!is(walk, YAML_MAPPING_START_EVENT)) {
        return scenario__refuse_at(walk->reading, here(walk), "%s must be keys with values", of);
    }
    while (next(walk)) {
        if (is(walk, YAML_MAPPING_END_EVENT)) {
            return true;
        }
        const struct key *key = take_key(walk, section, item, first);
        if (key == NULL || !next(walk) || !read_value(walk, key)) {
            return false;
        }
    }
    return false;
}

static bool read_document(struct walk *walk) {
    bool read = next(walk); /* the stream begins */
    read = read && next(walk);
    if (read && is(walk, YAML_STREAM_END_EVENT)) {
        return scenario__refuse_at(walk->reading, here(walk), "the file is empty");
    }
    read = read && next(walk) && read_mapping(walk, SECTION_TOP, 0, "a scenario");
    read = read && next(walk); /* the document ends */
    read = read && next(walk);
    if (read && !is(walk, YAML_STREAM_END_EVENT)) {
        return scenario__refuse_at(walk->reading, here(walk),
                                   "a second document: a file holds one scenario");
    }
    return read;
}

bool scenario__lines_read(struct scenario_reading *reading, const char *text, size_t size_bytes) {
    struct walk walk = {.reading = reading, .text = text};
    if (yaml_parser_initialize(&walk.parser) == 0) {
        return scenario__refuse_at(reading, 0, "out of memory");
    }
    yaml_parser_set_input_string(&walk.parser, (const unsigned char *)text, size_bytes);
    bool read = read_document(&walk);
    yaml_event_delete(&walk.event);
    yaml_parser_delete(&walk.parser);
    assert(read || reading->problem[0] != '\0');
    return read;
}
