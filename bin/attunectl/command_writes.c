/* command_writes.c - schema set, constraint add, index add. */
#include "bin/attunectl/entries.h"

#include <stdlib.h>

static int put(struct arguments *arguments, const char *list_name, const char *name,
               const struct text *body) {
    struct text path = {0};
    struct answer answer = {0};
    const struct written_key key = {entry_kind(list_name), arguments->words[0], name};
    entry_path(arguments, list_name, arguments->words[0], name, &path);
    int exit_code = command_write(arguments, "PUT", &path, body, &key, &answer);
    if (exit_code == EXIT_DONE)
        exit_code = entry_show(arguments, list_name, &answer);
    answer_close(&answer);
    text_close(&path);
    return exit_code;
}

int command_schema_set(struct arguments *arguments) {
    char *text = NULL;
    size_t size_bytes = 0;
    struct text body = {0};
    if (arguments->file == NULL && (arguments->flags & FLAG_ABORT))
        return put(arguments, "schemas", NULL, NULL);
    if (arguments->file == NULL) {
        complain("schema set takes -f FILE, or -f - for standard input");
        return EXIT_USAGE;
    }
    if (!read_file(arguments->file, &text, &size_bytes))
        return EXIT_OTHER;
    schema_body(text, size_bytes, &body);
    int exit_code = put(arguments, "schemas", NULL, &body);
    text_close(&body);
    free(text);
    return exit_code;
}

static int add(struct arguments *arguments, const char *list_name,
               bool (*make)(const struct arguments *arguments, struct text *body,
                            struct text *name)) {
    struct text body = {0}, name = {0};
    int exit_code = EXIT_USAGE;
    if (make(arguments, &body, &name))
        exit_code = put(arguments, list_name, name.data, &body);
    text_close(&body);
    text_close(&name);
    return exit_code;
}

int command_constraint_add(struct arguments *arguments) {
    return add(arguments, "constraints", constraint_body);
}

int command_index_add(struct arguments *arguments) {
    return add(arguments, "indexes", index_body);
}
