/* request.c - what every command does around its request: exit codes, messages, files. */
#include "bin/attunectl/command.h"
#include "bin/attunectl/progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void complain(const char *format, ...) {
    va_list arguments;
    fputs("attunectl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int command_exit_code(long status, const char *error_code) {
    if (status >= 200 && status < 300)
        return EXIT_DONE;
    switch (status) {
    case 400:
        return EXIT_USAGE;
    case 404:
        return EXIT_NOT_FOUND;
    case 409:
    case 412:
        return EXIT_REFUSED;
    case 504:
        return EXIT_NOT_AGREED;
    case 503:
        return strcmp(error_code, "stale") == 0 ? EXIT_STALE : EXIT_OTHER;
    default:
        return EXIT_OTHER;
    }
}

static void complain_of_details(const json_t *details) {
    size_t i;
    const json_t *detail;
    complain_of_members(details);
    json_array_foreach(details, i, detail) {
        const char *message = json_string_value(json_object_get(detail, "message"));
        const json_t *line = json_object_get(detail, "line");
        if (message == NULL)
            continue;
        if (json_is_integer(line))
            complain("line %" JSON_INTEGER_FORMAT ": %s", json_integer_value(line), message);
        else
            complain("%s", message);
    }
}

int command_refused(const struct answer *answer) {
    json_t *root = json_loadb(answer->body.data, answer->body.size_bytes, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (message == NULL)
        complain("HTTP status %ld, without an answer of attuned", answer->status);
    else
        complain("%s", message);
    complain_of_details(json_object_get(error, "details"));
    int exit_code = command_exit_code(answer->status, code == NULL ? "" : code);
    json_decref(root);
    return exit_code;
}

int command_send(struct arguments *arguments, const char *method, const char *path,
                 const char *body, size_t body_size_bytes, struct answer *answer) {
    char message[256];
    if (client_request(arguments->client, method, path, arguments->if_number, body, body_size_bytes,
                       answer, message))
        return EXIT_DONE;
    complain("attuned cannot be reached: %s", message);
    return EXIT_UNREACHABLE;
}

int command_request(struct arguments *arguments, const char *method, const char *path,
                    const char *body, size_t body_size_bytes, struct answer *answer) {
    int exit_code = command_send(arguments, method, path, body, body_size_bytes, answer);
    if (exit_code != EXIT_DONE || (answer->status >= 200 && answer->status < 300))
        return exit_code;
    return command_refused(answer);
}

json_t *command_parse(const struct answer *answer) {
    json_t *root = json_loadb(answer->body.data, answer->body.size_bytes, JSON_ALLOW_NUL, NULL);
    if (root == NULL)
        complain("the answer is no JSON: is this attuned?");
    return root;
}

int command_print(const struct answer *answer) {
    size_t written = fwrite(answer->body.data, 1, answer->body.size_bytes, stdout);
    if (written == answer->body.size_bytes && fflush(stdout) == 0)
        return EXIT_DONE;
    complain("cannot write to stdout: %s", strerror(errno));
    return EXIT_OTHER;
}

bool read_file(const char *path, char **text, size_t *size_bytes) {
    struct text content = {0};
    char piece[16384];
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    text_append(&content, "", 0);
    for (size_t read; (read = fread(piece, 1, sizeof piece, file)) > 0;) {
        text_append(&content, piece, read);
        if (content.size_bytes > FILE_SIZE_MAX)
            break;
    }
    bool failed = ferror(file) || content.size_bytes > FILE_SIZE_MAX;
    if (failed)
        complain("%s: cannot be read, or is larger than 256 MiB", path);
    if (!standard)
        fclose(file);
    if (failed)
        text_close(&content);
    *text = content.data;
    *size_bytes = content.size_bytes;
    return !failed;
}
