/* http_target.c - the request target: parts of the path and parameters, decoded.
 *
 * The library would decode before it splits, so that %2F became a separator; here the target is split as it came. What
 * is decoded may hold any byte, also NUL: parts are bounded texts, and the catalog's own rules decide on names.
 */
#include "bin/attuned/http.h"

#include <string.h>

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool http_decode(char *text, size_t *size_bytes, bool plus) {
    size_t out = 0;
    for (size_t in = 0; in < *size_bytes; in++) {
        if (text[in] != '%') {
            text[out++] = plus && text[in] == '+' ? ' ' : text[in];
            continue;
        }
        int high = in + 2 < *size_bytes ? hex_digit(text[in + 1]) : -1;
        int low = in + 2 < *size_bytes ? hex_digit(text[in + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        text[out++] = (char)(high * 16 + low);
        in += 2;
    }
    *size_bytes = out;
    return true;
}

static bool malformed(struct http_request *request, const char *message) {
    http_refuse_named(request, 400, "malformed", "%s", message);
    return false;
}

static bool parse_path(struct http_request *request, char *path, size_t size_bytes) {
    if (size_bytes == 0 || path[0] != '/')
        return malformed(request, "the request target does not begin with /");
    char *end = path + size_bytes;
    for (char *part = path + 1; part <= end;) {
        char *slash = memchr(part, '/', (size_t)(end - part));
        char *part_end = slash == NULL ? end : slash;
        size_t part_size_bytes = (size_t)(part_end - part);
        if (request->part_count == HTTP_PARTS_MAX)
            break; /* longer than any path of the table: http_route_find answers 404 */
        if (!http_decode(part, &part_size_bytes, false))
            return malformed(request, "the path has a malformed percent-encoding");
        request->parts[request->part_count++] = (struct catalog_text){part, part_size_bytes};
        part = part_end + 1;
    }
    return true;
}

static bool texts_equal(struct catalog_text a, struct catalog_text b) {
    return a.size_bytes == b.size_bytes && memcmp(a.data, b.data, a.size_bytes) == 0;
}

static bool parse_parameter(struct http_request *request, char *text, size_t size_bytes) {
    char *equals = memchr(text, '=', size_bytes);
    size_t name_size_bytes = equals == NULL ? size_bytes : (size_t)(equals - text);
    char *value = equals == NULL ? text + size_bytes : equals + 1;
    size_t value_size_bytes = (size_t)(text + size_bytes - value);
    if (!http_decode(text, &name_size_bytes, true) || !http_decode(value, &value_size_bytes, true))
        return malformed(request, "a parameter has a malformed percent-encoding");
    if (request->parameter_count == HTTP_PARAMETERS_MAX)
        return malformed(request, "too many parameters");
    struct http_parameter parameter = {
        .name = {text, name_size_bytes},
        .value = {value, value_size_bytes},
        .value_given = equals != NULL,
    };
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (texts_equal(request->parameters[i].name, parameter.name))
            return malformed(request, "a parameter is given twice");
    }
    request->parameters[request->parameter_count++] = parameter;
    return true;
}

bool http_target_parse(struct http_request *request) {
    char *target = request->target;
    size_t size_bytes = strlen(target);
    char *mark = memchr(target, '?', size_bytes);
    size_t path_size_bytes = mark == NULL ? size_bytes : (size_t)(mark - target);
    if (!parse_path(request, target, path_size_bytes))
        return false;
    char *end = target + size_bytes;
    for (char *item = mark == NULL ? end : mark + 1; item < end;) {
        char *separator = memchr(item, '&', (size_t)(end - item));
        char *item_end = separator == NULL ? end : separator;
        if (item_end > item && !parse_parameter(request, item, (size_t)(item_end - item)))
            return false;
        item = item_end + 1;
    }
    return true;
}
