/* span.c - how a MessagePack value begins, and what follows from it (span.h).
 *
 * Each value has one first byte that is right for it: the shortest form. All others are refused here, so that two
 * encodings of one value can never both be accepted.
 */
#include "catalog/span.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static size_t remaining(const struct catalog__span *span) {
    return (size_t)(span->end - span->next);
}

/* Takes a big-endian number of 1, 2, 4 or 8 bytes. */
static bool take_number(struct catalog__span *span, size_t size_bytes, uint64_t *number) {
    if (remaining(span) < size_bytes) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        *number = *number << 8 | span->next[i];
    }
    span->next += size_bytes;
    return true;
}

static int take_bytes(struct catalog__span *span, enum catalog__value_kind kind,
                      uint64_t size_bytes, struct catalog__value *value) {
    if (size_bytes > remaining(span)) {
        return CATALOG_EMALFORMED;
    }
    value->kind = kind;
    value->text = (struct catalog_text){(const char *)span->next, (size_t)size_bytes};
    span->next += size_bytes;
    return 0;
}

/* An element takes at least one byte, so a count that the remaining bytes cannot hold is a lie. */
static int take_container(const struct catalog__span *span, enum catalog__value_kind kind,
                          uint64_t count, struct catalog__value *value) {
    uint64_t elements_max = kind == CATALOG__VALUE_MAP ? remaining(span) / 2 : remaining(span);
    if (count > elements_max && !PLANTED(ATTUNE_B25)) {
        return CATALOG_EMALFORMED;
    }
    value->kind = kind;
    value->count = (size_t)count;
    return 0;
}

/* The forms with a length of their own: bin and str 8, 16, 32, array and map 16, 32. `least` is the smallest length that
 * does not fit the next shorter form. */
static int take_long(struct catalog__span *span, enum catalog__value_kind kind, size_t length_size,
                     uint64_t least, struct catalog__value *value) {
    uint64_t length;
    if (!take_number(span, length_size, &length)) {
        return CATALOG_EMALFORMED;
    }
    if (length < least) {
        return CATALOG_ENOTCANONICAL;
    }
    bool container = kind == CATALOG__VALUE_ARRAY || kind == CATALOG__VALUE_MAP;
    return container ? take_container(span, kind, length, value)
                     : take_bytes(span, kind, length, value);
}

static int take_unsigned(struct catalog__span *span, size_t size_bytes, uint64_t least,
                         struct catalog__value *value) {
    value->kind = CATALOG__VALUE_UNSIGNED;
    if (!take_number(span, size_bytes, &value->unsigned_integer)) {
        return CATALOG_EMALFORMED;
    }
    return value->unsigned_integer < least && !PLANTED(ATTUNE_B32) ? CATALOG_ENOTCANONICAL : 0;
}

/* `greatest`: the value nearest to zero that does not fit the next shorter form. */
static int take_signed(struct catalog__span *span, size_t size_bytes, int64_t greatest,
                       struct catalog__value *value) {
    uint64_t bits;
    value->kind = CATALOG__VALUE_NEGATIVE;
    if (!take_number(span, size_bytes, &bits)) {
        return CATALOG_EMALFORMED;
    }
    unsigned unused_bits = 64 - 8 * (unsigned)size_bytes;
    bits <<= unused_bits;
    int64_t number;
    memcpy(&number, &bits, sizeof number);
    value->negative_integer = number >> unused_bits; /* gcc and clang shift the sign along */
    return value->negative_integer > greatest ? CATALOG_ENOTCANONICAL : 0;
}

bool catalog__real_is_integer(double real) {
    if (real < 0) {
        return real >= -0x1p63 && (double)(int64_t)real == real;
    }
    return real < 0x1p64 && (double)(uint64_t)real == real;
}

/* A float stands only for what no integer of MessagePack says: neither NaN and infinities, which JSON lacks, nor whole
 * numbers from -2^63 to 2^64 - 1, minus zero among them. */
static int take_real(struct catalog__span *span, struct catalog__value *value) {
    uint64_t bits;
    value->kind = CATALOG__VALUE_REAL;
    if (!take_number(span, sizeof bits, &bits)) {
        return CATALOG_EMALFORMED;
    }
    memcpy(&value->real, &bits, sizeof value->real);
    if (!isfinite(value->real)) {
        return CATALOG_ENOTCANONICAL;
    }
    return catalog__real_is_integer(value->real) ? CATALOG_ENOTCANONICAL : 0;
}

