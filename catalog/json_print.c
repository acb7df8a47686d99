/* json_print.c - entries and values as JSON, in the exact forms of DESIGN 10.2.
 *
 * The text is written by hand, because its form is a promise: exports of two nodes that agree are byte-identical, keys
 * stand in the order of the examples, and a number has the shortest form that reads back as the same one. All appends go
 * to a buffer that remembers a failure, so it is looked at once, at the end.
 */
#include "catalog/entry.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct merkle_buffer *json, const char *text) {
    merkle_buffer_append(json, text, strlen(text));
}

static int finish(const struct merkle_buffer *json) {
    return json->failed ? CATALOG_ENOMEM : 0;
}

/* --- texts and numbers ------------------------------------------------------------------------------------------- */

static void put_escaped(struct merkle_buffer *json, uint8_t byte) {
    static const char short_forms[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof short_forms; i += 2) {
        if ((uint8_t)short_forms[i] == byte) {
            const char escape[2] = {'\\', short_forms[i + 1]};
            merkle_buffer_append(json, escape, sizeof escape);
            return;
        }
    }
    char escape[8];
    snprintf(escape, sizeof escape, "\\u%04x", (unsigned)byte);
    put(json, escape);
}

/* Texts of entries are valid UTF-8. Others may not be (a message cut to its size): what is none becomes U+FFFD. */
int catalog_json_print_text(struct catalog_text text, struct merkle_buffer *json) {
    put(json, "\"");
    size_t plain = 0; /* begin of what needs no escape */
    size_t offset = 0;
    while (offset < text.size_bytes) {
        uint8_t byte = (uint8_t)text.data[offset];
        size_t length = catalog__utf8_sequence(text.data + offset, text.size_bytes - offset);
        if (length > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            offset += length;
            continue;
        }
        if (offset > plain) {
            merkle_buffer_append(json, text.data + plain, offset - plain);
        }
        if (length == 0) {
            put(json, "\xef\xbf\xbd");
        } else {
            put_escaped(json, byte);
        }
        plain = ++offset;
    }
    if (offset > plain) {
        merkle_buffer_append(json, text.data + plain, offset - plain);
    }
    put(json, "\"");
    return finish(json);
}

static void put_unsigned(struct merkle_buffer *json, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    put(json, digits);
}

/* The fewest digits that read back: 17 always do. printf writes the locale's decimal point, an exponent with a plus and at
 * least two digits; JSON wants a point, and shortest is shortest. */
static void put_real(struct merkle_buffer *json, double real) {
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real) {
            break;
        }
    }
    char text[40];
    size_t length = 0;
    bool exponent_begins = false;
    for (const char *digit = digits; *digit != '\0'; digit++) {
        bool is_digit = *digit >= '0' && *digit <= '9';
        if (exponent_begins && (*digit == '+' || *digit == '0')) {
            continue;
        }
        exponent_begins = *digit == 'e' || (exponent_begins && *digit == '-');
        bool point = !is_digit && *digit != 'e' && *digit != '-';
        assert(!point || length > 0);
        if (!point || text[length - 1] != '.') {
            text[length++] = point ? '.' : *digit;
        }
    }
    merkle_buffer_append(json, text, length);
}

/* An integer above 2^63 - 1 came from a JSON number with an exponent or a fraction, as readers of JSON take no larger one
 * as an integer; so it is written as it would be read, if that loses nothing. */
static void put_large(struct merkle_buffer *json, uint64_t number) {
    double real = (double)number;
    if (real < 0x1p64 && (uint64_t)real == number) {
        char digits[40];
        snprintf(digits, sizeof digits, "%.0f", real);
        size_t length = strlen(digits);
        size_t zeros = 0;
        while (zeros + 1 < length && digits[length - 1 - zeros] == '0') {
            zeros++;
        }
        merkle_buffer_append(json, digits, length - zeros);
        snprintf(digits, sizeof digits, "e%zu", zeros);
        put(json, digits);
        return;
    }
    put_unsigned(json, number);
}

