/* body.c - the bodies of schemas, constraints and indexes: whether canonical bytes have the shape of body.h, and what they
 * say, as structures.
 *
 * Each shape is read by one function that is run twice: once to check and to count, without memory, which is all that the
 * decoder of entries needs; and once more to fill the arrays that the first run has measured.
 */
#include "catalog/entry.h"

#include <assert.h>

static const char *const type_names[CATALOG__TYPE_COUNT] = {
    [CATALOG__STRING] = "string",   [CATALOG__NUMBER] = "number", [CATALOG__INTEGER] = "integer",
    [CATALOG__BOOLEAN] = "boolean", [CATALOG__ARRAY] = "array",   [CATALOG__OBJECT] = "object",
    [CATALOG__NULL] = "null",       [CATALOG__ANY] = "any",
};
static const char *const constraint_type_names[] = {
    [CATALOG__UNIQUE] = "unique",
    [CATALOG__FOREIGN_KEY] = "foreign_key",
    [CATALOG__NOT_NULL] = "not_null",
};
static const char *const action_names[] = {
    [CATALOG__RESTRICT] = "restrict",
    [CATALOG__CASCADE] = "cascade",
    [CATALOG__SET_NULL] = "set_null",
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Index of the name in a list that begins at 1; 0 if it is not there. */
static size_t index_of(const char *const *names, size_t count, struct catalog_text text) {
    for (size_t i = 1; i < count; i++) {
        if (catalog__text_is(text, names[i])) {
            return i;
        }
    }
    return 0;
}

const char *catalog__type_name(enum catalog__type type) {
    return type > 0 && type < CATALOG__TYPE_COUNT ? type_names[type] : NULL;
}

enum catalog__type catalog__type_parse(struct catalog_text text) {
    return (enum catalog__type)index_of(type_names, CATALOG__TYPE_COUNT, text);
}

const char *catalog__constraint_type_name(enum catalog__constraint_type type) {
    return type > 0 && type < COUNT_OF(constraint_type_names) ? constraint_type_names[type] : NULL;
}

enum catalog__constraint_type catalog__constraint_type_parse(struct catalog_text text) {
    return (enum catalog__constraint_type)index_of(constraint_type_names,
                                                   COUNT_OF(constraint_type_names), text);
}

const char *catalog__action_name(enum catalog__action action) {
    return action > 0 && action < COUNT_OF(action_names) ? action_names[action] : NULL;
}

enum catalog__action catalog__action_parse(struct catalog_text text) {
    return (enum catalog__action)index_of(action_names, COUNT_OF(action_names), text);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

/* False if there are bytes anywhere in the value. */
static bool is_json(struct catalog__span span) {
    while (span.next < span.end) {
        struct catalog__value value;
        if (catalog__span_next(&span, &value) != 0 || value.kind == CATALOG__VALUE_BINARY) {
            return false;
        }
    }
    return true;
}

bool catalog__value_is_of_type(const uint8_t *value, size_t size_bytes, enum catalog__type type) {
    struct catalog__span span = {value, value + size_bytes};
    struct catalog__value head;
    if (!is_json(span) || catalog__span_next(&span, &head) != 0) {
        return false;
    }
    switch (type) {
    case CATALOG__STRING:
        return head.kind == CATALOG__VALUE_TEXT;
    case CATALOG__NUMBER:
        return head.kind == CATALOG__VALUE_UNSIGNED || head.kind == CATALOG__VALUE_NEGATIVE ||
               head.kind == CATALOG__VALUE_REAL;
    case CATALOG__INTEGER:
        return (head.kind == CATALOG__VALUE_UNSIGNED && head.unsigned_integer <= INT64_MAX) ||
               head.kind == CATALOG__VALUE_NEGATIVE;
    case CATALOG__BOOLEAN:
        return head.kind == CATALOG__VALUE_BOOLEAN;
    case CATALOG__ARRAY:
        return head.kind == CATALOG__VALUE_ARRAY;
    case CATALOG__OBJECT:
        return head.kind == CATALOG__VALUE_MAP;
    case CATALOG__NULL:
        return head.kind == CATALOG__VALUE_NIL;
    case CATALOG__ANY:
        return true;
    case CATALOG__TYPE_COUNT:
        break;
    }
    return false;
}

/* --- schemas ----------------------------------------------------------------------------------------------------- */

/* NAME: {"default"?: VALUE, "required": BOOL, "type": TYPE} */
static bool read_field(struct catalog__span *span, struct catalog__field *field) {
    *field = (struct catalog__field){0};
    size_t key_count;
    if (!catalog__span_text(span, &field->name) || !catalog__name_valid(field->name) ||
        !catalog__span_map(span, &key_count) || (key_count != 2 && key_count != 3)) {
        return false;
    }
    if (key_count == 3 &&
        (!catalog__span_literal(span, "default") ||
         !catalog__span_value(span, &field->default_value, &field->default_size_bytes))) {
        return false;
    }
    struct catalog_text type;
    if (!catalog__span_literal(span, "required") ||
        !catalog__span_boolean(span, &field->required) || !catalog__span_literal(span, "type") ||
        !catalog__span_text(span, &type)) {
        return false;
    }
    field->type = catalog__type_parse(type);
    return field->type != 0 && (field->default_value == NULL ||
                                catalog__value_is_of_type(field->default_value,
                                                          field->default_size_bytes, field->type));
}

/* `fields` may be NULL: then they are only checked and counted. */
static bool read_schema(const uint8_t *body, size_t size_bytes, struct catalog__field *fields,
                        size_t *count) {
    struct catalog__span span = {body, body + size_bytes};
    size_t key_count;
    if (!catalog__span_map(&span, &key_count) || key_count != 1 ||
        !catalog__span_literal(&span, "fields") || !catalog__span_map(&span, count)) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        struct catalog__field field;
        if (!read_field(&span, &field)) {
            return false;
        }
        if (fields != NULL) {
            fields[i] = field;
        }
    }
    return span.next == span.end;
}

int catalog__schema_parse(const struct merkle_allocator *allocator, const uint8_t *body,
                          size_t size_bytes, struct catalog__schema **schema) {
    *schema = NULL;
    size_t count;
    if (!read_schema(body, size_bytes, NULL, &count)) {
        return CATALOG_EMALFORMED;
    }
    /* The fields are in the bytes, each of them several long: the product cannot overflow. */
    size_t block_size_bytes = sizeof **schema + count * sizeof *(*schema)->fields;
    struct catalog__schema *made = merkle_allocate(allocator, 1, block_size_bytes);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    bool read = read_schema(body, size_bytes, made->fields, &made->field_count);
    assert(read);
    *schema = made;
    return 0;
}

const struct catalog__field *catalog__schema_find(const struct catalog__schema *schema,
                                                  struct catalog_text name) {
    size_t low = 0;
    size_t high = schema->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = catalog__text_compare(schema->fields[middle].name, name);
        if (order == 0) {
            return &schema->fields[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* --- constraints and indexes ------------------------------------------------------------------------------------- */

/* [NAME...]: 1 to CATALOG__FIELDS_MAX distinct names, into `names` unless that is NULL. */
static bool read_names(struct catalog__span *span, struct catalog_text *names, size_t *count) {
    if (!catalog__span_array(span, count) || *count == 0 || *count > CATALOG__FIELDS_MAX) {
        return false;
    }
    struct catalog_text read[CATALOG__FIELDS_MAX];
    for (size_t i = 0; i < *count; i++) {
        if (!catalog__span_text(span, &read[i]) || !catalog__name_valid(read[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (catalog__text_equal(read[i], read[j])) {
                return false;
            }
        }
        if (names != NULL) {
            names[i] = read[i];
        }
    }
    return true;
}

/* "on_delete": ACTION, "references": {"entity": E, "fields": [NAME...]} */
static bool read_reference(struct catalog__span *span, struct catalog__constraint *constraint) {
    size_t key_count;
    struct catalog_text action;
    if (!catalog__span_literal(span, "on_delete") || !catalog__span_text(span, &action) ||
        !catalog__span_literal(span, "references") || !catalog__span_map(span, &key_count) ||
        key_count != 2 || !catalog__span_literal(span, "entity") ||
        !catalog__span_text(span, &constraint->referenced) ||
        !catalog__span_literal(span, "fields") ||
        !read_names(span, constraint->referenced_fields, &constraint->referenced_count)) {
        return false;
    }
    constraint->on_delete = catalog__action_parse(action);
    return constraint->on_delete != 0 && catalog__name_valid(constraint->referenced) &&
           constraint->referenced_count == constraint->field_count;
}

/* The lists go to where `fields` and `referenced_fields` of the constraint point, unless they are NULL. */
static bool read_constraint(uint16_t kind, const uint8_t *body, size_t size_bytes,
                            struct catalog__constraint *constraint) {
    struct catalog__span span = {body, body + size_bytes};
    size_t key_count;
    if (!catalog__span_map(&span, &key_count) || !catalog__span_literal(&span, "fields") ||
        !read_names(&span, constraint->fields, &constraint->field_count)) {
        return false;
    }
    if (kind == CATALOG_INDEX) {
        return key_count == 1 && span.next == span.end;
    }
    if (key_count == 4 ? !read_reference(&span, constraint) : key_count != 2) {
        return false;
    }
    struct catalog_text type;
    if (!catalog__span_literal(&span, "type") || !catalog__span_text(&span, &type)) {
        return false;
    }
    constraint->type = catalog__constraint_type_parse(type);
    bool foreign = constraint->type == CATALOG__FOREIGN_KEY;
    bool single = constraint->type == CATALOG__NOT_NULL;
    return constraint->type != 0 && foreign == (key_count == 4) &&
           (!single || constraint->field_count == 1) && span.next == span.end;
}

int catalog__constraint_parse(const struct merkle_allocator *allocator, uint16_t kind,
                              const uint8_t *body, size_t size_bytes,
                              struct catalog__constraint **constraint) {
    assert(kind == CATALOG_CONSTRAINT || kind == CATALOG_INDEX);
    *constraint = NULL;
    struct catalog__constraint measured = {0};
    if (!read_constraint(kind, body, size_bytes, &measured)) {
        return CATALOG_EMALFORMED;
    }
    size_t name_count = measured.field_count + measured.referenced_count;
    assert(name_count <= 2 * (size_t)CATALOG__FIELDS_MAX);
    static_assert(sizeof measured % _Alignof(struct catalog_text) == 0,
                  "texts can follow the constraint");
    struct catalog__constraint *made =
        merkle_allocate(allocator, 1, sizeof *made + name_count * sizeof(struct catalog_text));
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    struct catalog_text *names = (struct catalog_text *)(made + 1);
    *made = (struct catalog__constraint){
        .fields = names,
        .referenced_fields = names + measured.field_count,
    };
    bool read = read_constraint(kind, body, size_bytes, made);
    assert(read);
    *constraint = made;
    return 0;
}

int catalog__body_check(uint16_t kind, const uint8_t *body, size_t size_bytes) {
    size_t count;
    struct catalog__constraint constraint = {0};
    switch (kind) {
    case CATALOG_SCHEMA:
        return read_schema(body, size_bytes, NULL, &count) ? 0 : CATALOG_EMALFORMED;
    case CATALOG_CONSTRAINT:
    case CATALOG_INDEX:
        return read_constraint(kind, body, size_bytes, &constraint) ? 0 : CATALOG_EMALFORMED;
    default:
        return 0;
    }
}
