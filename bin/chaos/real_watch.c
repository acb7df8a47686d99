/* real_watch.c - asks every node again and again, and notes what the answers mean.
 *
 *   every 200 ms   /v1/digest, /readyz          roots, latencies
 *   every second   /v1/status, /metrics         S13, S14, counters over all starts
 *                  the lists of entries         if the root has changed: S3, what is missing where
 *   every two s    /v1/export                   of a root that was not seen here yet: S1
 *
 * There is at most one question of a sort under way to a node, so lists of one node are read in the order in which they
 * were made, and a frozen node costs nobody else anything.
 */
#include "bin/chaos/real_run.h"

#include <stdlib.h>
#include <string.h>

enum { LAST_MS_MAX = 200 };

struct sort {
    const char *path;
    unsigned period_ms;
    uint16_t kind; /* of a list */
    void (*take)(struct real_run *run, struct real_question *question,
                 const struct real_answer *answer);
};

struct real_question *real_question_new(const struct real_run *run, size_t node, const char *method,
                                        const char *path) {
    struct real_question *question = real_allocate(sizeof *question);
    *question = (struct real_question){
        .method = method,
        .path = real_text(path),
        .context = (void *)(uintptr_t)run,
        .node = node,
        .epoch = run->watches[node].epoch,
        .lineage = node < run->book.node_count ? run->book.lineages[node] : 0,
        .asked_ms = real_now(run),
        .wall_ms = real_wall_ms(),
    };
    strncpy(question->address, run->nodes[node].http, sizeof question->address - 1);
    return question;
}

bool real_watch_is_up(const struct real_run *run, size_t node) {
    return run->nodes[node].state == REAL_UP;
}

static void take_list(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer);

static const struct sort sorts[REAL_ASK_COUNT] = {
    [REAL_ASK_DIGEST] = {"/v1/digest", REAL_PERIOD_MS, 0, real_take_digest},
    [REAL_ASK_READY] = {"/readyz", REAL_PERIOD_MS, 0, real_take_ready},
    [REAL_ASK_STATUS] = {"/v1/status", REAL_STATUS_PERIOD_MS, 0, real_take_status},
    [REAL_ASK_METRICS] = {"/metrics", REAL_STATUS_PERIOD_MS, 0, real_take_metrics},
    [REAL_ASK_SCHEMAS] = {"/v1/schemas", REAL_LIST_PERIOD_MS, CATALOG_SCHEMA, take_list},
    [REAL_ASK_CONSTRAINTS] = {"/v1/constraints", REAL_LIST_PERIOD_MS, CATALOG_CONSTRAINT,
                              take_list},
    [REAL_ASK_INDEXES] = {"/v1/indexes", REAL_LIST_PERIOD_MS, CATALOG_INDEX, take_list},
    [REAL_ASK_EXPORT] = {"/v1/export", REAL_EXPORT_PERIOD_MS, 0, real_take_export},
};

