/* text.c - bounded texts: UTF-8, what may be a name, order.
 *
 * Names stand in URLs, log lines and terminals; that is why control characters and '/' are refused at the border.
 */
#include "catalog/span.h"

#include <string.h>

static bool is_continuation(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

size_t catalog__utf8_sequence(const char *text, size_t size_bytes) {
    const uint8_t *bytes = (const uint8_t *)text;
    if (size_bytes == 0) {
        return 0;
    }
    if (bytes[0] < 0x80) {
        return 1;
    }
    if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf) {
        return size_bytes >= 2 && is_continuation(bytes[1]) ? 2 : 0;
    }
    if (bytes[0] >= 0xe0 && bytes[0] <= 0xef) {
        /* The second byte tells overlong forms (after e0) and surrogates (after ed) from the rest. */
        uint8_t low = bytes[0] == 0xe0 ? 0xa0 : 0x80;
        uint8_t high = bytes[0] == 0xed ? 0x9f : 0xbf;
        bool valid =
            size_bytes >= 3 && bytes[1] >= low && bytes[1] <= high && is_continuation(bytes[2]);
        return valid ? 3 : 0;
    }
    if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4) {
        uint8_t low = bytes[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = bytes[0] == 0xf4 ? 0x8f : 0xbf;
        bool valid = size_bytes >= 4 && bytes[1] >= low && bytes[1] <= high &&
                     is_continuation(bytes[2]) && is_continuation(bytes[3]);
        return valid ? 4 : 0;
    }
    return 0;
}

bool catalog__utf8_valid(const char *text, size_t size_bytes) {
    size_t offset = 0;
    while (offset < size_bytes) {
        size_t length = catalog__utf8_sequence(text + offset, size_bytes - offset);
        if (length == 0) {
            return false;
        }
        offset += length;
    }
    return true;
}

bool catalog__name_valid(struct catalog_text name) {
    if (name.size_bytes == 0 || name.size_bytes > CATALOG_NAME_SIZE_MAX) {
        return false;
    }
    size_t offset = 0;
    while (offset < name.size_bytes) {
        const uint8_t *bytes = (const uint8_t *)name.data + offset;
        size_t length = catalog__utf8_sequence((const char *)bytes, name.size_bytes - offset);
        bool control = bytes[0] < 0x20 || bytes[0] == 0x7f ||
                       (length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0);
        if (length == 0 || control || bytes[0] == '/') {
            return false;
        }
        offset += length;
    }
    return true;
}

int catalog__text_compare(struct catalog_text a, struct catalog_text b) {
    size_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0) {
        return order;
    }
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

bool catalog__text_equal(struct catalog_text a, struct catalog_text b) {
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0);
}

bool catalog_text_is(struct catalog_text text, const char *string) {
    return catalog__text_equal(text,
                               (struct catalog_text){.data = string, .size_bytes = strlen(string)});
}

bool catalog__text_is(struct catalog_text text, const char *literal) {
    return catalog__text_equal(text, (struct catalog_text){literal, strlen(literal)});
}
