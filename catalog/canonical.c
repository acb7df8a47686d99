/* canonical.c - whether bytes are exactly one MessagePack object in its only accepted form.
 *
 * It stands before every unpacking: a library that believes declared counts would take gigabytes for five bytes. Depth
 * counts containers: a scalar has depth 0, an array or a map one more than the deepest of what it holds. docs/FORMAT.md
 * names the rules; span.c has those of a single value, here are those of a whole: nesting, order of keys, UTF-8, end.
 */
#include "catalog/span.h"

#include <assert.h>

enum { DEPTH_MAX = 64 }; /* of the recursion below, whatever the caller allows */
static_assert((int)CATALOG_DEPTH_MAX <= (int)DEPTH_MAX, "entries can be checked");

static int check_value(struct catalog__span *span, unsigned depth_max);

static int check_map(struct catalog__span *span, size_t count, unsigned depth_max) {
    struct catalog_text before = {0};
    for (size_t i = 0; i < count; i++) {
        struct catalog__value key;
        int result = catalog__span_next(span, &key);
        if (result != 0) {
            return result;
        }
        if (key.kind != CATALOG__VALUE_TEXT ||
            (i > 0 && catalog__text_compare(before, key.text) >= 0)) {
            return CATALOG_ENOTCANONICAL;
        }
        if (!catalog__utf8_valid(key.text.data, key.text.size_bytes)) {
            return CATALOG_EMALFORMED;
        }
        before = key.text;
        result = check_value(span, depth_max);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int check_value(struct catalog__span *span, unsigned depth_max) {
    struct catalog__value value;
    int result = catalog__span_next(span, &value);
    if (result != 0) {
        return result;
    }
    if (value.kind == CATALOG__VALUE_TEXT) {
        return catalog__utf8_valid(value.text.data, value.text.size_bytes) ? 0 : CATALOG_EMALFORMED;
    }
    if (value.kind != CATALOG__VALUE_ARRAY && value.kind != CATALOG__VALUE_MAP) {
        return 0;
    }
    if (depth_max == 0) {
        return CATALOG_ETOODEEP;
    }
    if (value.kind == CATALOG__VALUE_MAP) {
        return check_map(span, value.count, depth_max - 1);
    }
    for (size_t i = 0; i < value.count && result == 0; i++) {
        result = check_value(span, depth_max - 1);
    }
    return result;
}

int catalog_msgpack_check(const uint8_t *bytes, size_t size_bytes, unsigned depth_max) {
    if (size_bytes == 0) {
        return CATALOG_EMALFORMED;
    }
    struct catalog__span span = {bytes, bytes + size_bytes};
    int result = check_value(&span, depth_max < DEPTH_MAX ? depth_max : DEPTH_MAX);
    if (result != 0) {
        return result;
    }
    return span.next == span.end ? 0 : CATALOG_EMALFORMED;
}
