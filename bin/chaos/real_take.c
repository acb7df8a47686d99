/* real_take.c - what the answers of a node mean: its root, whether it is ready, its counters, its export (real_watch.c asks).
 *
 * S1: a root between two of which an export was fetched is that export's, on all nodes. S14: 200 between two statuses of
 * one life that say "not ready" is a lie.
 */
#include "bin/chaos/real_run.h"

#include "test/sim/content.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- what single answers mean ------------------------------------------------------------------------------------ */

static void digest_text(const char *text, struct merkle_digest *digest, bool *whole) {
    struct catalog_id id;
    *whole = text != NULL && catalog_id_parse(text, strlen(text), &id);
    if (*whole)
        memcpy(digest->bytes, id.bytes, sizeof id.bytes);
}

/* What a root stood for on one node, it stands for on all (S1). */
void real_watch_root(struct real_run *run, size_t node, const struct merkle_digest *root,
                     const struct merkle_digest *content) {
    for (size_t i = 0; i < run->root_count; i++) {
        const struct real_root *known = &run->roots[i];
        if (!merkle_digest_equal(&known->root, root))
            continue;
        real_tally(&run->tallies[REAL_S1], merkle_digest_equal(&known->content, content),
                   "n%zu and n%zu had one root and different exports", known->node + 1, node + 1);
        return;
    }
    run->roots = real_grow(run->roots, run->root_count, &run->root_capacity, sizeof *run->roots);
    run->roots[run->root_count++] =
        (struct real_root){.root = *root, .content = *content, .node = node};
}

void real_take_digest(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer) {
    struct real_watch *watch = &run->watches[question->node];
    json_t *json = json_loads(answer->body == NULL ? "" : answer->body, 0, NULL);
    struct merkle_digest root;
    bool whole;
    digest_text(json_string_value(json_object_get(json, "root")), &root, &whole);
    if (answer->status == 200 && whole) {
        /* The same root before and after an export: it is that root's. */
        if (watch->export_sampled && question->moment > watch->export_moment) {
            watch->export_sampled = false;
            if (merkle_digest_equal(&root, &watch->exported_root))
                real_watch_root(run, question->node, &root, &watch->export_content);
        }
        watch->root = root;
        watch->digest_known = true;
        watch->digest_asked_ms = question->asked_ms;
        watch->entries = (uint64_t)json_integer_value(json_object_get(json, "entries"));
    }
    json_decref(json);
}

/* S14: 200 between two answers of the status that say "not ready", of one life. */
void real_take_ready(struct real_run *run, struct real_question *question,
                     const struct real_answer *answer) {
    struct real_watch *watch = &run->watches[question->node];
    watch->ready = answer->status == 200;
    watch->ready_known = true;
    watch->ready_moment = 0;
    if (!watch->ready)
        return;
    real_tally(&run->tallies[REAL_S14], true, "-");
    if (watch->status_known && !watch->status_ready && watch->status_moment < question->moment)
        watch->ready_moment = real_book_moment(&run->book);
}

void real_take_status(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer) {
    struct real_watch *watch = &run->watches[question->node];
    json_t *json = json_loads(answer->body == NULL ? "" : answer->body, 0, NULL);
    const json_t *members = json_object_get(json, "members");
    const json_t *warnings = json_object_get(json, "warnings");
    if (answer->status == 200 && json_is_array(members)) {
        watch->status_ready = json_is_true(json_object_get(json, "ready"));
        watch->status_known = true;
        watch->status_moment = real_book_moment(&run->book);
        if (!watch->status_ready && watch->ready_moment != 0 &&
            watch->ready_moment < question->moment)
            real_tally(&run->tallies[REAL_S14], false,
                       "n%zu answered /readyz with 200 and its status said that it was not ready",
                       question->node + 1);
        watch->members_alive = 0;
        for (size_t i = 0; i < json_array_size(members); i++) {
            const char *state =
                json_string_value(json_object_get(json_array_get(members, i), "state"));
            watch->members_alive += state != NULL && strcmp(state, "alive") == 0;
        }
        for (size_t i = 0; i < json_array_size(warnings); i++) {
            const char *code =
                json_string_value(json_object_get(json_array_get(warnings, i), "code"));
            if (code != NULL && strcmp(code, "duplicate_id") == 0)
                watch->duplicate_id = true;
        }
    }
    json_decref(json);
}

/* What the scenario expects to be seen: a label of one of these. */
static double metric_seen(const char *text, const char *name) {
    static const char *const families[][2] = {
        {"attune_connections_closed_total", "reason"},
        {"attune_connections_refused_total", "reason"},
        {"attune_entries_repaired_total", "cause"},
        {"attune_pushes_total", "result"},
        {"attune_rejected_total", "reason"},
        {"attune_exchanges_total", "result"},
    };
    double sum = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0] && name[0] != '\0'; i++) {
        char label[64];
        (void)snprintf(label, sizeof label, "{%s=\"%s\"}", families[i][1], name);
        sum += real_metric(text, families[i][0], label);
    }
    return sum;
}

void real_take_counters(struct real_run *run, size_t node, const char *text) {
    struct real_watch *watch = &run->watches[node];
    /* Counters begin anew with each process. */
    if (watch->counters_starts != watch->starts) {
        for (size_t i = 0; i < REAL_COUNT_COUNT; i++) {
            watch->counters_before[i] += watch->counters[i];
            watch->counters[i] = 0;
        }
        watch->counters_starts = watch->starts;
    }
    const char *transferred = "attune_entries_transferred_total";
    double *counters = watch->counters;
    counters[REAL_COUNT_REPAIRED] = real_metric(text, "attune_entries_repaired_total", NULL);
    counters[REAL_COUNT_RECEIVED] = real_metric(text, transferred, "\"received\"");
    counters[REAL_COUNT_SENT] = real_metric(text, transferred, "\"sent\"");
    counters[REAL_COUNT_FUTILE] = real_metric(text, "attune_futile_exchanges_total", NULL);
    counters[REAL_COUNT_DUPLICATE_ID] = metric_seen(text, "duplicate_id");
    counters[REAL_COUNT_PUSHES_DROPPED] = real_metric(text, "attune_pushes_total", "\"dropped\"");
    counters[REAL_COUNT_PUSHES_RETRIED] = real_metric(text, "attune_pushes_total", "\"retried\"");
    counters[REAL_COUNT_SEEN] = metric_seen(text, run->scenario.expect.seen);
}

void real_take_metrics(struct real_run *run, struct real_question *question,
                       const struct real_answer *answer) {
    if (answer->status == 200 && answer->body != NULL)
        real_take_counters(run, question->node, answer->body);
}

void real_take_export(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer) {
    struct real_watch *watch = &run->watches[question->node];
    if (answer->status != 200)
        return;
    content_digest(answer->body == NULL ? "" : answer->body, answer->size_bytes,
                   &watch->export_content);
    watch->export_sampled = true;
    watch->export_moment = real_book_moment(&run->book);
}