static void put_base64(struct merkle_buffer *json, const uint8_t *bytes, size_t size_bytes) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    put(json, "\"");
    for (size_t i = 0; i < size_bytes; i += 3) {
        size_t count = size_bytes - i < 3 ? size_bytes - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= count > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= count > 2 ? (uint32_t)bytes[i + 2] : 0;
        char quad[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], alphabet[bits >> 6 & 63],
                        alphabet[bits & 63]};
        memset(quad + 1 + count, '=', 3 - count);
        merkle_buffer_append(json, quad, sizeof quad);
    }
    put(json, "\"");
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static int print_value(struct catalog__span *span, unsigned depth_max, struct merkle_buffer *json);

static int print_container(struct catalog__span *span, const struct catalog__value *container,
                           unsigned depth_max, struct merkle_buffer *json) {
    bool map = container->kind == CATALOG__VALUE_MAP;
    if (depth_max == 0) {
        return CATALOG_ETOODEEP;
    }
    put(json, map ? "{" : "[");
    for (size_t i = 0; i < container->count; i++) {
        if (i > 0) {
            put(json, ",");
        }
        if (map) {
            struct catalog_text key;
            if (!catalog__span_text(span, &key)) {
                return CATALOG_EMALFORMED;
            }
            catalog_json_print_text(key, json);
            put(json, ":");
        }
        int result = print_value(span, depth_max - 1, json);
        if (result != 0) {
            return result;
        }
    }
    put(json, map ? "}" : "]");
    return 0;
}

static int print_value(struct catalog__span *span, unsigned depth_max, struct merkle_buffer *json) {
    struct catalog__value value;
    int result = catalog__span_next(span, &value);
    if (result != 0) {
        return result;
    }
    char digits[24];
    switch (value.kind) {
    case CATALOG__VALUE_NIL:
        put(json, "null");
        break;
    case CATALOG__VALUE_BOOLEAN:
        put(json, value.boolean ? "true" : "false");
        break;
    case CATALOG__VALUE_UNSIGNED:
        if (value.unsigned_integer > INT64_MAX) {
            put_large(json, value.unsigned_integer);
        } else {
            put_unsigned(json, value.unsigned_integer);
        }
        break;
    case CATALOG__VALUE_NEGATIVE:
        snprintf(digits, sizeof digits, "%" PRId64, value.negative_integer);
        put(json, digits);
        break;
    case CATALOG__VALUE_REAL:
        put_real(json, value.real);
        break;
    case CATALOG__VALUE_TEXT:
        catalog_json_print_text(value.text, json);
        break;
    case CATALOG__VALUE_BINARY:
        put_base64(json, (const uint8_t *)value.text.data, value.text.size_bytes);
        break;
    case CATALOG__VALUE_ARRAY:
    case CATALOG__VALUE_MAP:
        return print_container(span, &value, depth_max, json);
    }
    return 0;
}

int catalog__json_print_value(const uint8_t *value, size_t size_bytes, struct merkle_buffer *json) {
    struct catalog__span span = {value, value + size_bytes};
    int result = print_value(&span, CATALOG_DEPTH_MAX, json);
    return result != 0 ? result : finish(json);
}

/* --- bodies ------------------------------------------------------------------------------------------------------ */

static void put_names(struct merkle_buffer *json, const struct catalog_text *names, size_t count) {
    put(json, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            put(json, ",");
        }
        catalog_json_print_text(names[i], json);
    }
    put(json, "]");
}

