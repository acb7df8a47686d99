/* real_load_words.c - the operations of a scenario as HTTP: method, path, body, and how long an answer may take. */
#include "bin/chaos/real_run.h"

#include <stdlib.h>
#include <string.h>

enum { AGREEMENT_MS_DEFAULT = 5000 };

static const char record[] = "{\"a\":\"x\",\"b\":1}";

static void print_escaped(FILE *file, const char *part) {
    for (const unsigned char *at = (const unsigned char *)part; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~", *at) != NULL;
        if (plain)
            fputc(*at, file);
        else
            fprintf(file, "%%%02X", *at);
    }
}

static void print_key(FILE *file, const struct scenario_action *action) {
    fprintf(file, "/v1/%s/", real_list_names[action->kind]);
    print_escaped(file, action->entity);
    if (action->name != NULL && action->name[0] != '\0') {
        fputc('/', file);
        print_escaped(file, action->name);
    }
}

/* Names need no escapes in JSON but for quotes and backslashes: they have no control characters. */
static void print_json(FILE *file, const char *key, const char *text) {
    fprintf(file, "\"%s\":\"", key);
    for (const char *at = text; *at != '\0'; at++)
        fprintf(file, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    fputc('"', file);
}

static void print_key_json(FILE *file, const struct scenario_action *action) {
    print_json(file, "kind", catalog_kind_name(action->kind));
    fputc(',', file);
    print_json(file, "entity", action->entity);
    if (action->name != NULL && action->name[0] != '\0') {
        fputc(',', file);
        print_json(file, "name", action->name);
    }
}

static void print_path(FILE *file, const struct scenario_action *action) {
    switch (action->type) {
    case SCENARIO_IMPORT:
        fputs("/v1/import?", file);
        break;
    case SCENARIO_SYNC:
        fputs("/v1/sync", file);
        break;
    case SCENARIO_DIFF:
        fprintf(file, "/v1/diff/n%u", action->to.indexes[0] + 1U);
        break;
    case SCENARIO_AGREE:
        fputs("/v1/agreement", file);
        return; /* the body says how long */
    case SCENARIO_RESOLVE:
        fputs("/v1/resolve?", file);
        break;
    case SCENARIO_CHECK:
        fputs("/v1/check/", file);
        print_escaped(file, action->kind == 0 ? "e0" : action->entity);
        fprintf(file, "?max_staleness=%llums", (unsigned long long)action->span_ms);
        break;
    default:
        print_key(file, action);
        fputs(action->type == SCENARIO_DROP           ? "?cascade=1&"
              : action->type == SCENARIO_STAGED_ABORT ? "?abort=1&"
              : action->type == SCENARIO_STAGED_SET || action->type == SCENARIO_STAGED_DROP
                  ? "?staged=1&"
                  : "?",
              file);
        break;
    }
    if (action->waits)
        fprintf(file, "wait=%llums%s", (unsigned long long)action->wait_ms,
                action->skip_dead ? "&skip_dead=1" : "");
}

static void print_body(FILE *file, const struct scenario_action *action) {
    if (action->type == SCENARIO_AGREE) {
        fprintf(file, "{\"timeout\":\"%llums\",\"skip_dead\":%s",
                (unsigned long long)action->wait_ms, action->skip_dead ? "true" : "false");
        fputs(action->kind != 0 ? "," : "", file);
        if (action->kind != 0)
            print_key_json(file, action);
        fputc('}', file);
    } else if (action->type == SCENARIO_RESOLVE) {
        fputc('{', file);
        print_key_json(file, action);
        fprintf(file, ",\"take\":\"n%u\"}", action->to.indexes[0] + 1U);
    } else if (action->type == SCENARIO_CHECK) {
        fputs(record, file);
    } else if (action->body != NULL) {
        fputs(action->body, file);
    }
}

static char *text_of(void (*print)(FILE *file, const struct scenario_action *action),
                     const struct scenario_action *action) {
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    if (file == NULL)
        abort();
    print(file, action);
    if (fclose(file) != 0 || text == NULL)
        abort();
    /* A question mark or an "and" with nothing behind it. */
    while (print == print_path && (text[size_bytes - 1] == '?' || text[size_bytes - 1] == '&'))
        text[--size_bytes] = '\0';
    return text;
}

static const char *method_of(enum scenario_action_type type) {
    switch (type) {
    case SCENARIO_SET:
    case SCENARIO_STAGED_SET:
        return "PUT";
    case SCENARIO_DROP:
    case SCENARIO_STAGED_DROP:
    case SCENARIO_STAGED_ABORT:
        return "DELETE";
    case SCENARIO_DIFF:
        return "GET";
    default:
        return "POST";
    }
}

struct real_words real_load_words(const struct scenario_action *action) {
    struct real_words words = {
        .method = method_of(action->type),
        .path = text_of(print_path, action),
        .body = text_of(print_body, action),
    };
    if (words.body[0] == '\0') {
        free(words.body);
        words.body = NULL;
    }
    if (action->waits)
        words.deadline_ms = (unsigned)action->wait_ms + AGREEMENT_MS_DEFAULT;
    return words;
}
