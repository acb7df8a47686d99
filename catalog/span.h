/* span.h - reading MessagePack byte by byte, in its canonical form only (private to catalog/).
 *
 * The one place that knows how a MessagePack value begins. The checker (canonical.c) is built from it; so are those that
 * need the exact bytes of a part, which an unpacked object no longer has: versions are copied byte for byte by a merge.
 * Nothing is read past the end, nothing is allocated, and every declared count is held against the bytes that remain.
 */
#ifndef CATALOG_SPAN_H
#define CATALOG_SPAN_H

#include "catalog/catalog.h"

/* What is still to be read: [next, end). */
struct catalog__span {
    const uint8_t *next;
    const uint8_t *end;
};

enum catalog__value_kind {
    CATALOG__VALUE_NIL = 1,
    CATALOG__VALUE_BOOLEAN = 2,
    CATALOG__VALUE_UNSIGNED = 3, /* integers from 0 */
    CATALOG__VALUE_NEGATIVE = 4, /* integers below 0 */
    CATALOG__VALUE_REAL = 5,
    CATALOG__VALUE_TEXT = 6,
    CATALOG__VALUE_BINARY = 7,
    CATALOG__VALUE_ARRAY = 8,
    CATALOG__VALUE_MAP = 9,
};

/* The beginning of a value: a scalar is read whole, of an array or map only how much follows. */
struct catalog__value {
    enum catalog__value_kind kind;
    bool boolean;
    uint64_t unsigned_integer;
    int64_t negative_integer;
    double real;
    struct catalog_text text; /* also of binary; points into the span */
    size_t count;             /* elements of an array, pairs of a map */
};

/* Reads one beginning. CATALOG_EMALFORMED (cut short, no MessagePack), CATALOG_ENOTCANONICAL (a longer form than needed,
 * ext, a float that is none). The content of texts and the order of keys are not looked at. */
int catalog__span_next(struct catalog__span *span, struct catalog__value *value);
/* Steps over one whole value, however deep. The same errors. */
int catalog__span_skip(struct catalog__span *span);

/* Whether an integer of MessagePack, -2^63 to 2^64 - 1, says the same as this finite number. */
bool catalog__real_is_integer(double real);

/* Each reads one value of a kind; false if there is another (the span is then of no more use). */
bool catalog__span_array(struct catalog__span *span, size_t *count);
bool catalog__span_map(struct catalog__span *span, size_t *count);
bool catalog__span_text(struct catalog__span *span, struct catalog_text *text);
bool catalog__span_unsigned(struct catalog__span *span, uint64_t *number);
bool catalog__span_boolean(struct catalog__span *span, bool *boolean);
bool catalog__span_id(struct catalog__span *span, struct catalog_id *id); /* 16 bytes of binary */
/* A text equal to `literal`: the next key of a map of known shape. */
bool catalog__span_literal(struct catalog__span *span, const char *literal);
/* The bytes of one whole value. */
bool catalog__span_value(struct catalog__span *span, const uint8_t **bytes, size_t *size_bytes);

/* --- texts (text.c) --- */

/* UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool catalog__utf8_valid(const char *text, size_t size_bytes);
/* Bytes of the valid sequence at the beginning of the text, 0 if it is none. */
size_t catalog__utf8_sequence(const char *text, size_t size_bytes);
/* 1 to CATALOG_NAME_SIZE_MAX bytes of UTF-8 without control characters (C0, DEL, C1) and '/': what entities, names, fields
 * and nodes are called. */
bool catalog__name_valid(struct catalog_text name);
/* Bytewise; a prefix comes first. */
int catalog__text_compare(struct catalog_text a, struct catalog_text b);
bool catalog__text_equal(struct catalog_text a, struct catalog_text b);
bool catalog__text_is(struct catalog_text text, const char *literal);

#endif
