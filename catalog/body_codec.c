/* body_codec.c - the JSON bodies that users write, into the one canonical body (body.h).
 *
 * Jansson reads the JSON and knows lines and columns; from there on an error names the field or key and says what was
 * expected. Nothing is guessed: unknown and doubled keys are refused, since a misspelt "requird" would otherwise be a
 * schema that does not demand what its author thinks. Defaults are spelled out here (required false, on_delete restrict),
 * so that one meaning has one encoding and can be compared as bytes.
 */
#include "catalog/json_codec.h"
#include "catalog/json_scan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_DEPTH_MAX = CATALOG__BODY_DEPTH_MAX - 3 }; /* body, "fields", the field */

/* --- what all shapes share --------------------------------------------------------------------------------------- */

/* Refuses keys that are not in the list, which ends with NULL. `where` is "the body", `field "x"` ... */
static int check_keys(struct catalog__json_parse *parse, json_t *object, const char *where,
                      const char *const *allowed) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (allowed[i] != NULL && strcmp(allowed[i], key) != 0) {
            i++;
        }
        if (allowed[i] != NULL) {
            continue;
        }
        char list[80] = "";
        for (i = 0; allowed[i] != NULL; i++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s\"%s\"", i > 0 ? ", " : "", allowed[i]);
        }
        char name[CATALOG__JSON_SHOWN_SIZE];
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "%s: unknown key \"%s\", expected only %s", where,
                                    catalog__json_shown(key, name), list);
    }
    return 0;
}

static int check_name(struct catalog__json_parse *parse, const json_t *value, const char *where) {
    if (!json_is_string(value)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED, "%s: expected a name, found %s",
                                    where, catalog__json_kind(value));
    }
    struct catalog_text name = {json_string_value(value), json_string_length(value)};
    if (!catalog__name_valid(name)) {
        char text[CATALOG__JSON_SHOWN_SIZE];
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "%s: \"%s\" is no name, expected 1 to %d bytes without control characters and \"/\"",
            where, catalog__json_shown(name.data, text), CATALOG_NAME_SIZE_MAX);
    }
    return 0;
}

static bool stands_before(json_t *names, size_t index) {
    const json_t *name = json_array_get(names, index);
    for (size_t i = 0; i < index; i++) {
        if (json_equal(name, json_array_get(names, i))) {
            return true;
        }
    }
    return false;
}

/* Packs a list of distinct names. */
static int pack_names(struct catalog__json_parse *parse, json_t *names, const char *where) {
    if (!json_is_array(names)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "%s: expected an array of field names, found %s", where,
                                    names != NULL ? catalog__json_kind(names) : "nothing");
    }
    size_t count = json_array_size(names);
    if (count == 0 || count > CATALOG__FIELDS_MAX) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "%s: expected 1 to %d field names, found %zu", where,
                                    CATALOG__FIELDS_MAX, count);
    }
    msgpack_pack_array(&parse->packer, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(names, i);
        int result = check_name(parse, name, where);
        if (result != 0) {
            return result;
        }
        if (stands_before(names, i)) {
            char text[CATALOG__JSON_SHOWN_SIZE];
            return catalog__json_refuse(parse, CATALOG_EMALFORMED, "%s: \"%s\" stands there twice",
                                        where, catalog__json_shown(json_string_value(name), text));
        }
        catalog__json_pack_text(parse, json_string_value(name), json_string_length(name));
    }
    return 0;
}

static struct catalog_text text_of(const json_t *string) {
    return (struct catalog_text){json_string_value(string), json_string_length(string)};
}

/* --- schemas ----------------------------------------------------------------------------------------------------- */

static int pack_default(struct catalog__json_parse *parse, json_t *value, enum catalog__type type,
                        const char *where) {
    catalog__json_pack_literal(parse, "default");
    size_t begin = parse->body->size_bytes;
    int result = catalog__json_pack_value(parse, value, DEFAULT_DEPTH_MAX);
    if (result == CATALOG_ETOODEEP) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "%s: the default is nested too deeply, expected at most %d levels", where,
            DEFAULT_DEPTH_MAX);
    }
    if (result == 0 && parse->body->failed) {
        result = CATALOG_ENOMEM;
    }
    if (result != 0) {
        return result;
    }
    if (!catalog__value_is_of_type(parse->body->data + begin, parse->body->size_bytes - begin,
                                   type)) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "%s: the default is not of the field's type, expected %s, found %s", where,
            catalog__type_name(type), catalog__json_kind(value));
    }
    return 0;
}

