/* real_load.c - performs the operations of a scenario at its nodes, and enters into the book what was acknowledged.
 *
 * Answers are taken for what they say and no more. A PUT shows the version that is in force now. A DELETE shows what it
 * dropped, and not the version of the drop. An import says how many entries were new. Without an answer nobody knows
 * whether it was done: then only what could be gone because of it is noted.
 */
#include "bin/chaos/real_run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- keys -------------------------------------------------------------------------------------------------------- */

static size_t key_of(struct real_run *run, const struct scenario_action *action) {
    return real_book_key(&run->book, action->kind, action->entity,
                         action->name == NULL ? "" : action->name);
}

static uint16_t kind_of_name(const char *name) {
    for (uint16_t kind = CATALOG_SCHEMA; kind <= CATALOG_INDEX; kind++) {
        if (name != NULL && strcmp(name, catalog_kind_name(kind)) == 0)
            return kind;
    }
    return 0;
}

/* The key of an object with "kind", "entity" and perhaps "name". False: it has none. */
static bool key_of_object(struct real_run *run, const json_t *object, size_t *key) {
    uint16_t kind = kind_of_name(json_string_value(json_object_get(object, "kind")));
    const char *entity = json_string_value(json_object_get(object, "entity"));
    const char *name = json_string_value(json_object_get(object, "name"));
    if (kind == 0 || entity == NULL)
        return false;
    *key = real_book_key(&run->book, kind, entity, name == NULL ? "" : name);
    return true;
}

/* --- what answers mean ------------------------------------------------------------------------------------------- */

static struct real_asked asked_of(const struct real_question *question) {
    return (struct real_asked){
        .node = question->node,
        .moment = question->moment,
        .run_ms = question->asked_ms,
        .wall_asked_ms = question->wall_ms,
        .wall_answered_ms = real_wall_ms(),
    };
}

static void took_set(struct real_run *run, const struct real_question *question,
                     const struct scenario_action *action, const json_t *json) {
    struct real_asked asked = asked_of(question);
    struct real_version version;
    if (real_lists_version(json, &version))
        real_book_set(&run->book, &asked, key_of(run, action), &version,
                      question->answer.status == 201);
}

static void took_drop(struct real_run *run, const struct real_question *question,
                      const struct scenario_action *action, const json_t *json) {
    struct real_asked asked = asked_of(question);
    const json_t *others = json_object_get(json, "also_dropped");
    struct real_version before;
    bool known = real_lists_version(json, &before);
    real_book_drop(&run->book, &asked, key_of(run, action), known ? &before : NULL);
    for (size_t i = 0; i < json_array_size(others); i++) {
        size_t key;
        if (key_of_object(run, json_array_get(others, i), &key))
            real_book_drop(&run->book, &asked, key, NULL);
    }
}

static void took_import(struct real_run *run, const struct real_question *question,
                        const struct scenario_action *action, const json_t *json) {
    struct real_asked asked = asked_of(question);
    bool all_new = json_integer_value(json_object_get(json, "unchanged")) == 0;
    for (const char *line = action->body; line != NULL && *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
        size_t key;
        if (key_of_object(run, object, &key))
            real_book_import(&run->book, &asked, key, all_new);
        json_decref(object);
        line = *end == '\0' ? NULL : end + 1;
    }
}

/* It may have been done: then this key is gone, and of a schema what hung on it, and what referred to it. */
static void took_nothing(struct real_run *run, const struct scenario_action *action) {
    bool drops = action->type == SCENARIO_DROP || action->type == SCENARIO_STAGED_DROP ||
                 action->type == SCENARIO_STAGED_ABORT;
    if (!drops)
        return;
    real_book_perhaps_drop(&run->book, key_of(run, action));
    for (size_t i = 0; action->kind == CATALOG_SCHEMA && i < run->book.key_count; i++) {
        const struct real_key *key = run->book.keys[i];
        if (key->kind == CATALOG_CONSTRAINT ||
            (key->kind == CATALOG_INDEX && strcmp(key->entity, action->entity) == 0))
            real_book_perhaps_drop(&run->book, i);
    }
}

static void count_code(struct real_load *load, const char *name) {
    for (size_t i = 0; i < load->code_count; i++) {
        if (strcmp(load->codes[i].name, name) == 0) {
            load->codes[i].count++;
            return;
        }
    }
    if (load->code_count == REAL_CODES_MAX)
        return;
    struct real_code *code = &load->codes[load->code_count++];
    *code = (struct real_code){.count = 1};
    strncpy(code->name, name, sizeof code->name - 1);
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

/* Actions live as long as the scenario, so a question can point to its own. */
struct operation {
    struct real_run *run;
    const struct scenario_action *action;
};

static void take_success(struct real_run *run, struct real_question *question,
                         const struct scenario_action *action, const json_t *json) {
    bool same_disk = question->lineage == run->book.lineages[question->node];
    run->load.operations[action->type].succeeded++;
    /* Of a disk that was wiped since it acknowledged, and of another cluster, nothing can be demanded. */
    if (!same_disk || (run->foreign >> question->node & 1) != 0) {
        took_nothing(run, action);
        return;
    }
    if (action->type == SCENARIO_SET || action->type == SCENARIO_STAGED_SET ||
        action->type == SCENARIO_RESOLVE)
        took_set(run, question, action, json);
    else if (action->type == SCENARIO_DROP)
        took_drop(run, question, action, json);
    else if (action->type == SCENARIO_STAGED_DROP || action->type == SCENARIO_STAGED_ABORT)
        took_nothing(
            run, action); /* the answer shows what stands, which may be older than what it did */
    else if (action->type == SCENARIO_IMPORT)
        took_import(run, question, action, json);
}

static void done(struct real_question *question, const struct real_answer *answer) {
    struct operation *operation = question->context;
    struct real_run *run = operation->run;
    const struct scenario_action *action = operation->action;
    struct real_operations *operations = &run->load.operations[action->type];
    json_t *json = json_loads(answer->body == NULL ? "" : answer->body, 0, NULL);
    run->load.open_count--;
    if (!answer->answered) {
        operations->unanswered++;
        if (!answer->impossible)
            took_nothing(run, action);
        count_code(&run->load, answer->impossible ? "not reached" : "no answer");
    } else if (answer->status == 200 || answer->status == 201) {
        take_success(run, question, action, json);
    } else {
        const char *code =
            json_string_value(json_object_get(json_object_get(json, "error"), "code"));
        operations->refused++;
        count_code(&run->load, code == NULL ? "refused without a code" : code);
        /* After a failed commit it may still be on the disk. */
        if (answer->status >= 500)
            took_nothing(run, action);
    }
    json_decref(json);
    free(operation);
}

void real_load_perform(struct real_run *run, const struct scenario_action *action) {
    size_t node = action->nodes.indexes[0];
    struct real_operations *operations = &run->load.operations[action->type];
    operations->asked++;
    /* Nobody is there to ask; the simulator does the same. */
    if (!real_watch_is_up(run, node) || (run->removed >> node & 1) != 0) {
        operations->skipped++;
        return;
    }
    struct real_words words = real_load_words(action);
    struct real_question *question = real_question_new(run, node, words.method, words.path);
    struct operation *operation = real_allocate(sizeof *operation);
    free(words.path);
    *operation = (struct operation){.run = run, .action = action};
    question->body = words.body;
    question->deadline_ms = words.deadline_ms;
    question->moment = real_book_moment(&run->book);
    question->context = operation;
    question->done = done;
    run->load.open_count++;
    real_client_ask(run->client, question);
}
