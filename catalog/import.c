/* import.c - JSON Lines, as export writes them, into writes.
 *
 * Each line is read by itself, and each that is wrong becomes a problem with its number, so that an operator repairs a file
 * in one go. Blank lines are let pass, and so is "\r\n". What the writes point to lies in one growing block; while it grows
 * it moves, so offsets are kept until the end.
 *
 *      {"kind":"constraint","entity":E,"name":N, ...the body as PUT takes it..., "state":S?}
 *      {"kind":9,"entity":E,"name":N,"bytes":BASE64, "state":S?}         an unknown kind: the bytes of a whole entry
 *
 * The line is parsed, stripped of its key and state, and what is left is handed on as text to catalog_body_parse(), which
 * knows bodies; so there is one place that says what a body may be.
 */
#include "catalog/import.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int catalog__import_refuse(struct catalog__importing *importing, int code, const char *format,
                           ...) {
    struct catalog_import *import = &importing->made->import;
    if (import->problem_count == CATALOG_PROBLEMS_MAX) {
        return 0;
    }
    if (import->problem_count == importing->problem_capacity) {
        size_t capacity = importing->problem_capacity == 0 ? 4 : importing->problem_capacity * 2;
        struct catalog_problem *grown = merkle_reallocate(
            importing->made->allocator, import->problems, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        import->problems = grown;
        importing->problem_capacity = capacity;
    }
    struct catalog_problem *problem = &import->problems[import->problem_count++];
    *problem = (struct catalog_problem){.code = code, .line = importing->line};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    catalog__message_trim(problem->message);
    return 0;
}

static int add_write(struct catalog__importing *importing, const struct catalog_write *write,
                     const struct catalog__import_place *place) {
    struct catalog_import *import = &importing->made->import;
    const struct merkle_allocator *allocator = importing->made->allocator;
    if (import->write_count == importing->write_capacity) {
        size_t capacity = importing->write_capacity == 0 ? 16 : importing->write_capacity * 2;
        struct catalog_write *writes =
            merkle_reallocate(allocator, import->writes, capacity, sizeof(*writes));
        if (writes == NULL) {
            return CATALOG_ENOMEM;
        }
        import->writes = writes;
        struct catalog__import_place *places =
            merkle_reallocate(allocator, importing->places, capacity, sizeof(*places));
        if (places == NULL) {
            return CATALOG_ENOMEM;
        }
        importing->places = places;
        importing->write_capacity = capacity;
    }
    import->writes[import->write_count] = *write;
    importing->places[import->write_count] = *place;
    import->write_count += 1;
    return 0;
}

/* Copies a text into the block of the import; where it lies is told by its end. */
static void keep_text(struct merkle_buffer *memory, struct catalog_text text, size_t *offset) {
    *offset = memory->size_bytes;
    if (text.size_bytes > 0) {
        merkle_buffer_append(memory, text.data, text.size_bytes);
    }
}

static bool is_blank(const char *line, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; ++i) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

static int import_line(struct catalog__importing *importing, const char *line, size_t size_bytes) {
    struct merkle_buffer *memory = &importing->made->memory;
    size_t memory_before = memory->size_bytes;
    struct catalog__import_line read = {0};
    int result = catalog__import_read(importing, line, size_bytes, &read);
    if (result == 0 && read.accepted) {
        struct catalog__import_place place = {.body_offset = memory_before};
        struct catalog_write write = {
            .operation = CATALOG_SET,
            .line = importing->line,
            .key = read.key,
            .body_size_bytes = memory->size_bytes - memory_before,
            .state = read.state,
        };
        keep_text(memory, read.key.entity, &place.entity_offset);
        keep_text(memory, read.key.name, &place.name_offset);
        result = memory->failed ? CATALOG_ENOMEM : add_write(importing, &write, &place);
    } else {
        memory->size_bytes = memory_before;
    }
    catalog__import_line_close(&read);
    return result;
}

/* Now that the block no longer moves. */
static void place_writes(struct catalog__importing *importing) {
    struct catalog_import *import = &importing->made->import;
    const uint8_t *memory = importing->made->memory.data;
    assert(import->write_count == 0 || importing->places != NULL);
    for (size_t i = 0; i < import->write_count; ++i) {
        struct catalog_write *write = &import->writes[i];
        const struct catalog__import_place *place = &importing->places[i];
        write->key.entity.data = (const char *)memory + place->entity_offset;
        write->key.name.data = (const char *)memory + place->name_offset;
        write->body = memory + place->body_offset;
    }
}

static int import_lines(struct catalog__importing *importing, const char *text, size_t size_bytes) {
    const char *next = text;
    const char *end = text + size_bytes;
    while (next < end) {
        const char *line_end = memchr(next, '\n', (size_t)(end - next));
        size_t length = (size_t)((line_end != NULL ? line_end : end) - next);
        importing->line += importing->line < UINT32_MAX;
        if (!is_blank(next, length)) {
            int result = import_line(importing, next, length);
            if (result != 0) {
                return result;
            }
        }
        next += length + (line_end != NULL);
    }
    return 0;
}

int catalog_import_parse(const struct merkle_allocator *allocator, const char *text,
                         size_t size_bytes, struct catalog_import **import) {
    *import = NULL;
    struct catalog__import *made = merkle_allocate_zeroed(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    made->allocator = allocator;
    merkle_buffer_init(&made->memory, allocator);
    struct catalog__importing importing = {.made = made};
    int result = size_bytes > 0 ? import_lines(&importing, text, size_bytes) : 0;
    if (result == 0 && made->import.problem_count > 0) {
        made->import.write_count = 0;
    }
    if (result == 0) {
        place_writes(&importing);
    }
    merkle_release(allocator, importing.places);
    if (result != 0) {
        catalog_import_free(&made->import);
        return result;
    }
    *import = &made->import;
    return 0;
}

void catalog_import_free(struct catalog_import *import) {
    if (import == NULL) {
        return;
    }
    struct catalog__import *made = (struct catalog__import *)import;
    merkle_buffer_close(&made->memory);
    merkle_release(made->allocator, made->import.writes);
    merkle_release(made->allocator, made->import.problems);
    merkle_release(made->allocator, made);
}