static int pack_field(struct catalog__json_parse *parse, const char *name, json_t *field) {
    static const char *const keys[] = {"type", "required", "default", NULL};
    char text[CATALOG__JSON_SHOWN_SIZE];
    char where[CATALOG__JSON_SHOWN_SIZE + 16];
    snprintf(where, sizeof where, "field \"%s\"", catalog__json_shown(name, text));
    if (!catalog__name_valid((struct catalog_text){name, strlen(name)})) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "%s: this is no name, expected 1 to %d bytes without control characters and \"/\"",
            where, CATALOG_NAME_SIZE_MAX);
    }
    if (!json_is_object(field)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "%s: expected an object with \"type\", found %s", where,
                                    catalog__json_kind(field));
    }
    int result = check_keys(parse, field, where, keys);
    if (result != 0) {
        return result;
    }
    json_t *type = json_object_get(field, "type");
    enum catalog__type parsed = json_is_string(type) ? catalog__type_parse(text_of(type)) : 0;
    if (parsed == 0) {
        bool named = json_is_string(type);
        const char *found = type == NULL ? "nothing" : catalog__json_kind(type);
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "%s: expected \"type\" to be one of string, number, integer, boolean, array, "
            "object, null, any, "
            "found %s%s%s",
            where, named ? "\"" : "",
            named ? catalog__json_shown(json_string_value(type), text) : found, named ? "\"" : "");
    }
    json_t *required = json_object_get(field, "required");
    if (required != NULL && !json_is_boolean(required)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "%s: expected \"required\" to be true or false, found %s",
                                    where, catalog__json_kind(required));
    }
    json_t *default_value = json_object_get(field, "default");
    catalog__json_pack_literal(parse, name);
    msgpack_pack_map(&parse->packer, default_value != NULL ? 3 : 2);
    if (default_value != NULL) {
        result = pack_default(parse, default_value, parsed, where);
        if (result != 0) {
            return result;
        }
    }
    catalog__json_pack_literal(parse, "required");
    if (json_is_true(required)) {
        msgpack_pack_true(&parse->packer);
    } else {
        msgpack_pack_false(&parse->packer);
    }
    catalog__json_pack_literal(parse, "type");
    catalog__json_pack_literal(parse, catalog__type_name(parsed));
    return 0;
}

/* MQDB's flat form is the object of fields itself. It can have a field called "fields": that is one if it is defined like
 * one, with a type. */
static bool is_flat(json_t *root) {
    json_t *fields = json_object_get(root, "fields");
    if (fields == NULL) {
        return json_object_size(root) > 0;
    }
    return json_is_object(fields) && json_is_string(json_object_get(fields, "type"));
}

static int pack_schema(struct catalog__json_parse *parse, json_t *root, bool flat_allowed) {
    static const char *const keys[] = {"fields", NULL};
    json_t *fields = root;
    if (!flat_allowed || !is_flat(root)) {
        int result = check_keys(parse, root, "the schema", keys);
        if (result != 0) {
            return result;
        }
        fields = json_object_get(root, "fields");
    }
    if (!json_is_object(fields)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "the schema: expected \"fields\" to be an object, found %s",
                                    fields != NULL ? catalog__json_kind(fields) : "nothing");
    }
    const char **names = catalog__json_sorted_keys(parse, fields);
    if (names == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t count = json_object_size(fields);
    msgpack_pack_map(&parse->packer, 1);
    catalog__json_pack_literal(parse, "fields");
    msgpack_pack_map(&parse->packer, count);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = pack_field(parse, names[i], json_object_get(fields, names[i]));
    }
    merkle_release(parse->body->allocator, names);
    return result;
}

/* --- constraints and indexes ------------------------------------------------------------------------------------- */

static int pack_reference(struct catalog__json_parse *parse, json_t *root) {
    static const char *const keys[] = {"entity", "fields", NULL};
    json_t *action = json_object_get(root, "on_delete");
    enum catalog__action parsed = CATALOG__RESTRICT;
    if (action != NULL) {
        parsed = json_is_string(action) ? catalog__action_parse(text_of(action)) : 0;
    }
    if (parsed == 0) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "expected \"on_delete\" to be restrict, cascade or set_null");
    }
    json_t *references = json_object_get(root, "references");
    if (!json_is_object(references)) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "expected \"references\" to be an object with \"entity\" and \"fields\", found %s",
            references != NULL ? catalog__json_kind(references) : "nothing");
    }
    int result = check_keys(parse, references, "\"references\"", keys);
    if (result != 0) {
        return result;
    }
    json_t *entity = json_object_get(references, "entity");
    if (entity == NULL) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "\"references\": expected \"entity\", found nothing");
    }
    result = check_name(parse, entity, "\"entity\" of \"references\"");
    if (result != 0) {
        return result;
    }
    catalog__json_pack_literal(parse, "on_delete");
    catalog__json_pack_literal(parse, catalog__action_name(parsed));
    catalog__json_pack_literal(parse, "references");
    msgpack_pack_map(&parse->packer, 2);
    catalog__json_pack_literal(parse, "entity");
    catalog__json_pack_text(parse, json_string_value(entity), json_string_length(entity));
    catalog__json_pack_literal(parse, "fields");
    json_t *names = json_object_get(references, "fields");
    result = pack_names(parse, names, "\"fields\" of \"references\"");
    if (result != 0) {
        return result;
    }
    size_t expected = json_array_size(json_object_get(root, "fields"));
    if (json_array_size(names) != expected) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "\"references\": expected as many fields as in \"fields\" (%zu), found %zu", expected,
            json_array_size(names));
    }
    return 0;
}

