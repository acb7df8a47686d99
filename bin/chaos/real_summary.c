/* real_summary.c - the verdict of a run, its report, and what is printed of it.
 *
 * A run that broke nothing has still proved nothing if an operation of it never succeeded, a class of faults never had an
 * effect, or nothing was transferred: then the verdict is "unknown", with the list.
 */
#include "bin/chaos/chaos.h"
#include "bin/chaos/real_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static double counted(const struct real_run *run, enum real_counter counter) {
    double sum = 0;
    for (size_t i = 0; i < REAL_WATCHED_MAX; i++)
        sum += run->watches[i].counters[counter] + run->watches[i].counters_before[counter];
    return sum;
}

/* --- the verdict ------------------------------------------------------------------------------------------------- */

struct list {
    char *text;
    size_t size_bytes;
    FILE *file;
};

static void list_add(struct list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void list_add(struct list *list, const char *format, ...) {
    va_list arguments;
    if (ftell(list->file) > 0)
        fputs("; ", list->file);
    va_start(arguments, format);
    vfprintf(list->file, format, arguments);
    va_end(arguments);
}

static const char *why_never(const struct real_run *run, enum scenario_class class) {
    for (size_t i = 0; i < run->band_count; i++) {
        if (run->bands[i].band.class == class && run->bands[i].band.why_not[0] != '\0')
            return run->bands[i].band.why_not;
    }
    return "nothing met it";
}

/* Nodes that answer and never say what they have would pass. */
static void list_unchecked(const struct real_run *run, struct list *list) {
    const struct scenario_expectations *expect = &run->scenario.expect;
    bool expects = expect->entries >= 0 || expect->conflicts >= 0 || expect->seen[0] != '\0';
    if (run->equal_ms != 0 && run->tallies[REAL_S1].evaluations == 0)
        list_add(list, "S1 was never checked: no export was had between two equal roots");
    if (expects && run->tallies[REAL_EXPECT].evaluations == 0)
        list_add(list, "what is expected was never looked at");
}

/* What the run would have had to do to prove something. */
static void list_vacuous(const struct real_run *run, struct list *list) {
    const uint64_t *fired = run->faults == NULL ? NULL : real_faults_fired(run->faults);
    for (size_t type = 0; type < SCENARIO_ACTION_COUNT; type++) {
        const struct real_operations *operations = &run->load.operations[type];
        if (operations->asked > 0 && operations->succeeded == 0)
            list_add(list, "no %s succeeded",
                     scenario_action_name((enum scenario_action_type)type));
    }
    for (size_t class = 1; class < SCENARIO_CLASS_COUNT && fired != NULL; class ++) {
        if (run->scenario.classes[class] && fired[class] == 0)
            list_add(list, "%s never fired: %s", scenario_class_name((enum scenario_class) class),
                     why_never(run, (enum scenario_class) class));
    }
    if (counted(run, REAL_COUNT_RECEIVED) == 0 && run->scenario.node_count > 1)
        list_add(list, "no entry was transferred");
    list_unchecked(run, list);
}

static void list_violated(const struct real_run *run, const enum real_check_id *ids, size_t count,
                          struct list *list) {
    for (size_t i = 0; i < count; i++) {
        if (run->tallies[ids[i]].violated)
            list_add(list, "%s: %s", real_check_name(ids[i]), run->tallies[ids[i]].message);
    }
}

#define OF(...)                                                                                    \
    (const enum real_check_id[]){__VA_ARGS__},                                                     \
        sizeof((const enum real_check_id[]){__VA_ARGS__}) / sizeof(enum real_check_id)

/* The gravest first; the reason names all of that grade. */
static enum chaos_verdict judge(struct real_run *run, struct list *list) {
    if (run->usage_error) {
        list_add(list, "%s", run->reason);
        return CHAOS_USAGE;
    }
    list_violated(
        run, OF(REAL_S1, REAL_S2, REAL_S3, REAL_S10, REAL_S12, REAL_S13, REAL_S14, REAL_EXPECT),
        list);
    if (ftell(list->file) > 0)
        return CHAOS_VIOLATED;
    list_violated(run, OF(REAL_S15), list);
    if (ftell(list->file) > 0)
        return CHAOS_CRASHED;
    list_violated(run, OF(REAL_L1, REAL_L3, REAL_L8, REAL_L9), list);
    if (run->failed)
        list_add(list, "%s", run->reason);
    if (ftell(list->file) > 0)
        return CHAOS_DIVERGED;
    if (real_interrupted())
        list_add(list, "interrupted");
    else
        list_vacuous(run, list);
    return ftell(list->file) > 0 ? CHAOS_UNKNOWN : CHAOS_HELD;
}

/* --- the report -------------------------------------------------------------------------------------------------- */

static void report_bands(struct real_run *run) {
    const uint64_t *fired = run->faults == NULL ? NULL : real_faults_fired(run->faults);
    uint64_t now_ms = real_now(run);
    for (size_t i = 0; i < run->band_count; i++) {
        struct report_band band = run->bands[i].band;
        band.until_ms = band.until_ms > now_ms ? now_ms : band.until_ms;
        band.fired = run->bands[i].performed &&
                     (band.class == SCENARIO_CLASS_NONE ||
                      (fired != NULL && fired[band.class] > run->bands[i].fired_before));
        if (!band.fired && band.why_not[0] == '\0')
            strcpy(band.why_not, "nothing met it");
        report_band(&run->report, &band);
    }
}

static void report_operations(struct real_run *run) {
    char name[48];
    for (size_t type = 0; type < SCENARIO_ACTION_COUNT; type++) {
        const struct real_operations *operations = &run->load.operations[type];
        const char *verb = scenario_action_name((enum scenario_action_type)type);
        if (operations->asked == 0)
            continue;
        (void)snprintf(name, sizeof name, "%s acknowledged", verb);
        report_figure(&run->report, name, (double)operations->succeeded, "");
        (void)snprintf(name, sizeof name, "%s refused", verb);
        report_figure(&run->report, name, (double)operations->refused, "");
        (void)snprintf(name, sizeof name, "%s without an answer", verb);
        report_figure(&run->report, name, (double)operations->unanswered, "");
        (void)snprintf(name, sizeof name, "%s not asked, node down", verb);
        report_figure(&run->report, name, (double)operations->skipped, "");
    }
    for (size_t i = 0; i < run->load.code_count; i++) {
        (void)snprintf(name, sizeof name, "refused: %.38s", run->load.codes[i].name);
        report_figure(&run->report, name, (double)run->load.codes[i].count, "");
    }
}

static void report_traffic(struct real_run *run) {
    struct real_traffic traffic = real_ground_traffic(run->ground);
    const struct {
        const char *name;
        uint64_t value;
        const char *unit;
    } figures[] = {
        {"connections through proxies", traffic.connections, ""},
        {"frames passed", traffic.frames, ""},
        {"bytes passed", traffic.bytes, "bytes"},
        {"frames lost", traffic.lost, ""},
        {"frames repeated", traffic.repeated, ""},
        {"frames reordered", traffic.reordered, ""},
        {"frames delayed", traffic.delayed, ""},
        {"frames corrupted", traffic.corrupted, ""},
        {"connections reset", traffic.resets, ""},
        {"pieces", traffic.fragments, ""},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        report_figure(&run->report, figures[i].name, (double)figures[i].value, figures[i].unit);
}

static void report_usage(struct real_run *run) {
    struct report *report = &run->report;
    report_figure(report, "memory of a node at the start, at most",
                  (double)run->usage_start.resident_bytes, "bytes");
    report_figure(report, "memory of a node at the end, at most",
                  (double)run->usage_end.resident_bytes, "bytes");
    report_figure(report, "descriptors of a node at the start",
                  (double)run->usage_start.descriptors, "");
    report_figure(report, "descriptors of a node at the end", (double)run->usage_end.descriptors,
                  "");
}

static void report_figures(struct real_run *run) {
    struct report *report = &run->report;
    if (run->equal_ms != 0)
        report_figure(report, "intervals from heal to equal",
                      (double)(run->equal_ms - run->healed_ms) / (double)run->scenario.interval_ms,
                      "");
    report_figure(report, "from nothing to ready and equal", (double)run->start_took_ms, "ms");
    report_figure(report, "from rest to nothing waiting", (double)run->emptied_ms, "ms");
    report_figure(report, "from SIGTERM to the last exit", (double)run->end_took_ms, "ms");
    report_figure(report, "intervals allowed", real_intervals_allowed(run), "");
    report_figure(report, "entries at the end", (double)run->entries, "");
    report_figure(report, "conflicts at the end", (double)run->conflicts, "");
    report_figure(report, "entries repaired by exchanges", counted(run, REAL_COUNT_REPAIRED), "");
    report_figure(report, "entries received", counted(run, REAL_COUNT_RECEIVED), "");
    report_figure(report, "pushes sent again", counted(run, REAL_COUNT_PUSHES_RETRIED), "");
    report_figure(report, "pushes left to exchanges", counted(run, REAL_COUNT_PUSHES_DROPPED), "");
    report_figure(report, "futile exchanges", counted(run, REAL_COUNT_FUTILE), "");
    report_figure(report, "bytes per node, interval at rest", run->interval_bytes, "bytes");
    report_figure(report, "quiet intervals begun anew", run->rests_broken, "");
    report_figure(report, "acknowledged and excused", (double)run->book.excused, "");
    if (run->latency_count > 0) {
        size_t middle = run->latency_count / 2, late = run->latency_count * 99 / 100;
        report_figure(report, "HTTP p50 under faults", (double)run->latencies_us[middle] / 1000,
                      "ms");
        report_figure(report, "HTTP p99 under faults", (double)run->latencies_us[late] / 1000,
                      "ms");
    }
    report_usage(run);
    report_operations(run);
    if (run->ground != NULL)
        report_traffic(run);
}

static void report_slowest(struct real_run *run) {
    const struct real_write *slowest = real_book_slowest(&run->book);
    if (slowest == NULL)
        return;
    real_book_key_print(&run->book, slowest->key, run->report.slowest_key,
                        sizeof run->report.slowest_key);
    run->report.slowest_written_ms = slowest->at_ms;
    run->report.slowest_everywhere_ms = slowest->everywhere_ms;
}

static void report_fill(struct real_run *run, enum chaos_verdict verdict, const char *reason) {
    struct report *report = &run->report;
    (void)snprintf(report->verdict, sizeof report->verdict, "%s", chaos_verdict_name(verdict));
    (void)snprintf(report->reason, sizeof report->reason, "%s", reason);
    (void)snprintf(report->again, sizeof report->again,
                   "attune-chaos run %s --seed %" PRIu64 "%s%s", run->arguments.scenario,
                   run->scenario.seed, run->arguments.attuned != NULL ? " --attuned " : "",
                   run->arguments.attuned != NULL ? run->arguments.attuned : "");
    report->seed = run->scenario.seed;
    report->equal_ms = run->equal_ms;
    report->end_ms = real_now(run);
    if (run->equal_ms != 0)
        memcpy(report->content_root, run->content_root, sizeof report->content_root);
    report_bands(run);
    report_figures(run);
    report_slowest(run);
    for (enum real_check_id id = 0; id < REAL_CHECK_COUNT; id++) {
        struct report_check check = {.evaluations = run->tallies[id].evaluations,
                                     .violated = run->tallies[id].violated};
        (void)snprintf(check.id, sizeof check.id, "%s", real_check_name(id));
        (void)snprintf(check.statement, sizeof check.statement, "%s", real_check_statement(id));
        report_check(report, &check);
    }
}

static bool write_file(const struct report *report, const char *path,
                       bool (*write)(const struct report *report, FILE *file)) {
    if (path == NULL)
        return true;
    FILE *file = output_open(path);
    return file != NULL && output_close(path, file, write(report, file));
}

/* --- what is printed --------------------------------------------------------------------------------------------- */

static void print_operations(const struct real_run *run) {
    const char *separator = "operations: ";
    for (size_t type = 0; type < SCENARIO_ACTION_COUNT; type++) {
        const struct real_operations *operations = &run->load.operations[type];
        if (operations->asked == 0)
            continue;
        printf("%s%" PRIu64 " of %" PRIu64 " %s", separator, operations->succeeded,
               operations->asked, scenario_action_name((enum scenario_action_type)type));
        separator = ", ";
    }
    for (size_t i = 0; i < run->load.code_count; i++)
        printf("%s%" PRIu64 " %s", i == 0 ? "; not taken: " : ", ", run->load.codes[i].count,
               run->load.codes[i].name);
    if (separator[0] == ',')
        putchar('\n');
}

static void print_checks(const struct real_run *run) {
    fputs("checks:", stdout);
    for (enum real_check_id id = 0; id < REAL_CHECK_COUNT; id++) {
        const struct real_tally *tally = &run->tallies[id];
        printf(" %s %" PRIu64 "%s", real_check_name(id), tally->evaluations,
               tally->violated ? " BROKEN" : "");
    }
    putchar('\n');
}

static void print_faults(const struct real_run *run) {
    const uint64_t *fired = real_faults_fired(run->faults);
    const char *separator = "faults: ";
    for (size_t class = 1; class < SCENARIO_CLASS_COUNT; class ++) {
        if (!run->scenario.classes[class])
            continue;
        printf("%s%s %" PRIu64, separator, scenario_class_name((enum scenario_class) class),
               fired[class]);
        separator = ", ";
    }
    if (separator[0] == ',')
        putchar('\n');
}

static void print_run(const struct real_run *run) {
    if (run->running) {
        print_faults(run);
        print_operations(run);
        print_checks(run);
    }
    if (run->equal_ms != 0)
        printf("all equal %.1f intervals after the last heal (%u allowed)\n",
               (double)(run->equal_ms - run->healed_ms) / (double)run->scenario.interval_ms,
               real_intervals_allowed(run));
    if (run->report.content_root[0] != '\0')
        printf("content root %s\n", run->report.content_root);
}

int real_summary(struct real_run *run) {
    struct list list = {.text = NULL};
    run->tallies[REAL_S2] = run->book.acknowledged;
    run->tallies[REAL_S3] = run->book.never_back;
    run->tallies[REAL_S12] = run->book.clocks;
    list.file = open_memstream(&list.text, &list.size_bytes);
    if (list.file == NULL)
        abort();
    enum chaos_verdict verdict = judge(run, &list);
    fclose(list.file);
    if (verdict == CHAOS_USAGE) {
        chaos_complain("%s", list.text);
        free(list.text);
        return CHAOS_USAGE;
    }
    report_fill(run, verdict, list.text);
    print_run(run);
    bool html = write_file(&run->report, run->arguments.html, report_write_html);
    bool json = write_file(&run->report, run->arguments.json, report_write_json);
    printf("%s%s%s\n", chaos_verdict_name(verdict), list.text[0] != '\0' ? ": " : "", list.text);
    if (verdict != CHAOS_HELD)
        printf("again: %s\n", run->report.again);
    free(list.text);
    return html && json ? (int)verdict : CHAOS_USAGE;
}
