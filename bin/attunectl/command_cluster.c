/* command_cluster.c - status, members, digest, conflicts, sync. */
#include "bin/attunectl/command.h"
#include "bin/attunectl/table.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static const char *truth_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "unknown";
}

/* Milliseconds as a person reads them. */
static void age_cell(struct table *table, const json_t *age) {
    char text[32];
    double milliseconds = (double)json_integer_value(age);
    if (!json_is_integer(age))
        table_cell(table, NULL);
    else if (milliseconds < 1000)
        table_cell(table, (snprintf(text, sizeof text, "%.0fms", milliseconds), text));
    else
        table_cell(table, (snprintf(text, sizeof text, "%.1fs", milliseconds / 1000), text));
}

static void print_members(const json_t *members) {
    static const char *const headings[] = {"MEMBER", "ADDRESS", "STATE", "AGREES",
                                           "SEEN",   "LAG",     "ROOT"};
    struct table table;
    size_t i;
    const json_t *member;
    table_init(&table, 7, headings);
    json_array_foreach(members, i, member) {
        table_cell(&table, text_of(member, "name"));
        table_cell(&table, text_of(member, "address"));
        table_cell(&table, text_of(member, "state"));
        table_cell(&table, truth_of(member, "agrees"));
        age_cell(&table, json_object_get(member, "last_exchange_ms"));
        age_cell(&table, json_object_get(member, "lag_ms"));
        table_cell(&table, text_of(member, "root"));
    }
    table_print(&table);
}

static void print_horizon(const json_t *horizon) {
    const char *holder = text_of(horizon, "held_by");
    double seconds = (double)json_integer_value(json_object_get(horizon, "age_ms")) / 1000;
    printf("dropped  %" JSON_INTEGER_FORMAT " kept",
           json_integer_value(json_object_get(horizon, "tombstones")));
    if (holder != NULL)
        printf("; %s holds the horizon back for %.1fs", holder, seconds);
    putchar('\n');
}

static void print_pending(const json_t *pending) {
    size_t i;
    const json_t *change;
    json_array_foreach(pending, i, change) {
        const char *kind = text_of(change, "kind"), *entity = text_of(change, "entity");
        const char *name = text_of(change, "name"), *state = text_of(change, "state");
        const char *node = text_of(change, "node"), *since = text_of(change, "since");
        printf("%s%s: %s %s%s%s, by %s since %s\n", i == 0 ? "\n" : "", state == NULL ? "-" : state,
               kind == NULL ? "-" : kind, entity == NULL ? "-" : entity, name == NULL ? "" : " ",
               name == NULL ? "" : name, node == NULL ? "-" : node, since == NULL ? "-" : since);
    }
}

static void print_status(const json_t *root) {
    const json_t *node = json_object_get(root, "node");
    const json_t *agreement = json_object_get(root, "agreement");
    const char *since = text_of(agreement, "since"), *name = text_of(node, "name");
    const char *id = text_of(node, "id"), *cluster = text_of(root, "cluster");
    const char *digest = text_of(root, "root");
    size_t i;
    const json_t *warning;
    printf("node     %s (%s)\n", name == NULL ? "-" : name, id == NULL ? "-" : id);
    printf("cluster  %s\n", cluster == NULL ? "-" : cluster);
    printf("ready    %s\n", truth_of(root, "ready"));
    printf("root     %s\n", digest == NULL ? "-" : digest);
    printf("entries  %" JSON_INTEGER_FORMAT "\n",
           json_integer_value(json_object_get(root, "entries")));
    printf("agreed   %s%s%s\n", truth_of(agreement, "agreed"), since == NULL ? "" : " since ",
           since == NULL ? "" : since);
    printf("conflict %" JSON_INTEGER_FORMAT "\n",
           json_integer_value(json_object_get(root, "conflicts")));
    print_horizon(json_object_get(root, "horizon"));
    putchar('\n');
    print_members(json_object_get(root, "members"));
    print_pending(json_object_get(root, "pending"));
    json_array_foreach(json_object_get(root, "warnings"), i, warning) {
        const char *message = text_of(warning, "message"), *code = text_of(warning, "code");
        printf("%swarning: %s (%s)\n", i == 0 ? "\n" : "", message == NULL ? "-" : message,
               code == NULL ? "-" : code);
    }
}

