/* command_watch.c - watch: prints each change as it comes, as a line for a person or as JSON Lines for a program.
 *
 *   {"event":"change","id":"1a2b3c4d-7","entry":{...}}      as committed on the node that is asked
 *   {"event":"reset"}        forget everything: all entries follow, as changes without an id
 *   {"event":"live","id":"1a2b3c4d-6"}                      and from here on what changes
 *
 * When the stream breaks off the command ends (6), and says where to go on.
 */
#include "bin/attunectl/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watching {
    bool json;
    struct text unread; /* the beginning of an event */
    char id[64];        /* where to go on */
};

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "-" : text;
}

/* The first 48 bits of a clock are the milliseconds at which it was written. */
static void print_time(const char *clock) {
    char text[32];
    time_t seconds = (time_t)((strtoull(clock, NULL, 16) >> 16) / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        strcpy(text, "-");
    printf("%s  ", text);
}

/* Names from peers hold no control characters: the catalog refuses them. */
static void print_change(const json_t *entry) {
    const json_t *name = json_object_get(entry, "name"), *kind = json_object_get(entry, "kind");
    print_time(text_of(entry, "clock"));
    if (json_is_integer(kind))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(kind));
    else
        printf("%s", text_of(entry, "kind"));
    printf(" %s%s%s: number %" JSON_INTEGER_FORMAT ", %s, by %s%s\n", text_of(entry, "entity"),
           name == NULL ? "" : " ", name == NULL ? "" : text_of(entry, "name"),
           json_integer_value(json_object_get(entry, "number")), text_of(entry, "state"),
           text_of(entry, "node"),
           json_is_true(json_object_get(entry, "conflict")) ? " (conflict)" : "");
}

static void print_event(const struct watching *watching, const char *event, const char *id,
                        const char *data) {
    bool change = strcmp(event, "change") == 0;
    if (watching->json) {
        printf("{\"event\":\"%s\"", event);
        if (id != NULL)
            printf(",\"id\":\"%s\"", id);
        if (change)
            printf(",\"entry\":%s", data);
        puts("}");
    } else if (change) {
        json_t *entry = json_loads(data, JSON_ALLOW_NUL, NULL);
        print_change(entry);
        json_decref(entry);
    } else if (strcmp(event, "reset") == 0) {
        puts("everything that is there:");
    } else {
        printf("from here on as it comes (%s):\n", id == NULL ? "-" : id);
    }
}

/* One event: lines "event: E", "id: I", "data: D"; a comment has none of them. */
static void take_event(struct watching *watching, char *text) {
    const char *event = "change", *id = NULL, *data = NULL;
    char *position = NULL;
    for (char *line = strtok_r(text, "\n", &position); line != NULL;
         line = strtok_r(NULL, "\n", &position)) {
        if (strncmp(line, "event: ", 7) == 0)
            event = line + 7;
        else if (strncmp(line, "id: ", 4) == 0)
            id = line + 4;
        else if (strncmp(line, "data: ", 6) == 0)
            data = line + 6;
    }
    if (data == NULL)
        return;
    if (id != NULL)
        snprintf(watching->id, sizeof watching->id, "%s", id);
    print_event(watching, event, id, data);
}

static bool take(void *context, const char *bytes, size_t size_bytes) {
    struct watching *watching = context;
    struct text *unread = &watching->unread;
    text_append(unread, bytes, size_bytes);
    char *begin = unread->data;
    for (char *end; (end = strstr(begin, "\n\n")) != NULL; begin = end + 2) {
        *end = '\0';
        take_event(watching, begin);
    }
    size_t left = unread->size_bytes - (size_t)(begin - unread->data);
    memmove(unread->data, begin, left + 1);
    unread->size_bytes = left;
    return fflush(stdout) == 0;
}

int command_watch(struct arguments *arguments) {
    struct watching watching = {.json = arguments->json};
    struct answer answer = {0};
    struct text path = {0};
    char message[256] = "the daemon ended it";
    text_print(&path, "/v1/watch");
    if (arguments->since != NULL) {
        text_print(&path, "?since=");
        client_escape(arguments->client, arguments->since, &path);
    }
    client_stream(arguments->client, path.data, take, &watching, &answer, message);
    int exit_code = EXIT_UNREACHABLE;
    if (answer.status == 200 && watching.id[0] != '\0')
        complain("the stream broke off (%s); to go on: attunectl watch --since %s", message,
                 watching.id);
    else if (answer.status == 200 || answer.status == 0)
        complain("attuned cannot be reached: %s", message);
    else
        exit_code = command_refused(&answer);
    answer_close(&answer);
    text_close(&watching.unread);
    text_close(&path);
    return exit_code;
}
