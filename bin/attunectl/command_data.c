/* command_data.c - check, import, export. */
#include "bin/attunectl/command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_violations(const json_t *root) {
    size_t i;
    const json_t *violation;
    puts(json_is_true(json_object_get(root, "valid")) ? "valid" : "invalid");
    json_array_foreach(json_object_get(root, "violations"), i, violation) {
        const char *field = json_string_value(json_object_get(violation, "field"));
        const char *message = json_string_value(json_object_get(violation, "message"));
        printf("  %s: %s\n", field == NULL ? "-" : field, message == NULL ? "-" : message);
    }
}

static int show_check(const struct arguments *arguments, const struct answer *answer) {
    json_t *root = command_parse(answer);
    if (root == NULL)
        return EXIT_OTHER;
    int exit_code = EXIT_DONE;
    if (arguments->json)
        exit_code = command_print(answer);
    else
        print_violations(root);
    if (!json_is_true(json_object_get(root, "valid")))
        exit_code = EXIT_INVALID;
    json_decref(root);
    return exit_code;
}

static int check(struct arguments *arguments, const char *record, size_t size_bytes) {
    struct text path = {0};
    struct answer answer = {0};
    text_print(&path, "/v1/check/");
    client_escape(arguments->client, arguments->words[0], &path);
    if (arguments->max_staleness != NULL) {
        text_print(&path, "?max_staleness=");
        client_escape(arguments->client, arguments->max_staleness, &path);
    }
    int exit_code = command_request(arguments, "POST", path.data, record, size_bytes, &answer);
    if (exit_code == EXIT_DONE)
        exit_code = show_check(arguments, &answer);
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

int command_check(struct arguments *arguments) {
    char *text = NULL;
    size_t size_bytes = 0;
    if ((arguments->data == NULL) == (arguments->file == NULL)) {
        complain("check takes one of -d JSON and -f FILE");
        return EXIT_USAGE;
    }
    if (arguments->data != NULL)
        return check(arguments, arguments->data, strlen(arguments->data));
    if (!read_file(arguments->file, &text, &size_bytes))
        return EXIT_OTHER;
    int exit_code = check(arguments, text, size_bytes);
    free(text);
    return exit_code;
}

int command_import(struct arguments *arguments) {
    char *text = NULL;
    size_t size_bytes = 0;
    struct text path = {0}, body = {0};
    struct answer answer = {0};
    const struct written_key all = {0};
    if (!read_file(arguments->words[0], &text, &size_bytes))
        return EXIT_OTHER;
    text_print(&path, "/v1/import");
    text_append(&body, text, size_bytes);
    int exit_code = command_write(arguments, "POST", &path, &body, &all, &answer);
    if (exit_code == EXIT_DONE && arguments->json) {
        exit_code = command_print(&answer);
    } else if (exit_code == EXIT_DONE) {
        json_t *root = command_parse(&answer);
        printf("%" JSON_INTEGER_FORMAT " imported, %" JSON_INTEGER_FORMAT " unchanged\n",
               json_integer_value(json_object_get(root, "imported")),
               json_integer_value(json_object_get(root, "unchanged")));
        json_decref(root);
    }
    answer_close(&answer);
    text_close(&path);
    text_close(&body);
    free(text);
    return exit_code;
}

int command_export(struct arguments *arguments) {
    struct answer answer = {0};
    int exit_code = command_request(arguments, "GET", "/v1/export", NULL, 0, &answer);
    if (exit_code == EXIT_DONE && arguments->word_count > 0) {
        FILE *file = fopen(arguments->words[0], "we");
        bool written = file != NULL && fwrite(answer.body.data, 1, answer.body.size_bytes, file) ==
                                           answer.body.size_bytes;
        if (file != NULL && fclose(file) != 0)
            written = false;
        if (!written) {
            complain("%s: %s", arguments->words[0], strerror(errno));
            exit_code = EXIT_OTHER;
        }
    } else if (exit_code == EXIT_DONE) {
        exit_code = command_print(&answer);
    }
    answer_close(&answer);
    return exit_code;
}
