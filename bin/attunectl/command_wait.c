/* command_wait.c - wait: until every member has one entry, or the whole catalog, as it stands on this node. */
#include "bin/attunectl/agreement.h"
#include "bin/attunectl/progress.h"
#include "bin/attunectl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool print_body(const struct arguments *arguments, const struct written_key *key,
                       int64_t timeout_ms, struct text *body) {
    char timeout[32];
    snprintf(timeout, sizeof timeout, "%" PRId64 "ms", timeout_ms);
    json_t *object = json_pack("{s:s, s:b}", "timeout", timeout, "skip_dead",
                               (arguments->flags & FLAG_SKIP_DEAD) != 0);
    int set = 0;
    if (key->kind != NULL) {
        set |= json_object_set_new(object, "kind", json_string(key->kind));
        set |= json_object_set_new(object, "entity", json_string(key->entity));
    }
    if (key->kind != NULL && key->name != NULL)
        set |= json_object_set_new(object, "name", json_string(key->name));
    char *text = set != 0 ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text != NULL)
        text_print(body, "%s", text);
    else
        complain("the arguments are not UTF-8");
    free(text);
    return body->data != NULL;
}

/* EXIT_DONE for 200 and for 504. */
static int ask(struct arguments *arguments, const struct written_key *key, int64_t timeout_ms,
               struct answer *answer) {
    struct text body = {0};
    answer_close(answer);
    if (!print_body(arguments, key, timeout_ms, &body))
        return EXIT_USAGE;
    int exit_code =
        command_send(arguments, "POST", "/v1/agreement", body.data, body.size_bytes, answer);
    if (exit_code == EXIT_DONE && answer->status != 200 && answer->status != 504)
        exit_code = command_refused(answer);
    text_close(&body);
    return exit_code;
}

static json_t *members_of(const struct answer *answer, json_t **root) {
    *root = answer->body.data == NULL
                ? NULL
                : json_loadb(answer->body.data, answer->body.size_bytes, 0, NULL);
    return json_object_get(*root, "members");
}

int agreement_wait(struct arguments *arguments, const struct written_key *key, int64_t timeout_ms,
                   struct answer *answer) {
    struct progress progress;
    bool watched = progress_is_watched() && timeout_ms > 0, again;
    int exit_code;
    progress_begin(&progress, timeout_ms);
    if (!watched)
        progress.slice_ms = timeout_ms;
    client_set_timeout(arguments->client, timeout_ms);
    do {
        json_t *root;
        exit_code = ask(arguments, key, progress.slice_ms, answer);
        const json_t *members = members_of(answer, &root);
        again = exit_code == EXIT_DONE && answer->status == 504 && watched && members != NULL &&
                progress_go_on(&progress, members);
        json_decref(root);
    } while (again);
    progress_end(&progress);
    if (exit_code == EXIT_DONE && answer->status == 504)
        exit_code = EXIT_NOT_AGREED;
    return exit_code;
}

void agreement_complain(const struct answer *answer) {
    json_t *root;
    complain_of_members(members_of(answer, &root));
    json_decref(root);
}

static void print_members(const json_t *members) {
    static const char *const headings[] = {"MEMBER", "STATE", "SINCE"};
    struct table table;
    size_t i;
    const json_t *member;
    table_init(&table, 3, headings);
    json_array_foreach(members, i, member) {
        char since[32];
        const json_t *since_ms = json_object_get(member, "since_ms");
        snprintf(since, sizeof since, "%.1fs", (double)json_integer_value(since_ms) / 1000);
        table_cell(&table, json_string_value(json_object_get(member, "name")));
        table_cell(&table, json_string_value(json_object_get(member, "state")));
        table_cell(&table, json_is_integer(since_ms) ? since : NULL);
    }
    table_print(&table);
}

int command_wait(struct arguments *arguments) {
    struct answer answer = {0};
    json_t *root;
    const char *timeout = arguments->timeout == NULL ? "30s" : arguments->timeout;
    int64_t timeout_ms = progress_duration(timeout);
    const struct written_key key = {
        .kind = arguments->word_count > 0 ? arguments->words[0] : NULL,
        .entity = arguments->word_count > 1 ? arguments->words[1] : NULL,
        .name = arguments->word_count > 2 ? arguments->words[2] : NULL,
    };
    if (timeout_ms < 0) {
        complain("--timeout takes an integer with ms, s, m or h, at most 1h");
        return EXIT_USAGE;
    }
    if (arguments->word_count == 1) {
        complain("usage: attunectl wait [KIND ENTITY [NAME]] [--timeout 30s] [--skip-dead]");
        return EXIT_USAGE;
    }
    int exit_code = agreement_wait(arguments, &key, timeout_ms, &answer);
    if (exit_code == EXIT_DONE || exit_code == EXIT_NOT_AGREED) {
        if (exit_code == EXIT_NOT_AGREED)
            complain("not all members have confirmed in time");
        if (arguments->json)
            command_print(&answer);
        else
            print_members(members_of(&answer, &root)), json_decref(root);
    }
    answer_close(&answer);
    return exit_code;
}