static int pack_constraint(struct catalog__json_parse *parse, json_t *root) {
    static const char *const keys[] = {"type", "fields", NULL};
    static const char *const foreign_keys[] = {"type", "fields", "references", "on_delete", NULL};
    json_t *type = json_object_get(root, "type");
    enum catalog__constraint_type parsed =
        json_is_string(type) ? catalog__constraint_type_parse(text_of(type)) : 0;
    if (parsed == 0) {
        return catalog__json_refuse(
            parse, CATALOG_EMALFORMED,
            "the constraint: expected \"type\" to be unique, foreign_key or not_null");
    }
    bool foreign = parsed == CATALOG__FOREIGN_KEY;
    int result = check_keys(parse, root, "the constraint", foreign ? foreign_keys : keys);
    if (result != 0) {
        return result;
    }
    json_t *fields = json_object_get(root, "fields");
    msgpack_pack_map(&parse->packer, foreign ? 4 : 2);
    catalog__json_pack_literal(parse, "fields");
    result = pack_names(parse, fields, "\"fields\"");
    if (result != 0) {
        return result;
    }
    if (parsed == CATALOG__NOT_NULL && json_array_size(fields) != 1) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "\"fields\": not_null takes one field, found %zu",
                                    json_array_size(fields));
    }
    if (foreign) {
        result = pack_reference(parse, root);
        if (result != 0) {
            return result;
        }
    }
    catalog__json_pack_literal(parse, "type");
    catalog__json_pack_literal(parse, catalog__constraint_type_name(parsed));
    return 0;
}

static int pack_index(struct catalog__json_parse *parse, json_t *root) {
    static const char *const keys[] = {"fields", NULL};
    int result = check_keys(parse, root, "the index", keys);
    if (result != 0) {
        return result;
    }
    msgpack_pack_map(&parse->packer, 1);
    catalog__json_pack_literal(parse, "fields");
    return pack_names(parse, json_object_get(root, "fields"), "\"fields\"");
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int pack_body(struct catalog__json_parse *parse, uint16_t kind, json_t *root,
                     bool flat_allowed) {
    if (!json_is_object(root)) {
        return catalog__json_refuse(parse, CATALOG_EMALFORMED, "expected an object, found %s",
                                    catalog__json_kind(root));
    }
    switch (kind) {
    case CATALOG_SCHEMA:
        return pack_schema(parse, root, flat_allowed);
    case CATALOG_CONSTRAINT:
        return pack_constraint(parse, root);
    case CATALOG_INDEX:
        return pack_index(parse, root);
    default:
        return catalog__json_refuse(parse, CATALOG_EMALFORMED,
                                    "expected a schema, constraint or index, found kind %d", kind);
    }
}

static int append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

int catalog_body_parse(uint16_t kind, const char *json, size_t size_bytes, bool flat_allowed,
                       struct merkle_buffer *body, struct catalog_problem *problem) {
    struct catalog__json_parse parse = {.body = body, .problem = problem};
    msgpack_packer_init(&parse.packer, body, append);
    const char *nul = size_bytes > 0 ? memchr(json, '\0', size_bytes) : NULL;
    if (nul != NULL) {
        /* Jansson's word for it would be the end of the text. */
        size_t line, column;
        catalog__json_position(json, (size_t)(nul - json), &line, &column);
        return catalog__json_refuse(&parse, CATALOG_EMALFORMED, "line %zu, column %zu: a NUL byte",
                                    line, column);
    }
    json_error_t error;
    json_t *root = json_loadb(json, size_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            return CATALOG_ENOMEM;
        }
        char text[CATALOG__JSON_SHOWN_SIZE];
        return catalog__json_refuse(&parse, CATALOG_EMALFORMED, "line %d, column %d: %s",
                                    error.line, error.column,
                                    catalog__json_shown(error.text, text));
    }
    size_t begin = body->size_bytes;
    int result = pack_body(&parse, kind, root, flat_allowed);
    json_decref(root);
    size_t written = body->size_bytes - begin;
    if (result == 0 && body->failed) {
        result = CATALOG_ENOMEM;
    }
    if (result == 0 && written > CATALOG_BODY_SIZE_MAX) {
        result = catalog__json_refuse(&parse, CATALOG_ETOOBIG,
                                      "the body takes %zu bytes encoded, at most %d are allowed",
                                      written, CATALOG_BODY_SIZE_MAX);
    }
    if (result != 0) {
        body->size_bytes = begin;
        return result;
    }
    assert(catalog_msgpack_check(body->data + begin, written, CATALOG__BODY_DEPTH_MAX) == 0);
    assert(catalog__body_check(kind, body->data + begin, written) == 0);
    return 0;
}
