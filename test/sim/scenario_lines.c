/* scenario_lines.c - the shape of a scenario file, the values of its keys, and on which line each stands.
 *
 * One pass over the tokens of libyaml. What it lets through has known keys only, each once, and every value of the shape that
 * its key asks for; so what comes after deals with the meaning of scalars alone. It stops at the first mistake: a file of
 * eight megabytes of brackets is not read to its end. (libcyaml would put it into structures, but its lines are those of the
 * token before.)
 */
#include "test/sim/scenario_parts.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum shape { SHAPE_ONE, SHAPE_LIST, SHAPE_ITEMS, SHAPE_MAPPING };

struct key {
    enum scenario_section section;
    const char *name;
    enum shape shape;
    enum scenario_section inner; /* of what the value holds */
};

static const struct key keys[] = {
    {SECTION_TOP, "name", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "report", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "nodes", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "seed", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "interval", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "load_ends", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "quiet", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "modes", SHAPE_LIST, SECTION_TOP},
    {SECTION_TOP, "store", SHAPE_ONE, SECTION_TOP},
    {SECTION_TOP, "core", SHAPE_LIST, SECTION_TOP},
    {SECTION_TOP, "kept", SHAPE_LIST, SECTION_TOP},
    {SECTION_TOP, "load", SHAPE_ITEMS, SECTION_LOAD},
    {SECTION_TOP, "actions", SHAPE_ITEMS, SECTION_ACTION},
    {SECTION_TOP, "expect", SHAPE_MAPPING, SECTION_EXPECT},
    {SECTION_LOAD, "from", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "until", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "every", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "entries", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "cycles", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "entities", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "drops", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "imports", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "body_size", SHAPE_ONE, SECTION_LOAD},
    {SECTION_LOAD, "writers", SHAPE_LIST, SECTION_LOAD},
    {SECTION_ACTION, "at", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "do", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "nodes", SHAPE_LIST, SECTION_ACTION},
    {SECTION_ACTION, "to", SHAPE_LIST, SECTION_ACTION},
    {SECTION_ACTION, "for", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "percent", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "span", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "count", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "key", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "body", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "wait", SHAPE_ONE, SECTION_ACTION},
    {SECTION_ACTION, "skip_dead", SHAPE_ONE, SECTION_ACTION},
    {SECTION_EXPECT, "entries", SHAPE_ONE, SECTION_EXPECT},
    {SECTION_EXPECT, "conflicts", SHAPE_ONE, SECTION_EXPECT},
    {SECTION_EXPECT, "intervals", SHAPE_ONE, SECTION_EXPECT},
    {SECTION_EXPECT, "seen", SHAPE_ONE, SECTION_EXPECT},
    {SECTION_EXPECT, "diverging", SHAPE_ONE, SECTION_EXPECT},
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

/* The lines of a part stand together, but for those of the whole. */
static const struct scenario_line *find_line(const struct scenario_reading *reading,
                                             const char *key) {
    for (size_t i = reading->first_line; i < reading->line_count; i++) {
        const struct scenario_line *line = &reading->lines[i];
        if (is_at(line, reading->section, reading->item, key)) {
            return line;
        }
        bool part = line->section == reading->section && line->item == reading->item;
        if (reading->section != SECTION_TOP && !part) {
            return NULL;
        }
    }
    return NULL;
}

unsigned scenario__line_of(const struct scenario_reading *reading, const char *key) {
    const struct scenario_line *line = find_line(reading, key);
    return line == NULL ? 0 : line->line;
}

size_t scenario__count(const struct scenario_reading *reading, const char *key) {
    const struct scenario_line *line = find_line(reading, key);
    return line == NULL ? 0 : line->count;
}

char *const *scenario__values(const struct scenario_reading *reading, const char *key,
                              size_t *count) {
    const struct scenario_line *line = find_line(reading, key);
    *count = line == NULL ? 0 : line->count;
    return *count == 0 ? NULL : &reading->values[line->first];
}

const char *scenario__value(const struct scenario_reading *reading, const char *key) {
    size_t count = 0;
    char *const *values = scenario__values(reading, key, &count);
    return count == 0 ? NULL : values[0];
}

bool scenario__need(struct scenario_reading *reading, const char *what, const char *key) {
    return scenario__value(reading, key) != NULL ||
           scenario__refuse(reading, "", "%s needs '%s'", what, key);
}

void scenario__lines_free(struct scenario_reading *reading) {
    for (size_t i = 0; i < reading->value_count; i++) {
        free(reading->values[i]);
    }
    free(reading->values);
    free(reading->lines);
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
    reading->lines[reading->line_count++] = (struct scenario_line){
        .key = key, .section = section, .item = item, .line = line, .first = reading->value_count};
}

/* The scalar at hand is a value of the key that was noted last. */
static void keep(struct scenario_reading *reading, const yaml_event_t *event) {
    reading->values = scenario__grow(reading->values, reading->value_count,
                                     &reading->value_capacity, sizeof *reading->values);
    reading->values[reading->value_count++] =
        scenario__text((const char *)event->data.scalar.value);
    reading->lines[reading->line_count - 1].count++;
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
        keep(walk->reading, &walk->event);
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
    size_t line = walk->reading->line_count - 1;
    for (unsigned item = 0; next(walk); item++) {
        if (is(walk, YAML_SEQUENCE_END_EVENT)) {
            walk->reading->lines[line].count = item;
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
        if (!is(walk, YAML_SCALAR_EVENT)) {
            return scenario__refuse_at(walk->reading, here(walk), "'%s' must be a single value",
                                       key->name);
        }
        keep(walk->reading, &walk->event);
        return true;
    case SHAPE_LIST:
        return read_list(walk, key);
    case SHAPE_ITEMS:
        return read_items(walk, key);
    default:
        note(walk->reading, key->inner, 0, "", here(walk));
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
