/* json_codec.c - JSON values into canonical MessagePack, and how a wrong one is talked about (json_codec.h).
 *
 * Jansson has read the text; msgpack-c writes the shortest forms of its own accord. What is left is to sort the keys of
 * objects, and to write a whole number as an integer, however it was written.
 */
#include "catalog/json_codec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- saying what is wrong ---------------------------------------------------------------------------------------- */

/* A user's text as a message can bear it: bounded, on one line, cut between characters. */
const char *catalog__json_shown(const char *text, char out[CATALOG__JSON_SHOWN_SIZE]) {
    size_t size_bytes = strlen(text);
    size_t offset = 0;
    while (offset < size_bytes) {
        size_t length = catalog__utf8_sequence(text + offset, size_bytes - offset);
        if (length == 0 || offset + length > CATALOG_NAME_SIZE_MAX) {
            memcpy(out + offset, "...", 4);
            return out;
        }
        memcpy(out + offset, text + offset, length);
        if ((uint8_t)out[offset] < 0x20 || out[offset] == 0x7f) {
            out[offset] = '?';
        }
        offset += length;
    }
    out[offset] = '\0';
    return out;
}

int catalog__json_refuse(struct catalog__json_parse *parse, int code, const char *format, ...) {
    struct catalog_problem *problem = parse->problem;
    if (problem == NULL) {
        return code;
    }
    *problem = (struct catalog_problem){.code = code};
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    assert(length > 0);
    /* A message that was cut must not end within a character. */
    size_t valid = 0;
    size_t size_bytes = strlen(problem->message);
    size_t step = 1;
    while (valid < size_bytes && step > 0) {
        step = catalog__utf8_sequence(problem->message + valid, size_bytes - valid);
        valid += step;
    }
    problem->message[valid] = '\0';
    return code;
}

const char *catalog__json_kind(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object in bytewise order, to be released; NULL if memory is short. */
const char **catalog__json_sorted_keys(struct catalog__json_parse *parse, json_t *object) {
    size_t count = json_object_size(object);
    const char **keys = merkle_allocate(parse->body->allocator, count + 1, sizeof *keys);
    if (keys == NULL) {
        return NULL;
    }
    size_t at = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        keys[at++] = key;
    }
    assert(at == count);
    qsort(keys, count, sizeof *keys, compare_keys);
    return keys;
}

void catalog__json_pack_text(struct catalog__json_parse *parse, const char *text,
                             size_t size_bytes) {
    msgpack_pack_str_with_body(&parse->packer, text, size_bytes);
}

void catalog__json_pack_literal(struct catalog__json_parse *parse, const char *text) {
    catalog__json_pack_text(parse, text, strlen(text));
}

/* A whole number is an integer, however it was written: 0.0 is 0. */
static void pack_real(struct catalog__json_parse *parse, double real) {
    if (!catalog__real_is_integer(real)) {
        msgpack_pack_double(&parse->packer, real);
    } else if (real < 0) {
        msgpack_pack_int64(&parse->packer, (int64_t)real);
    } else {
        msgpack_pack_uint64(&parse->packer, (uint64_t)real);
    }
}

static int pack_object(struct catalog__json_parse *parse, json_t *object, unsigned depth_max) {
    size_t count = json_object_size(object);
    const char **keys = catalog__json_sorted_keys(parse, object);
    if (keys == NULL) {
        return CATALOG_ENOMEM;
    }
    msgpack_pack_map(&parse->packer, count);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        catalog__json_pack_literal(parse, keys[i]);
        result = catalog__json_pack_value(parse, json_object_get(object, keys[i]), depth_max);
    }
    merkle_release(parse->body->allocator, keys);
    return result;
}

static int pack_array(struct catalog__json_parse *parse, json_t *array, unsigned depth_max) {
    size_t count = json_array_size(array);
    msgpack_pack_array(&parse->packer, count);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = catalog__json_pack_value(parse, json_array_get(array, i), depth_max);
    }
    return result;
}

/* CATALOG_ETOODEEP is for the caller to explain. */
int catalog__json_pack_value(struct catalog__json_parse *parse, json_t *value, unsigned depth_max) {
    bool container = json_is_object(value) || json_is_array(value);
    if (container && depth_max == 0) {
        return CATALOG_ETOODEEP;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return pack_object(parse, value, depth_max - 1);
    case JSON_ARRAY:
        return pack_array(parse, value, depth_max - 1);
    case JSON_STRING:
        catalog__json_pack_text(parse, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(&parse->packer, json_integer_value(value));
        break;
    case JSON_REAL:
        pack_real(parse, json_real_value(value));
        break;
    case JSON_TRUE:
        msgpack_pack_true(&parse->packer);
        break;
    case JSON_FALSE:
        msgpack_pack_false(&parse->packer);
        break;
    case JSON_NULL:
        msgpack_pack_nil(&parse->packer);
        break;
    }
    return parse->body->failed ? CATALOG_ENOMEM : 0;
}
