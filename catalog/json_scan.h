/* json_scan.h - a record in JSON, read member by member without memory (private to catalog/).
 *
 * A check wants to know of a record whether it is JSON (RFC 8259), and of each member its name and the kind of its value.
 * No tree is needed for that, and none is made: a parser that builds one takes longer than all the rest of a check.
 */
#ifndef CATALOG_JSON_SCAN_H
#define CATALOG_JSON_SCAN_H

#include "catalog/catalog.h"

enum {
    CATALOG__JSON_DEPTH_MAX = 512, /* nesting of a record; one bit of state a level */
};

enum catalog__json_kind {
    CATALOG__JSON_STRING = 1,
    CATALOG__JSON_NUMBER = 2, /* any that is not of the next kind */
    CATALOG__JSON_INTEGER =
        3, /* a whole number of 64 bits, signed, however written: 1, 1.0, 10e-1 */
    CATALOG__JSON_BOOLEAN = 4,
    CATALOG__JSON_ARRAY = 5,
    CATALOG__JSON_OBJECT = 6,
    CATALOG__JSON_NULL = 7,
};

struct catalog__json_scan {
    const char *text;
    size_t size_bytes;
    size_t offset;
    const char *fault; /* what is wrong at `offset`; NULL while all is well */
    bool first;
};

struct catalog__json_member {
    struct catalog_text name; /* between the quotes, as written */
    bool escaped;             /* has escapes: catalog__json_unescape() gives the name */
    size_t name_offset;
    enum catalog__json_kind kind;
};

/* Begins a text. Of an object only the bracket is read; any other value is read whole, with the end of the text behind it.
 * CATALOG_EMALFORMED: see `fault`. */
int catalog__json_scan_begin(struct catalog__json_scan *scan, const char *text, size_t size_bytes,
                             enum catalog__json_kind *kind);
/* The next member of the object: 1; 0 at its end, when nothing but white space follows; CATALOG_EMALFORMED. */
int catalog__json_scan_member(struct catalog__json_scan *scan, struct catalog__json_member *member);
/* Writes a name without its escapes; false if it is longer than `size_max`, then it is none of ours. */
bool catalog__json_unescape(struct catalog_text raw, char *name, size_t size_max,
                            size_t *size_bytes);
/* Line and column, both from 1, the column in bytes. */
void catalog__json_position(const char *text, size_t offset, size_t *line, size_t *column);

#endif
