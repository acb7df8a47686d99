/* identifier.c - 128-bit identifiers (nodes, origins, clusters): comparing, printing, parsing.
 *
 * They are drawn at random, so their order means nothing; but it is the same on every node, which is what breaks ties
 * between equal clocks alike everywhere.
 */
#include "catalog/catalog.h"

#include <string.h>

enum { HEX_DIGITS = 32 };

bool catalog_id_equal(const struct catalog_id *a, const struct catalog_id *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int catalog_id_compare(const struct catalog_id *a, const struct catalog_id *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool catalog_id_is_none(const struct catalog_id *id) {
    static const struct catalog_id none = {{0}};
    return catalog_id_equal(id, &none);
}

void catalog_id_print(const struct catalog_id *id, char text[33]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 0xf];
    }
    text[HEX_DIGITS] = '\0';
}

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool catalog_id_parse(const char *text, size_t size_bytes, struct catalog_id *id) {
    if (size_bytes != HEX_DIGITS) {
        return false;
    }
    struct catalog_id parsed = {{0}};
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        int value = digit_value(text[i]);
        if (value < 0) {
            return false;
        }
        parsed.bytes[i / 2] = (uint8_t)(parsed.bytes[i / 2] << 4 | value);
    }
    *id = parsed;
    return true;
}
