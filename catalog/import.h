/* import.h - an import being read (private to catalog/import*.c). */
#ifndef CATALOG_IMPORT_H
#define CATALOG_IMPORT_H

#include "catalog/plan.h"

/* The import with what it needs to free itself. */
struct catalog__import {
    struct catalog_import import; /* first: what callers see */
    const struct merkle_allocator *allocator;
    struct merkle_buffer memory; /* bodies and names, one write after the other */
};
static_assert(offsetof(struct catalog__import, import) == 0, "an import is its first member");

/* Where the parts of a write lie in `memory`. */
struct catalog__import_place {
    size_t body_offset;
    size_t entity_offset;
    size_t name_offset;
};

struct catalog__importing {
    struct catalog__import *made;
    uint32_t line;
    struct catalog__import_place *places;
    size_t write_capacity;
    size_t problem_capacity;
};

/* A line as read: its body is at the end of `memory`, its texts belong to `root`. */
struct catalog__import_line {
    bool accepted;
    struct catalog_key key;
    enum catalog_state state;
    void *root; /* json_t */
};

/* Reads one line (import_line.c). 0 also if it was refused (then a problem was added); CATALOG_ENOMEM. */
int catalog__import_read(struct catalog__importing *importing, const char *text, size_t size_bytes,
                         struct catalog__import_line *line);
void catalog__import_line_close(struct catalog__import_line *line);
/* Adds a problem of the line at hand. CATALOG_ENOMEM. */
int catalog__import_refuse(struct catalog__importing *importing, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
