/* command_entries.c - schema, constraint and index: get, list, drop, remove, and how an entry is shown. */
#include "bin/attunectl/command.h"
#include "bin/attunectl/entries.h"
#include "bin/attunectl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void entry_path(struct arguments *arguments, const char *list, const char *entity, const char *name,
                struct text *path) {
    text_print(path, "/v1/%s/", list);
    client_escape(arguments->client, entity, path);
    if (name != NULL) {
        text_print(path, "/");
        client_escape(arguments->client, name, path);
    }
}

const char *entry_kind(const char *list) {
    return strcmp(list, "schemas") == 0       ? "schema"
           : strcmp(list, "constraints") == 0 ? "constraint"
                                              : "index";
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void number_cell(struct table *table, const json_t *entry) {
    char number[24];
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(entry, "number")));
    table_cell(table, number);
}

/* The state, and that there is a conflict: nobody should read past it. */
static void state_cell(struct table *table, const json_t *entry) {
    struct text state = {0};
    const char *name = text_of(entry, "state");
    text_print(&state, "%s%s", name == NULL ? "-" : name,
               json_is_true(json_object_get(entry, "conflict")) ? " (conflict)" : "");
    table_cell(table, state.data);
    text_close(&state);
}

static void fields_cell(struct table *table, const json_t *fields) {
    struct text list = {0};
    size_t i;
    const json_t *field;
    text_append(&list, "", 0);
    json_array_foreach(fields, i, field) {
        const char *name = json_string_value(field);
        text_print(&list, "%s%s", i == 0 ? "" : ",", name == NULL ? "-" : name);
    }
    table_cell(table, list.data);
    text_close(&list);
}

static void value_cell(struct table *table, const json_t *value) {
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    table_cell(table, text);
    free(text);
}

static void print_schemas(const json_t *list) {
    static const char *const headings[] = {"ENTITY", "FIELDS", "NUMBER", "STATE", "NODE"};
    struct table table;
    size_t i;
    const json_t *entry;
    table_init(&table, 5, headings);
    json_array_foreach(list, i, entry) {
        char count[24];
        snprintf(count, sizeof count, "%zu", json_object_size(json_object_get(entry, "fields")));
        table_cell(&table, text_of(entry, "entity"));
        table_cell(&table, count);
        number_cell(&table, entry);
        state_cell(&table, entry);
        table_cell(&table, text_of(entry, "node"));
    }
    table_print(&table);
}

static void print_fields(const json_t *fields) {
    static const char *const headings[] = {"FIELD", "TYPE", "REQUIRED", "DEFAULT"};
    struct table table;
    const char *name;
    const json_t *field;
    table_init(&table, 4, headings);
    json_object_foreach((json_t *)(uintptr_t)fields, name, field) {
        table_cell(&table, name);
        table_cell(&table, text_of(field, "type"));
        table_cell(&table, json_is_true(json_object_get(field, "required")) ? "yes" : "no");
        value_cell(&table, json_object_get(field, "default"));
    }
    table_print(&table);
}

static void print_constraints(const json_t *list) {
    static const char *const headings[] = {"ENTITY",     "NAME",      "TYPE",   "FIELDS",
                                           "REFERENCES", "ON DELETE", "NUMBER", "STATE"};
    struct table table;
    size_t i;
    const json_t *entry;
    table_init(&table, 8, headings);
    json_array_foreach(list, i, entry) {
        const json_t *references = json_object_get(entry, "references");
        struct text target = {0};
        table_cell(&table, text_of(entry, "entity"));
        table_cell(&table, text_of(entry, "name"));
        table_cell(&table, text_of(entry, "type"));
        fields_cell(&table, json_object_get(entry, "fields"));
        if (references != NULL && text_of(references, "entity") != NULL) {
            const json_t *field;
            size_t field_index;
            text_print(&target, "%s(", text_of(references, "entity"));
            json_array_foreach(json_object_get(references, "fields"), field_index, field)
                text_print(&target, "%s%s", field_index == 0 ? "" : ",", json_string_value(field));
            text_print(&target, ")");
        }
        table_cell(&table, target.data);
        table_cell(&table, text_of(entry, "on_delete"));
        number_cell(&table, entry);
        state_cell(&table, entry);
        text_close(&target);
    }
    table_print(&table);
}

