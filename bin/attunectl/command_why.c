/* command_why.c - why an entry stands as it does, and resolve, which ends a conflict. */
#include "bin/attunectl/command.h"
#include "bin/attunectl/entries.h"
#include "bin/attunectl/table.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void number_cell(struct table *table, const json_t *number) {
    char text[24];
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    table_cell(table, json_is_integer(number) ? text : NULL);
}

static void print_body(const char *label, const json_t *version, const char *key) {
    const json_t *body = json_object_get(version, key);
    char *text = json_is_object(body) ? json_dumps(body, JSON_COMPACT) : NULL;
    const char *node = text_of(version, "node");
    if (text != NULL)
        printf("%s of %s: %s\n", label, node == NULL ? "-" : node, text);
    free(text);
}

static void print_why(const json_t *root) {
    static const char *const headings[] = {"IN FORCE", "NODE",  "WRITTEN", "NUMBER",
                                           "REPLACED", "STATE", "ORIGIN",  "CLOCK"};
    struct table table;
    size_t i;
    const json_t *version, *pair;
    const json_t *versions = json_object_get(root, "versions");
    table_init(&table, 8, headings);
    json_array_foreach(versions, i, version) {
        table_cell(&table, json_is_true(json_object_get(version, "in_force")) ? "yes" : "no");
        table_cell(&table, text_of(version, "node"));
        table_cell(&table, text_of(version, "written"));
        number_cell(&table, json_object_get(version, "number"));
        number_cell(&table, json_object_get(version, "replaced_number"));
        table_cell(&table, text_of(version, "state"));
        table_cell(&table, text_of(version, "origin"));
        table_cell(&table, text_of(version, "clock"));
    }
    table_print(&table);
    putchar('\n');
    json_array_foreach(versions, i, version) {
        print_body("body", version, "body");
        print_body("enforced until the change is done", version, "previous");
    }
    json_array_foreach(json_object_get(root, "replaced"), i, pair) {
        const char *written = text_of(pair, "written"), *origin = text_of(pair, "origin");
        printf("replaced: what origin %s wrote until %s\n", origin == NULL ? "-" : origin,
               written == NULL ? "-" : written);
    }
    if (json_is_true(json_object_get(root, "conflict")))
        puts("in conflict: decide with attunectl resolve, or write it anew");
}

int command_why(struct arguments *arguments) {
    struct text path = {0};
    struct answer answer = {0};
    text_print(&path, "/v1/why");
    for (size_t i = 0; i < arguments->word_count; i++) {
        text_print(&path, "/");
        client_escape(arguments->client, arguments->words[i], &path);
    }
    int exit_code = command_request(arguments, "GET", path.data, NULL, 0, &answer);
    if (exit_code == EXIT_DONE && arguments->json) {
        exit_code = command_print(&answer);
    } else if (exit_code == EXIT_DONE) {
        json_t *root = command_parse(&answer);
        exit_code = root == NULL ? EXIT_OTHER : EXIT_DONE;
        print_why(root);
        json_decref(root);
    }
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

static const char *list_of(const char *kind) {
    return kind[0] == 's' ? "schemas" : kind[0] == 'c' ? "constraints" : "indexes";
}

int command_resolve(struct arguments *arguments) {
    const struct written_key key = {
        .kind = arguments->words[0],
        .entity = arguments->words[1],
        .name = arguments->word_count > 2 ? arguments->words[2] : NULL,
    };
    struct text path = {0}, body = {0};
    struct answer answer = {0};
    if (arguments->take == NULL) {
        complain("resolve takes --take NODE: whose version is to stand; see attunectl why");
        return EXIT_USAGE;
    }
    json_t *object = json_pack("{s:s, s:s, s:s}", "kind", key.kind, "entity", key.entity, "take",
                               arguments->take);
    if (object != NULL && key.name != NULL)
        json_object_set_new(object, "name", json_string(key.name));
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL) {
        complain("the arguments are not UTF-8");
        return EXIT_USAGE;
    }
    text_print(&body, "%s", text);
    free(text);
    text_print(&path, "/v1/resolve");
    int exit_code = command_write(arguments, "POST", &path, &body, &key, &answer);
    if (exit_code == EXIT_DONE)
        exit_code = entry_show(arguments, list_of(key.kind), &answer);
    answer_close(&answer);
    text_close(&path);
    text_close(&body);
    return exit_code;
}
