/* body.c - makes the bodies of PUT from files and flags. What is wrong in them the daemon says. */
#include "bin/attunectl/entries.h"

#include <stdlib.h>
#include <string.h>

/* MQDB's flat form is the map of fields itself. A map with the one key "fields" is it only if that is the name of a field,
 * which shows in its type being a text. */
static bool is_flat(const json_t *root) {
    const json_t *fields = json_object_get(root, "fields");
    if (!json_is_object(root) || json_object_size(root) == 0)
        return false;
    return fields == NULL || json_is_string(json_object_get(fields, "type"));
}

void schema_body(const char *text, size_t size_bytes, struct text *body) {
    json_t *root = json_loadb(text, size_bytes, 0, NULL);
    /* The text is passed on as it is, so that lines in the daemon's messages are those of the file. */
    if (is_flat(root)) {
        text_print(body, "{\"fields\":");
        text_append(body, text, size_bytes);
        text_print(body, "}");
    } else {
        text_append(body, text, size_bytes);
    }
    json_decref(root);
}

/* NULL if it is not UTF-8; json_pack() then fails as well. */
static json_t *split(const char *list) {
    json_t *fields = json_array();
    for (const char *start = list;;) {
        size_t size_bytes = strcspn(start, ",");
        if (json_array_append_new(fields, json_stringn(start, size_bytes)) != 0) {
            json_decref(fields);
            return NULL;
        }
        if (start[size_bytes] == '\0')
            return fields;
        start += size_bytes + 1;
    }
}

/* ENTITY_FIELDS_SUFFIX, or --name. */
static void name_of(const struct arguments *arguments, const char *list, const char *suffix,
                    struct text *name) {
    if (arguments->name != NULL) {
        text_print(name, "%s", arguments->name);
        return;
    }
    text_print(name, "%s_%s_%s", arguments->words[0], list, suffix);
    for (char *comma = name->data + strlen(arguments->words[0]); *comma != '\0'; comma++) {
        if (*comma == ',')
            *comma = '_';
    }
}

static bool dump(json_t *object, struct text *body) {
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL) {
        complain("the arguments are not UTF-8");
        return false;
    }
    text_print(body, "%s", text);
    free(text);
    return true;
}

/* FIELD:ENTITY:FIELD[:ACTION] */
static bool foreign_key_body(const struct arguments *arguments, struct text *body,
                             struct text *name) {
    char *copy = strdup(arguments->fk);
    char *parts[4] = {NULL, NULL, NULL, NULL};
    size_t count = 0;
    char *rest = copy;
    for (char *part; count < 4 && (part = strsep(&rest, ":")) != NULL;)
        parts[count++] = part;
    bool made = false;
    if (copy == NULL || count < 3 || rest != NULL) {
        complain("--fk takes FIELD:ENTITY:FIELD[:restrict|cascade|set_null]");
    } else {
        name_of(arguments, parts[0], "fkey", name);
        made = dump(json_pack("{s:s, s:[s], s:{s:s, s:[s]}, s:s}", "type", "foreign_key", "fields",
                              parts[0], "references", "entity", parts[1], "fields", parts[2],
                              "on_delete", count == 4 ? parts[3] : "restrict"),
                    body);
    }
    free(copy);
    return made;
}

bool constraint_body(const struct arguments *arguments, struct text *body, struct text *name) {
    unsigned types = arguments->flags & (FLAG_UNIQUE | FLAG_FK | FLAG_NOT_NULL);
    if (types == FLAG_FK)
        return foreign_key_body(arguments, body, name);
    if (types == FLAG_UNIQUE) {
        name_of(arguments, arguments->unique, "key", name);
        return dump(json_pack("{s:s, s:o}", "type", "unique", "fields", split(arguments->unique)),
                    body);
    }
    if (types == FLAG_NOT_NULL) {
        name_of(arguments, arguments->not_null, "not_null", name);
        return dump(json_pack("{s:s, s:[s]}", "type", "not_null", "fields", arguments->not_null),
                    body);
    }
    complain("constraint add takes one of --unique, --fk and --not-null");
    return false;
}

bool index_body(const struct arguments *arguments, struct text *body, struct text *name) {
    if (arguments->fields == NULL) {
        complain("index add takes --fields F[,F...]");
        return false;
    }
    name_of(arguments, arguments->fields, "idx", name);
    return dump(json_pack("{s:o}", "fields", split(arguments->fields)), body);
}
