/* json_scan.c - the scanner: strict JSON, no memory, no recursion.
 *
 * Nesting is a stack of bits (object or array), so a record of a million brackets costs a clear error and not the stack.
 * Whether a number is a whole one is decided on its digits, not by way of a double, which cannot tell 2^63 from 2^63 - 1.
 */
#include "catalog/json_scan.h"
#include "catalog/span.h"

#include <assert.h>
#include <string.h>

static int fail(struct catalog__json_scan *scan, const char *fault) {
    scan->fault = fault;
    return CATALOG_EMALFORMED;
}

static int peek(const struct catalog__json_scan *scan) {
    return scan->offset < scan->size_bytes ? (uint8_t)scan->text[scan->offset] : -1;
}

static void skip_space(struct catalog__json_scan *scan) {
    for (;;) {
        int byte = peek(scan);
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
            return;
        }
        scan->offset += 1;
    }
}

static bool take(struct catalog__json_scan *scan, char expected) {
    if (peek(scan) != expected) {
        return false;
    }
    scan->offset += 1;
    return true;
}

/* --- strings ------------------------------------------------------------------------------------------------------- */

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four hex digits at `text`; -1 if they are none. */
static int32_t hex_four(const char *text, size_t size_bytes) {
    int32_t value = 0;
    for (size_t i = 0; i < 4; ++i) {
        int digit = i < size_bytes ? hex_value(text[i]) : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes of the escape at `text` (which begins with a backslash) and its code point; 0 if it is none, or half a pair. */
static size_t escape_at(const char *text, size_t size_bytes, uint32_t *code_point) {
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (size_bytes < 2) {
        return 0;
    }
    const char *found = text[1] != '\0' ? strchr(plain, text[1]) : NULL;
    if (found != NULL) {
        *code_point = (uint32_t)meant[found - plain];
        return 2;
    }
    if (text[1] != 'u') {
        return 0;
    }
    int32_t high = hex_four(text + 2, size_bytes - 2);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdfff) {
        *code_point = (uint32_t)high;
        return 6;
    }
    bool pair = size_bytes >= 8 && text[6] == '\\' && text[7] == 'u';
    int32_t low = pair ? hex_four(text + 8, size_bytes - 8) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *code_point = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 12;
}

static int scan_string(struct catalog__json_scan *scan, struct catalog_text *raw, bool *escaped) {
    if (!take(scan, '"')) {
        return fail(scan, "a string was expected");
    }
    size_t begin = scan->offset;
    *escaped = false;
    for (;;) {
        int byte = peek(scan);
        const char *here = scan->text + scan->offset;
        size_t length = 1;
        if (byte < 0) {
            return fail(scan, "the string does not end");
        }
        if (byte == '"') {
            break;
        }
        if (byte < 0x20) {
            return fail(scan, "a control character in a string");
        }
        if (byte == '\\') {
            uint32_t code_point = 0;
            *escaped = true;
            length = escape_at(here, scan->size_bytes - scan->offset, &code_point);
            if (length == 0) {
                return fail(scan, "not an escape");
            }
        } else if (byte >= 0x80) {
            length = catalog__utf8_sequence(here, scan->size_bytes - scan->offset);
            if (length == 0) {
                return fail(scan, "not UTF-8");
            }
        }
        scan->offset += length;
    }
    *raw = (struct catalog_text){.data = scan->text + begin, .size_bytes = scan->offset - begin};
    scan->offset += 1;
    return 0;
}

static size_t encode_utf8(uint32_t code_point, char bytes[4]) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1;) {
        bytes[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    bytes[0] = (char)(marks[length] | code_point);
    return length;
}

bool catalog__json_unescape(struct catalog_text raw, char *name, size_t size_max,
                            size_t *size_bytes) {
    size_t used = 0;
    size_t offset = 0;
    while (offset < raw.size_bytes) {
        char bytes[4] = {raw.data[offset]};
        size_t length = 1;
        size_t taken = 1;
        if (bytes[0] == '\\') {
            uint32_t code_point = 0;
            taken = escape_at(raw.data + offset, raw.size_bytes - offset, &code_point);
            assert(taken > 0);
            length = encode_utf8(code_point, bytes);
        }
        if (length > size_max - used) {
            return false;
        }
        memcpy(name + used, bytes, length);
        used += length;
        offset += taken;
    }
    *size_bytes = used;
    return true;
}

/* --- numbers ------------------------------------------------------------------------------------------------------- */

static size_t skip_digits(struct catalog__json_scan *scan) {
    size_t begin = scan->offset;
    while (peek(scan) >= '0' && peek(scan) <= '9') {
        scan->offset += 1;
    }
    return scan->offset - begin;
}

/* Whether digits * 10^exponent, of that sign, is a whole number of 64 bits. The digits may have a point among them, which
 * the caller has counted into the exponent. */
static bool is_whole(const char *digits, size_t size_bytes, int64_t exponent, bool negative) {
    while (size_bytes > 0 && (digits[size_bytes - 1] == '0' || digits[size_bytes - 1] == '.')) {
        exponent += digits[size_bytes - 1] == '0';
        size_bytes -= 1;
    }
    while (size_bytes > 0 && (digits[0] == '0' || digits[0] == '.')) {
        digits += 1;
        size_bytes -= 1;
    }
    if (size_bytes == 0) {
        return true; /* zero */
    }
    if (exponent < 0 || exponent > 19 || size_bytes > 20) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size_bytes; ++i) {
        uint64_t digit = digits[i] == '.' ? 0 : (uint64_t)(digits[i] - '0');
        if (digits[i] != '.' && (__builtin_mul_overflow(value, 10, &value) ||
                                 __builtin_add_overflow(value, digit, &value))) {
            return false;
        }
    }
    for (; exponent > 0; --exponent) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    return value <= (uint64_t)INT64_MAX + negative;
}