/* Gets `path` and shows it with `print` or as it came; `*root` stays with the caller. */
static int show(struct arguments *arguments, const char *method, const char *path,
                void (*print)(const json_t *root), json_t **root) {
    struct answer answer = {0};
    int exit_code = command_request(arguments, method, path, NULL, 0, &answer);
    *root = exit_code == EXIT_DONE ? command_parse(&answer) : NULL;
    if (exit_code == EXIT_DONE && *root == NULL)
        exit_code = EXIT_OTHER;
    else if (exit_code == EXIT_DONE && arguments->json)
        exit_code = command_print(&answer);
    else if (exit_code == EXIT_DONE)
        print(*root);
    answer_close(&answer);
    return exit_code;
}

int command_status(struct arguments *arguments) {
    json_t *root;
    int exit_code = show(arguments, "GET", "/v1/status", print_status, &root);
    const json_t *agreement = json_object_get(root, "agreement");
    if (exit_code == EXIT_DONE && (arguments->flags & FLAG_CHECK) &&
        !json_is_true(json_object_get(agreement, "agreed")))
        exit_code = EXIT_DIVERGED;
    json_decref(root);
    return exit_code;
}

static void print_member_list(const json_t *root) {
    print_members(json_object_get(root, "members"));
}

int command_members(struct arguments *arguments) {
    json_t *root;
    int exit_code = show(arguments, "GET", "/v1/members", print_member_list, &root);
    json_decref(root);
    return exit_code;
}

static void print_removed(const json_t *root) {
    const char *name = text_of(root, "name");
    printf("removed %s\n", name == NULL ? "-" : name);
}

int command_members_remove(struct arguments *arguments) {
    json_t *root;
    struct text path = {0};
    text_print(&path, "/v1/members/");
    client_escape(arguments->client, arguments->words[0], &path);
    int exit_code = show(arguments, "DELETE", path.data, print_removed, &root);
    json_decref(root);
    text_close(&path);
    return exit_code;
}

static void print_digest(const json_t *root) {
    const char *digest = text_of(root, "root");
    printf("%s  %" JSON_INTEGER_FORMAT " entries\n", digest == NULL ? "-" : digest,
           json_integer_value(json_object_get(root, "entries")));
}

int command_digest(struct arguments *arguments) {
    json_t *root;
    int exit_code = show(arguments, "GET", "/v1/digest", print_digest, &root);
    json_decref(root);
    return exit_code;
}

static void print_conflicts(const json_t *root) {
    static const char *const headings[] = {"KIND",   "ENTITY", "NAME",  "NODE",
                                           "NUMBER", "STATE",  "CLOCK", "IN FORCE"};
    struct table table;
    size_t i, version_index;
    const json_t *entry, *version;
    table_init(&table, 8, headings);
    json_array_foreach(json_object_get(root, "conflicts"), i, entry) {
        const json_t *versions = json_object_get(entry, "versions");
        json_array_foreach(versions, version_index, version) {
            char number[24];
            snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                     json_integer_value(json_object_get(version, "number")));
            table_cell(&table, text_of(entry, "kind"));
            table_cell(&table, text_of(entry, "entity"));
            table_cell(&table, text_of(entry, "name"));
            table_cell(&table, text_of(version, "node"));
            table_cell(&table, number);
            table_cell(&table, text_of(version, "state"));
            table_cell(&table, text_of(version, "clock"));
            table_cell(&table, version_index + 1 == json_array_size(versions) ? "yes" : "no");
        }
    }
    table_print(&table);
}

int command_conflicts(struct arguments *arguments) {
    json_t *root;
    int exit_code = show(arguments, "GET", "/v1/conflicts", print_conflicts, &root);
    json_decref(root);
    return exit_code;
}

static void print_synced(const json_t *root) {
    static const char *const headings[] = {"MEMBER", "RESULT"};
    struct table table;
    size_t i;
    const json_t *member;
    table_init(&table, 2, headings);
    json_array_foreach(json_object_get(root, "members"), i, member) {
        table_cell(&table, text_of(member, "name"));
        table_cell(&table, text_of(member, "result"));
    }
    table_print(&table);
}

int command_sync(struct arguments *arguments) {
    json_t *root;
    struct text path = {0};
    size_t i;
    const json_t *member;
    text_print(&path, "/v1/sync");
    if (arguments->word_count > 0) {
        text_print(&path, "?member=");
        client_escape(arguments->client, arguments->words[0], &path);
    }
    int exit_code = show(arguments, "POST", path.data, print_synced, &root);
    json_array_foreach(json_object_get(root, "members"), i, member) {
        const char *result = text_of(member, "result");
        if (exit_code == EXIT_DONE && (result == NULL || strcmp(result, "failed") == 0))
            exit_code = EXIT_OTHER;
    }
    json_decref(root);
    text_close(&path);
    return exit_code;
}