/* The first bytes from 0xc0 to 0xdf. */
static int take_marked(struct catalog__span *span, uint8_t first, struct catalog__value *value) {
    switch (first) {
    case 0xc0:
        value->kind = CATALOG__VALUE_NIL;
        return 0;
    case 0xc2:
    case 0xc3:
        value->kind = CATALOG__VALUE_BOOLEAN;
        value->boolean = first == 0xc3;
        return 0;
    case 0xc4:
        return take_long(span, CATALOG__VALUE_BINARY, 1, 0, value);
    case 0xc5:
        return take_long(span, CATALOG__VALUE_BINARY, 2, UINT64_C(1) << 8, value);
    case 0xc6:
        return take_long(span, CATALOG__VALUE_BINARY, 4, UINT64_C(1) << 16, value);
    case 0xcb:
        return take_real(span, value);
    case 0xcc:
        return take_unsigned(span, 1, UINT64_C(1) << 7, value);
    case 0xcd:
        return take_unsigned(span, 2, UINT64_C(1) << 8, value);
    case 0xce:
        return take_unsigned(span, 4, UINT64_C(1) << 16, value);
    case 0xcf:
        return take_unsigned(span, 8, UINT64_C(1) << 32, value);
    case 0xd0:
        return take_signed(span, 1, -33, value);
    case 0xd1:
        return take_signed(span, 2, (int64_t)INT8_MIN - 1, value);
    case 0xd2:
        return take_signed(span, 4, (int64_t)INT16_MIN - 1, value);
    case 0xd3:
        return take_signed(span, 8, (int64_t)INT32_MIN - 1, value);
    case 0xd9:
        return take_long(span, CATALOG__VALUE_TEXT, 1, 32, value);
    case 0xda:
        return take_long(span, CATALOG__VALUE_TEXT, 2, UINT64_C(1) << 8, value);
    case 0xdb:
        return take_long(span, CATALOG__VALUE_TEXT, 4, UINT64_C(1) << 16, value);
    case 0xdc:
        return take_long(span, CATALOG__VALUE_ARRAY, 2, 16, value);
    case 0xdd:
        return take_long(span, CATALOG__VALUE_ARRAY, 4, UINT64_C(1) << 16, value);
    case 0xde:
        return take_long(span, CATALOG__VALUE_MAP, 2, 16, value);
    case 0xdf:
        return take_long(span, CATALOG__VALUE_MAP, 4, UINT64_C(1) << 16, value);
    case 0xc1: /* never used */
        return CATALOG_EMALFORMED;
    default: /* ext and float 32 */
        return CATALOG_ENOTCANONICAL;
    }
}

int catalog__span_next(struct catalog__span *span, struct catalog__value *value) {
    assert(span->next <= span->end);
    *value = (struct catalog__value){0};
    if (remaining(span) == 0) {
        return CATALOG_EMALFORMED;
    }
    uint8_t first = *span->next++;
    if (first <= 0x7f) {
        value->kind = CATALOG__VALUE_UNSIGNED;
        value->unsigned_integer = first;
        return 0;
    }
    if (first >= 0xe0) {
        value->kind = CATALOG__VALUE_NEGATIVE;
        value->negative_integer = (int64_t)first - 0x100;
        return 0;
    }
    if (first <= 0x8f) {
        return take_container(span, CATALOG__VALUE_MAP, first & 0xf, value);
    }
    if (first <= 0x9f) {
        return take_container(span, CATALOG__VALUE_ARRAY, first & 0xf, value);
    }
    if (first <= 0xbf) {
        return take_bytes(span, CATALOG__VALUE_TEXT, first & 0x1f, value);
    }
    return take_marked(span, first, value);
}

int catalog__span_skip(struct catalog__span *span) {
    uint64_t values_to_come = 1;
    while (values_to_come > 0) {
        struct catalog__value value;
        int result = catalog__span_next(span, &value);
        if (result != 0) {
            return result;
        }
        values_to_come--;
        values_to_come +=
            value.kind == CATALOG__VALUE_MAP ? 2 * (uint64_t)value.count : value.count;
    }
    return 0;
}

static bool next_of_kind(struct catalog__span *span, enum catalog__value_kind kind,
                         struct catalog__value *value) {
    return catalog__span_next(span, value) == 0 && value->kind == kind;
}

bool catalog__span_array(struct catalog__span *span, size_t *count) {
    struct catalog__value value;
    bool found = next_of_kind(span, CATALOG__VALUE_ARRAY, &value);
    *count = value.count;
    return found;
}

bool catalog__span_map(struct catalog__span *span, size_t *count) {
    struct catalog__value value;
    bool found = next_of_kind(span, CATALOG__VALUE_MAP, &value);
    *count = value.count;
    return found;
}

bool catalog__span_text(struct catalog__span *span, struct catalog_text *text) {
    struct catalog__value value;
    bool found = next_of_kind(span, CATALOG__VALUE_TEXT, &value);
    *text = value.text;
    return found;
}

bool catalog__span_unsigned(struct catalog__span *span, uint64_t *number) {
    struct catalog__value value;
    bool found = next_of_kind(span, CATALOG__VALUE_UNSIGNED, &value);
    *number = value.unsigned_integer;
    return found;
}

bool catalog__span_boolean(struct catalog__span *span, bool *boolean) {
    struct catalog__value value;
    bool found = next_of_kind(span, CATALOG__VALUE_BOOLEAN, &value);
    *boolean = value.boolean;
    return found;
}

bool catalog__span_id(struct catalog__span *span, struct catalog_id *id) {
    struct catalog__value value;
    if (!next_of_kind(span, CATALOG__VALUE_BINARY, &value) ||
        value.text.size_bytes != sizeof id->bytes) {
        return false;
    }
    memcpy(id->bytes, value.text.data, sizeof id->bytes);
    return true;
}

bool catalog__span_literal(struct catalog__span *span, const char *literal) {
    struct catalog_text text;
    return catalog__span_text(span, &text) && catalog__text_is(text, literal);
}

bool catalog__span_value(struct catalog__span *span, const uint8_t **bytes, size_t *size_bytes) {
    *bytes = span->next;
    bool skipped = catalog__span_skip(span) == 0;
    *size_bytes = skipped ? (size_t)(span->next - *bytes) : 0;
    return skipped;
}
