/* command_doctor.c - doctor: what is wrong, and what to do. Exit code 1 if there is an error among it, else 0. */
#include "bin/attunectl/command.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "-" : text;
}

/* Blocks rather than columns: advice is sentences. Texts hold names, which hold no control characters. */
static void print_findings(const json_t *findings) {
    size_t i;
    const json_t *finding;
    json_array_foreach(findings, i, finding) {
        printf("%s%-8s %s: %s\n", i == 0 ? "" : "\n", text_of(finding, "severity"),
               text_of(finding, "code"), text_of(finding, "subject"));
        printf("         %s\n", text_of(finding, "message"));
        printf("    do:  %s\n", text_of(finding, "advice"));
    }
    if (json_array_size(findings) == 0)
        puts("nothing is wrong");
}

int command_doctor(struct arguments *arguments) {
    struct answer answer = {0};
    size_t i;
    const json_t *finding;
    int exit_code = command_request(arguments, "GET", "/v1/doctor", NULL, 0, &answer);
    json_t *root = exit_code == EXIT_DONE ? command_parse(&answer) : NULL;
    const json_t *findings = json_object_get(root, "findings");
    if (exit_code == EXIT_DONE && !json_is_array(findings))
        exit_code = EXIT_OTHER;
    else if (exit_code == EXIT_DONE && arguments->json)
        exit_code = command_print(&answer);
    else if (exit_code == EXIT_DONE)
        print_findings(findings);
    json_array_foreach(findings, i, finding) {
        if (exit_code == EXIT_DONE && strcmp(text_of(finding, "severity"), "error") == 0)
            exit_code = EXIT_OTHER;
    }
    json_decref(root);
    answer_close(&answer);
    return exit_code;
}