static int put_schema(struct merkle_buffer *json, const struct catalog_version *version) {
    struct catalog__schema *schema;
    int result =
        catalog__schema_parse(json->allocator, version->body, version->body_size_bytes, &schema);
    if (result != 0) {
        return result;
    }
    put(json, ",\"fields\":{");
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct catalog__field *field = &schema->fields[i];
        put(json, i > 0 ? "," : "");
        catalog_json_print_text(field->name, json);
        put(json, ":{\"type\":\"");
        put(json, catalog__type_name(field->type));
        put(json, field->required ? "\",\"required\":true" : "\",\"required\":false");
        if (field->default_value != NULL) {
            put(json, ",\"default\":");
            catalog__json_print_value(field->default_value, field->default_size_bytes, json);
        }
        put(json, "}");
    }
    put(json, "}");
    merkle_release(json->allocator, schema);
    return 0;
}

static int put_constraint(struct merkle_buffer *json, uint16_t kind,
                          const struct catalog_version *version) {
    struct catalog__constraint *constraint;
    int result = catalog__constraint_parse(json->allocator, kind, version->body,
                                           version->body_size_bytes, &constraint);
    if (result != 0) {
        return result;
    }
    if (constraint->type != 0) {
        put(json, ",\"type\":\"");
        put(json, catalog__constraint_type_name(constraint->type));
        put(json, "\"");
    }
    put(json, ",\"fields\":");
    put_names(json, constraint->fields, constraint->field_count);
    if (constraint->type == CATALOG__FOREIGN_KEY) {
        put(json, ",\"references\":{\"entity\":");
        catalog_json_print_text(constraint->referenced, json);
        put(json, ",\"fields\":");
        put_names(json, constraint->referenced_fields, constraint->referenced_count);
        put(json, "},\"on_delete\":\"");
        put(json, catalog__action_name(constraint->on_delete));
        put(json, "\"");
    }
    merkle_release(json->allocator, constraint);
    return 0;
}

/* A dropped version has no body. Of an unknown kind all that can be said is its bytes. */
static int put_body(struct merkle_buffer *json, uint16_t kind,
                    const struct catalog_version *version, struct catalog_text bytes) {
    if (catalog_kind_name(kind) == NULL) {
        put(json, ",\"bytes\":");
        put_base64(json, (const uint8_t *)bytes.data, bytes.size_bytes);
        return 0;
    }
    if (version->state == CATALOG_DROPPED) {
        return 0;
    }
    return kind == CATALOG_SCHEMA ? put_schema(json, version) : put_constraint(json, kind, version);
}

