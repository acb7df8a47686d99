/* command_diff.c - diff: with one member, or with every other one. */
#include "bin/attunectl/command.h"
#include "bin/attunectl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* Names of the other members, as this node knows them. NULL: said why. */
static json_t *other_members(struct arguments *arguments, int *exit_code) {
    struct answer answer = {0};
    size_t i;
    const json_t *member;
    json_t *names = NULL;
    *exit_code = command_request(arguments, "GET", "/v1/status", NULL, 0, &answer);
    json_t *root = *exit_code == EXIT_DONE ? command_parse(&answer) : NULL;
    const char *own = text_of(json_object_get(root, "node"), "id");
    if (own != NULL) {
        names = json_array();
        json_array_foreach(json_object_get(root, "members"), i, member) {
            const char *id = text_of(member, "id"), *name = text_of(member, "name");
            if (id != NULL && name != NULL && strcmp(id, own) != 0)
                json_array_append_new(names, json_string(name));
        }
    } else if (*exit_code == EXIT_DONE) {
        *exit_code = EXIT_OTHER;
    }
    json_decref(root);
    answer_close(&answer);
    return names;
}

/* Appends the answer of one member to `diffs`. */
static int compare(struct arguments *arguments, const char *member, json_t *diffs) {
    struct text path = {0};
    struct answer answer = {0};
    text_print(&path, "/v1/diff/");
    client_escape(arguments->client, member, &path);
    int exit_code = command_request(arguments, "GET", path.data, NULL, 0, &answer);
    json_t *root = exit_code == EXIT_DONE ? command_parse(&answer) : NULL;
    if (root == NULL && exit_code == EXIT_DONE)
        exit_code = EXIT_OTHER;
    if (exit_code != EXIT_DONE)
        complain("no comparison with %s", member);
    else if (json_array_size(json_object_get(root, "differences")) > 0)
        exit_code = EXIT_DIVERGED;
    if (root != NULL)
        json_array_append_new(diffs, root);
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

static void number_cell(struct table *table, const json_t *side) {
    char number[24];
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(side, "number")));
    table_cell(table, json_is_object(side) ? number : NULL);
}

static void print_diffs(const json_t *diffs) {
    static const char *const headings[] = {"MEMBER",   "KIND", "ENTITY", "NAME",
                                           "RELATION", "HERE", "THERE"};
    struct table table;
    size_t i, difference_index;
    const json_t *diff, *difference;
    table_init(&table, 7, headings);
    json_array_foreach(diffs, i, diff) {
        json_array_foreach(json_object_get(diff, "differences"), difference_index, difference) {
            table_cell(&table, text_of(diff, "member"));
            table_cell(&table, text_of(difference, "kind"));
            table_cell(&table, text_of(difference, "entity"));
            table_cell(&table, text_of(difference, "name"));
            table_cell(&table, text_of(difference, "relation"));
            number_cell(&table, json_object_get(difference, "here"));
            number_cell(&table, json_object_get(difference, "there"));
        }
    }
    if (table.cell_count > table.column_count)
        table_print(&table);
    else
        puts("no differences");
}

static void print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
}

int command_diff(struct arguments *arguments) {
    int exit_code = EXIT_DONE;
    bool one = arguments->word_count > 0;
    json_t *names =
        one ? json_pack("[s]", arguments->words[0]) : other_members(arguments, &exit_code);
    json_t *diffs = json_array();
    size_t i;
    const json_t *name;
    if (names == NULL)
        exit_code = exit_code == EXIT_DONE ? EXIT_USAGE : exit_code;
    json_array_foreach(names, i, name) {
        int result = compare(arguments, json_string_value(name), diffs);
        /* A difference that was found weighs more than a member that did not answer. */
        if (result != EXIT_DONE && exit_code != EXIT_DIVERGED)
            exit_code = result;
    }
    if (names != NULL && arguments->json && !one) {
        json_t *all = json_pack("{s:O}", "diffs", diffs);
        print_json(all);
        json_decref(all);
    } else if (arguments->json && json_array_size(diffs) > 0) {
        print_json(json_array_get(diffs, 0));
    } else if (!arguments->json && json_array_size(diffs) > 0) {
        print_diffs(diffs);
    }
    json_decref(diffs);
    json_decref(names);
    return exit_code;
}