static void take_list(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer) {
    if (answer->status == 200 && answer->body != NULL &&
        question->lineage == run->book.lineages[question->node])
        real_lists_take(run, question->node, sorts[question->what].kind, answer->body,
                        question->moment);
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static void note_latency(struct real_run *run, uint64_t took_us) {
    run->latencies_us = real_grow(run->latencies_us, run->latency_count, &run->latency_capacity,
                                  sizeof *run->latencies_us);
    run->latencies_us[run->latency_count++] = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
}

static void done(struct real_question *question, const struct real_answer *answer) {
    struct real_run *run = question->context;
    struct real_watch *watch = &run->watches[question->node];
    watch->asked[question->what] = false;
    if (question->epoch != watch->epoch || !answer->answered)
        watch->listed = watch->listed && sorts[question->what].kind == 0;
    if (question->epoch != watch->epoch)
        return;
    if (run->faulty && question->what == REAL_ASK_DIGEST && question->node < run->book.node_count)
        note_latency(run, answer->answered ? answer->took_us : REAL_CLIENT_DEADLINE_MS * 1000);
    if (answer->answered)
        sorts[question->what].take(run, question, answer);
}

static void ask(struct real_run *run, size_t node, enum real_what what) {
    struct real_watch *watch = &run->watches[node];
    struct real_question *question = real_question_new(run, node, "GET", sorts[what].path);
    question->what = what;
    question->done = done;
    question->moment = real_book_moment(&run->book);
    watch->asked[what] = true;
    watch->asked_ms[what] = real_clock_ms();
    real_client_ask(run->client, question);
}

/* Lists if the root is another than when they were last asked for; an export likewise. */
static bool is_wanted(struct real_run *run, size_t node, enum real_what what) {
    struct real_watch *watch = &run->watches[node];
    bool same_list = watch->listed && merkle_digest_equal(&watch->root, &watch->listed_root);
    if (node >= run->book.node_count) /* of a clone only what says who it is */
        return what == REAL_ASK_STATUS || what == REAL_ASK_METRICS;
    switch (what) {
    case REAL_ASK_SCHEMAS:
        return watch->digest_known && !same_list;
    case REAL_ASK_CONSTRAINTS:
    case REAL_ASK_INDEXES:
        return false; /* with the schemas */
    case REAL_ASK_EXPORT:
        return watch->digest_known && !watch->export_sampled &&
               !merkle_digest_equal(&watch->root, &watch->exported_root);
    default:
        return true;
    }
}

static void ask_lists(struct real_run *run, size_t node) {
    struct real_watch *watch = &run->watches[node];
    if (watch->asked[REAL_ASK_CONSTRAINTS] || watch->asked[REAL_ASK_INDEXES])
        return;
    watch->listed = true;
    watch->listed_root = watch->root;
    ask(run, node, REAL_ASK_SCHEMAS);
    ask(run, node, REAL_ASK_CONSTRAINTS);
    ask(run, node, REAL_ASK_INDEXES);
}

void real_watch_ask(struct real_run *run) {
    uint64_t now_ms = real_clock_ms();
    /* Not more than 50 questions of a sort in a second. */
    uint64_t least_ms = run->all_count * 20;
    for (size_t node = 0; node < run->all_count; node++) {
        struct real_watch *watch = &run->watches[node];
        if (!real_watch_is_up(run, node))
            continue;
        for (enum real_what what = 0; what < REAL_ASK_COUNT; what++) {
            uint64_t period_ms =
                sorts[what].period_ms > least_ms ? sorts[what].period_ms : least_ms;
            if (watch->asked[what] || now_ms < watch->asked_ms[what] + period_ms ||
                !is_wanted(run, node, what))
                continue;
            if (what == REAL_ASK_EXPORT)
                watch->exported_root = watch->root;
            if (what == REAL_ASK_SCHEMAS)
                ask_lists(run, node);
            else
                ask(run, node, what);
        }
    }
}

void real_watch_sample(struct real_run *run) {
    uint32_t missing[REAL_NODES_MAX];
    uint32_t distinct_roots = 0, up = 0;
    for (size_t node = 0; node < run->book.node_count; node++) {
        const struct real_watch *watch = &run->watches[node];
        bool known = real_watch_is_up(run, node) && watch->digest_known;
        bool first = known;
        for (size_t i = 0; i < node && first; i++)
            first = !real_watch_is_up(run, i) || !run->watches[i].digest_known ||
                    !merkle_digest_equal(&run->watches[i].root, &watch->root);
        distinct_roots += first;
        up += real_watch_is_up(run, node);
        missing[node] = known ? real_book_missing(&run->book, node) : UINT32_MAX;
    }
    real_book_settle(&run->book, run->required, real_now(run));
    report_sample(&run->report, real_now(run), distinct_roots, up, missing);
}

/* --- one question, and its answer ---------------------------------------------------------------------------------------- */

struct single {
    bool done;
    char *text;
};

static void take_single(struct real_question *question, const struct real_answer *answer) {
    struct single *single = question->context;
    single->done = true;
    if (answer->answered && answer->status == 200)
        single->text = real_text(answer->body == NULL ? "" : answer->body);
}

static char *ask_and_wait(struct real_run *run, size_t node, const char *path,
                          unsigned deadline_ms) {
    struct single single = {.done = false};
    struct real_question *question = real_question_new(run, node, "GET", path);
    question->context = &single;
    question->done = take_single;
    question->deadline_ms = deadline_ms;
    real_client_ask(run->client, question);
    while (!single.done)
        real_client_collect(run->client, 100);
    return single.text;
}

char *real_ask(struct real_run *run, size_t node, const char *path) {
    return ask_and_wait(run, node, path, REAL_CLIENT_DEADLINE_MS);
}

void real_watch_last(struct real_run *run, size_t node) {
    if (!real_watch_is_up(run, node))
        return;
    char *text = ask_and_wait(run, node, "/metrics", LAST_MS_MAX);
    if (text != NULL)
        real_take_counters(run, node, text);
    free(text);
}