/* The keys of a body are printed as they follow others: here their comma becomes the brace. */
int catalog_body_print(uint16_t kind, const uint8_t *body, size_t size_bytes,
                       struct merkle_buffer *json) {
    const struct catalog_version version = {
        .state = CATALOG_ACTIVE, .body = body, .body_size_bytes = size_bytes};
    struct catalog__span span = {body, body + size_bytes};
    struct catalog__value value;
    if (catalog__span_next(&span, &value) == 0 && value.kind == CATALOG__VALUE_NIL) {
        put(json, "null");
        return finish(json);
    }
    size_t begin = json->size_bytes;
    int result =
        put_body(json, kind, &version, (struct catalog_text){(const char *)body, size_bytes});
    if (result != 0 || json->failed) {
        return result != 0 ? result : finish(json);
    }
    assert(json->data[begin] == ',');
    json->data[begin] = '{';
    put(json, "}");
    return finish(json);
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

static void put_key(struct merkle_buffer *json, const struct catalog_key *key) {
    const char *kind = catalog_kind_name(key->kind);
    put(json, "{\"kind\":");
    if (kind != NULL) {
        catalog_json_print_text((struct catalog_text){kind, strlen(kind)}, json);
    } else {
        put_unsigned(json, key->kind);
    }
    put(json, ",\"entity\":");
    catalog_json_print_text(key->entity, json);
    if (key->name.size_bytes > 0) {
        put(json, ",\"name\":");
        catalog_json_print_text(key->name, json);
    }
}

static void put_state(struct merkle_buffer *json, enum catalog_state state) {
    put(json, ",\"state\":\"");
    put(json, catalog_state_name(state));
    put(json, "\"");
}

static void put_stamp(struct merkle_buffer *json, const struct catalog_version *version,
                      bool conflict) {
    char origin[33];
    char clock[17];
    catalog_id_print(&version->origin, origin);
    snprintf(clock, sizeof clock, "%016" PRIx64, version->clock);
    put(json, ",\"number\":");
    put_unsigned(json, version->number);
    put_state(json, version->state);
    put(json, ",\"origin\":\"");
    put(json, origin);
    put(json, "\",\"node\":");
    catalog_json_print_text(version->node, json);
    put(json, ",\"clock\":\"");
    put(json, clock);
    put(json, conflict ? "\",\"conflict\":true" : "\",\"conflict\":false");
}

int catalog_entry_print(const struct catalog_entry *entry, enum catalog_form form,
                        struct merkle_buffer *json) {
    assert(form == CATALOG_FORM_EXPORT || form == CATALOG_FORM_FULL);
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_version version = catalog_entry_in_force(entry);
    put_key(json, &key);
    int result = put_body(json, key.kind, &version,
                          (struct catalog_text){(const char *)entry->bytes, entry->size_bytes});
    if (result != 0) {
        return result;
    }
    if (form == CATALOG_FORM_FULL) {
        put_stamp(json, &version, entry->conflict);
    } else if (version.state != CATALOG_ACTIVE) {
        put_state(json, version.state);
    }
    put(json, "}");
    return finish(json);
}

/* The body that is enforced while the version is pending, as an object of its own. */
static int put_previous(struct merkle_buffer *json, uint16_t kind,
                        const struct catalog_version *version) {
    if (version->previous == NULL || catalog_kind_name(kind) == NULL) {
        return 0;
    }
    put(json, ",\"previous\":");
    return catalog_body_print(kind, version->previous, version->previous_size_bytes, json);
}

/* What the entry knows to be replaced: the pairs of its context without a version. */
static int put_seen(struct merkle_buffer *json, const struct catalog_entry *entry) {
    size_t count = catalog__entry_pair_count(entry);
    struct catalog__pair *pairs = merkle_allocate(json->allocator, count, sizeof *pairs);
    if (pairs == NULL) {
        return CATALOG_ENOMEM;
    }
    catalog__entry_pairs(entry, pairs);
    put(json, ",\"seen\":[");
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].version == NULL) {
            char origin[33], clock[17];
            catalog_id_print(&pairs[i].origin, origin);
            snprintf(clock, sizeof clock, "%016" PRIx64, pairs[i].clock);
            put(json, first ? "{\"origin\":\"" : ",{\"origin\":\"");
            put(json, origin);
            put(json, "\",\"clock\":\"");
            put(json, clock);
            put(json, "\"}");
            first = false;
        }
    }
    put(json, "]");
    merkle_release(json->allocator, pairs);
    return 0;
}

static int put_version(struct merkle_buffer *json, const struct catalog_entry *entry,
                       const struct catalog_key *key, const struct catalog_version *version) {
    put_key(json, key);
    int result = put_body(json, key->kind, version,
                          (struct catalog_text){(const char *)version->bytes, version->size_bytes});
    if (result == 0) {
        put_stamp(json, version, entry->conflict);
        result = put_previous(json, key->kind, version);
        put(json, "}");
    }
    return result;
}

int catalog_entry_print_versions(const struct catalog_entry *entry, struct merkle_buffer *json) {
    struct catalog_key key = catalog_entry_key(entry);
    size_t count = entry->version_count;
    struct catalog_version *versions = merkle_allocate(json->allocator, count, sizeof *versions);
    if (versions == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t read = catalog_entry_versions(entry, versions, count);
    assert(read == count);
    put_key(json, &key);
    put(json, ",\"versions\":[");
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        put(json, i > 0 ? "," : "");
        result = put_version(json, entry, &key, &versions[i]);
    }
    put(json, "]");
    merkle_release(json->allocator, versions);
    result = result == 0 ? put_seen(json, entry) : result;
    put(json, "}");
    return result != 0 ? result : finish(json);
}