static int scan_number(struct catalog__json_scan *scan, enum catalog__json_kind *kind) {
    enum { EXPONENT_LIMIT = 1000000000 }; /* beyond, only zero is whole, and so it stays */
    bool negative = take(scan, '-');
    const char *digits = scan->text + scan->offset;
    bool zero = peek(scan) == '0';
    size_t whole_digits = skip_digits(scan);
    if (whole_digits == 0 || (zero && whole_digits > 1)) {
        return fail(scan, "not a number");
    }
    int64_t exponent = 0;
    if (take(scan, '.')) {
        size_t fraction_digits = skip_digits(scan);
        if (fraction_digits == 0) {
            return fail(scan, "a digit was expected");
        }
        exponent = -(int64_t)fraction_digits;
    }
    size_t size_bytes = (size_t)(scan->text + scan->offset - digits);
    if (take(scan, 'e') || take(scan, 'E')) {
        bool small = take(scan, '-');
        if (!small) {
            take(scan, '+');
        }
        size_t begin = scan->offset;
        if (skip_digits(scan) == 0) {
            return fail(scan, "a digit was expected");
        }
        int64_t given = 0;
        for (size_t i = begin; i < scan->offset && given < EXPONENT_LIMIT; ++i) {
            given = given * 10 + (scan->text[i] - '0');
        }
        exponent += small ? -given : given;
    }
    *kind = is_whole(digits, size_bytes, exponent, negative) ? CATALOG__JSON_INTEGER
                                                             : CATALOG__JSON_NUMBER;
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static int scan_word(struct catalog__json_scan *scan, const char *word) {
    size_t length = strlen(word);
    if (scan->size_bytes - scan->offset < length ||
        memcmp(scan->text + scan->offset, word, length) != 0) {
        return fail(scan, "a value was expected");
    }
    scan->offset += length;
    return 0;
}

/* One value; of an object or array only the opening bracket. */
static int scan_opening(struct catalog__json_scan *scan, enum catalog__json_kind *kind) {
    struct catalog_text ignored;
    bool escaped = false;
    switch (peek(scan)) {
    case '"':
        *kind = CATALOG__JSON_STRING;
        return scan_string(scan, &ignored, &escaped);
    case '{':
        *kind = CATALOG__JSON_OBJECT;
        scan->offset += 1;
        return 0;
    case '[':
        *kind = CATALOG__JSON_ARRAY;
        scan->offset += 1;
        return 0;
    case 't':
        *kind = CATALOG__JSON_BOOLEAN;
        return scan_word(scan, "true");
    case 'f':
        *kind = CATALOG__JSON_BOOLEAN;
        return scan_word(scan, "false");
    case 'n':
        *kind = CATALOG__JSON_NULL;
        return scan_word(scan, "null");
    default:
        break;
    }
    if (peek(scan) == '-' || (peek(scan) >= '0' && peek(scan) <= '9')) {
        return scan_number(scan, kind);
    }
    return fail(scan, "a value was expected");
}

static int scan_name(struct catalog__json_scan *scan) {
    struct catalog_text ignored;
    bool escaped = false;
    skip_space(scan);
    int result = scan_string(scan, &ignored, &escaped);
    skip_space(scan);
    if (result == 0 && !take(scan, ':')) {
        result = fail(scan, "':' was expected");
    }
    return result;
}

/* One whole value, however deep. A bit a level says whether it is an object. */
static int scan_value(struct catalog__json_scan *scan, enum catalog__json_kind *kind,
                      size_t depth_max) {
    uint8_t objects[CATALOG__JSON_DEPTH_MAX / 8] = {0};
    assert(depth_max <= CATALOG__JSON_DEPTH_MAX);
    size_t depth = 0;
    enum catalog__json_kind each = 0;
    bool opened = false; /* just behind an opening bracket */
    *kind = 0;
    for (;;) {
        skip_space(scan);
        bool object = depth > 0 && (objects[(depth - 1) / 8] >> ((depth - 1) % 8) & 1) != 0;
        bool closed = depth > 0 && take(scan, object ? '}' : ']');
        if (depth > 0 && !closed && !opened && !take(scan, ',')) {
            return fail(scan, object ? "',' or '}' was expected" : "',' or ']' was expected");
        }
        if (closed) {
            depth -= 1;
            opened = false;
        } else {
            int result = object ? scan_name(scan) : 0;
            skip_space(scan);
            result = result == 0 ? scan_opening(scan, &each) : result;
            if (result != 0) {
                return result;
            }
            *kind = *kind == 0 ? each : *kind;
            opened = each == CATALOG__JSON_OBJECT || each == CATALOG__JSON_ARRAY;
            if (opened && depth == depth_max) {
                return fail(scan, "nested too deeply");
            }
            if (opened) {
                uint8_t bit = (uint8_t)(1U << (depth % 8));
                objects[depth / 8] =
                    (uint8_t)(each == CATALOG__JSON_OBJECT ? objects[depth / 8] | bit
                                                           : objects[depth / 8] & ~bit);
                depth += 1;
            }
        }
        if (depth == 0) {
            return 0;
        }
    }
}

static int scan_end(struct catalog__json_scan *scan) {
    skip_space(scan);
    return scan->offset == scan->size_bytes ? 0 : fail(scan, "the end of the text was expected");
}

int catalog__json_scan_begin(struct catalog__json_scan *scan, const char *text, size_t size_bytes,
                             enum catalog__json_kind *kind) {
    *scan = (struct catalog__json_scan){.text = text, .size_bytes = size_bytes, .first = true};
    skip_space(scan);
    if (take(scan, '{')) {
        *kind = CATALOG__JSON_OBJECT;
        return 0;
    }
    int result = scan_value(scan, kind, CATALOG__JSON_DEPTH_MAX);
    return result == 0 ? scan_end(scan) : result;
}

int catalog__json_scan_member(struct catalog__json_scan *scan,
                              struct catalog__json_member *member) {
    assert(scan->fault == NULL);
    skip_space(scan);
    if (take(scan, '}')) {
        return scan_end(scan);
    }
    if (!scan->first && !take(scan, ',')) {
        return fail(scan, "',' or '}' was expected");
    }
    scan->first = false;
    skip_space(scan);
    member->name_offset = scan->offset;
    int result = scan_string(scan, &member->name, &member->escaped);
    if (result != 0) {
        return result;
    }
    skip_space(scan);
    if (!take(scan, ':')) {
        return fail(scan, "':' was expected");
    }
    result = scan_value(scan, &member->kind, CATALOG__JSON_DEPTH_MAX - 1);
    return result == 0 ? 1 : result;
}

void catalog__json_position(const char *text, size_t offset, size_t *line, size_t *column) {
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; ++i) {
        *column += 1;
        if (text[i] == '\n') {
            *line += 1;
            *column = 1;
        }
    }
}