static void print_indexes(const json_t *list) {
    static const char *const headings[] = {"ENTITY", "NAME", "FIELDS", "NUMBER", "STATE"};
    struct table table;
    size_t i;
    const json_t *entry;
    table_init(&table, 5, headings);
    json_array_foreach(list, i, entry) {
        table_cell(&table, text_of(entry, "entity"));
        table_cell(&table, text_of(entry, "name"));
        fields_cell(&table, json_object_get(entry, "fields"));
        number_cell(&table, entry);
        state_cell(&table, entry);
    }
    table_print(&table);
}

static void print_list(const char *list_name, const json_t *list) {
    if (strcmp(list_name, "schemas") == 0)
        print_schemas(list);
    else if (strcmp(list_name, "constraints") == 0)
        print_constraints(list);
    else
        print_indexes(list);
}

int entry_show(struct arguments *arguments, const char *list_name, const struct answer *answer) {
    if (arguments->json)
        return command_print(answer);
    json_t *entry = command_parse(answer);
    if (entry == NULL)
        return EXIT_OTHER;
    json_t *list = json_pack("[O]", entry);
    print_list(list_name, list);
    json_decref(list);
    json_decref(entry);
    return EXIT_DONE;
}

static int get(struct arguments *arguments, const char *list_name, const char *name) {
    struct text path = {0};
    struct answer answer = {0};
    entry_path(arguments, list_name, arguments->words[0], name, &path);
    int exit_code = command_request(arguments, "GET", path.data, NULL, 0, &answer);
    if (exit_code == EXIT_DONE)
        exit_code = entry_show(arguments, list_name, &answer);
    if (exit_code == EXIT_DONE && !arguments->json && strcmp(list_name, "schemas") == 0) {
        json_t *entry = command_parse(&answer);
        putchar('\n');
        print_fields(json_object_get(entry, "fields"));
        json_decref(entry);
    }
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

static int list(struct arguments *arguments, const char *list_name) {
    struct text path = {0};
    struct answer answer = {0};
    text_print(&path, "/v1/%s", list_name);
    if (arguments->word_count > 0) {
        text_print(&path, "?entity=");
        client_escape(arguments->client, arguments->words[0], &path);
    }
    int exit_code = command_request(arguments, "GET", path.data, NULL, 0, &answer);
    if (exit_code == EXIT_DONE && arguments->json) {
        exit_code = command_print(&answer);
    } else if (exit_code == EXIT_DONE) {
        json_t *root = command_parse(&answer);
        exit_code = root == NULL ? EXIT_OTHER : EXIT_DONE;
        print_list(list_name, json_object_get(root, list_name));
        json_decref(root);
    }
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

static int drop(struct arguments *arguments, const char *list_name, const char *name) {
    struct text path = {0};
    struct answer answer = {0};
    const struct written_key key = {entry_kind(list_name), arguments->words[0], name};
    entry_path(arguments, list_name, arguments->words[0], name, &path);
    int exit_code = command_write(arguments, "DELETE", &path, NULL, &key, &answer);
    if (exit_code == EXIT_DONE && arguments->json)
        exit_code = command_print(&answer);
    else if (exit_code == EXIT_DONE)
        printf("%s %s%s%s\n",
               arguments->flags & FLAG_ABORT     ? "taken back: the change of"
               : arguments->flags & FLAG_DRY_RUN ? "would drop"
                                                 : "dropped",
               arguments->words[0], name == NULL ? "" : " ", name == NULL ? "" : name);
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

int command_schema_get(struct arguments *arguments) {
    return get(arguments, "schemas", NULL);
}

int command_schema_list(struct arguments *arguments) {
    return list(arguments, "schemas");
}

int command_schema_drop(struct arguments *arguments) {
    return drop(arguments, "schemas", NULL);
}

int command_constraint_get(struct arguments *arguments) {
    return get(arguments, "constraints", arguments->words[1]);
}

int command_constraint_list(struct arguments *arguments) {
    return list(arguments, "constraints");
}

int command_constraint_remove(struct arguments *arguments) {
    return drop(arguments, "constraints", arguments->words[1]);
}

int command_index_get(struct arguments *arguments) {
    return get(arguments, "indexes", arguments->words[1]);
}

int command_index_list(struct arguments *arguments) {
    return list(arguments, "indexes");
}

int command_index_remove(struct arguments *arguments) {
    return drop(arguments, "indexes", arguments->words[1]);
}
