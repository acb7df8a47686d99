/* report_json.c - a report as one JSON object, for programs. The same report gives the same bytes.
 *
 *   "format"         1
 *   "title", "mode" ("sim", "run"), "verdict" ("held", "violated", "diverged", "crashed", "unknown"), "reason", "again"
 *   "seed"           text, in decimal: numbers above 2^53 are not safe in every reader
 *   "trace_hash"     text, 16 hexadecimal digits
 *   "node_count", "interval_ms", "load_ms", "end_ms"
 *   "equal_ms"       when all roots were equal after the last heal; null: never
 *   "content_root"   text; null: not equal
 *   "slowest"        {"key", "written_ms", "everywhere_ms" (null: never)}; null: none
 *   "figures"        [{"name", "value" (null: none), "unit"}]
 *   "checks"         [{"id", "statement", "evaluations", "violated"}]
 *   "bands"          [{"from_ms", "until_ms", "class", "text", "fired", "why_not"}]
 *   "samples_taken"  how many there were before thinning
 *   "samples"        {"time_ms": [...], "distinct_roots": [...], "up": [...], "missing": [[a number for each node], ...]}
 *                    a missing number is null while its node is down
 *
 * All times are milliseconds since the start of the run. Samples are thinned to at most 2,000, and to about half a million
 * numbers: the worst of those that fall together stays, each with the time of the first of them.
 */
#include "test/sim/report_parts.h"

#include "catalog/entry.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { SAMPLES_MAX = 2000, NUMBERS_MAX = 500000 };

static void put_text(FILE *file, const char *text) {
    struct merkle_buffer json;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    int result = catalog_json_print_text((struct catalog_text){text, strlen(text)}, &json);
    assert(result == 0); /* a few hundred bytes */
    (void)result;
    fwrite(json.data, 1, json.size_bytes, file);
    merkle_buffer_close(&json);
}

static void put_field(FILE *file, const char *name, const char *text) {
    fprintf(file, "\"%s\": ", name);
    put_text(file, text);
    fputs(",\n", file);
}

/* Null if it is 0, which means never. */
static void put_instant(FILE *file, uint64_t time_ms) {
    if (time_ms == 0) {
        fputs("null", file);
    } else {
        fprintf(file, "%" PRIu64, time_ms);
    }
}

static void put_run(FILE *file, const struct report *report) {
    fputs("\"format\": 1,\n", file);
    put_field(file, "title", report->title);
    put_field(file, "mode", report->mode);
    put_field(file, "verdict", report->verdict);
    put_field(file, "reason", report->reason);
    put_field(file, "again", report->again);
    fprintf(file, "\"seed\": \"%" PRIu64 "\",\n\"trace_hash\": \"%016" PRIx64 "\",\n", report->seed,
            report->trace_hash);
    fprintf(file,
            "\"node_count\": %zu,\n\"interval_ms\": %" PRIu64 ",\n\"load_ms\": %" PRIu64
            ",\n\"end_ms\": %" PRIu64 ",\n\"equal_ms\": ",
            report->node_count, report->interval_ms, report->load_ms, report->end_ms);
    put_instant(file, report->equal_ms);
    fputs(",\n\"content_root\": ", file);
    if (report->content_root[0] == '\0') {
        fputs("null", file);
    } else {
        put_text(file, report->content_root);
    }
    fputs(",\n\"slowest\": ", file);
    if (report->slowest_written_ms == report->slowest_everywhere_ms) {
        fputs("null,\n", file);
        return;
    }
    fputs("{\"key\": ", file);
    put_text(file, report->slowest_key);
    fprintf(file, ", \"written_ms\": %" PRIu64 ", \"everywhere_ms\": ", report->slowest_written_ms);
    put_instant(file, report->slowest_everywhere_ms);
    fputs("},\n", file);
}

static void put_figures(FILE *file, const struct report *report) {
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct report_figure *figure = &report->figures[i];
        char value[40];
        report__number_print(figure->value, value, sizeof(value));
        fprintf(file, "%s\n {\"name\": ", i == 0 ? "" : ",");
        put_text(file, figure->name);
        fprintf(file, ", \"value\": %s, \"unit\": ", value);
        put_text(file, figure->unit);
        fputc('}', file);
    }
}

static void put_checks(FILE *file, const struct report *report) {
    for (size_t i = 0; i < report->check_count; i++) {
        const struct report_check *check = &report->checks[i];
        fprintf(file, "%s\n {\"id\": ", i == 0 ? "" : ",");
        put_text(file, check->id);
        fputs(", \"statement\": ", file);
        put_text(file, check->statement);
        fprintf(file, ", \"evaluations\": %" PRIu64 ", \"violated\": %s}", check->evaluations,
                check->violated ? "true" : "false");
    }
}

static void put_bands(FILE *file, const struct report *report) {
    for (size_t i = 0; i < report->band_count; i++) {
        const struct report_band *band = &report->bands[i];
        fprintf(file, "%s\n {\"from_ms\": %" PRIu64 ", \"until_ms\": %" PRIu64 ", \"class\": ",
                i == 0 ? "" : ",", band->from_ms, band->until_ms);
        put_text(file, report__class_name(band->class));
        fputs(", \"text\": ", file);
        put_text(file, band->text);
        fprintf(file, ", \"fired\": %s, \"why_not\": ", band->fired ? "true" : "false");
        put_text(file, band->why_not);
        fputc('}', file);
    }
}

static void put_missing(FILE *file, const struct report_series *series, size_t column) {
    fputs(column == 0 ? "\n  [" : ",\n  [", file);
    for (size_t node = 0; node < series->node_count; node++) {
        uint32_t missing = report__series_missing(series, column, node);
        fputs(node == 0 ? "" : ",", file);
        if (missing == REPORT_MISSING_DOWN) {
            fputs("null", file);
        } else {
            fprintf(file, "%" PRIu32, missing);
        }
    }
    fputc(']', file);
}

static void put_samples(FILE *file, const struct report *report) {
    size_t fitting = report->node_count == 0 ? SAMPLES_MAX : NUMBERS_MAX / report->node_count;
    struct report_series series;
    report__series_make(report, fitting < SAMPLES_MAX ? fitting : SAMPLES_MAX, &series);
    fputs("{\"time_ms\": [", file);
    for (size_t i = 0; i < series.count; i++) {
        fprintf(file, "%s%" PRIu64, i == 0 ? "" : ",", series.columns[i].time_ms);
    }
    fputs("],\n \"distinct_roots\": [", file);
    for (size_t i = 0; i < series.count; i++) {
        fprintf(file, "%s%" PRIu32, i == 0 ? "" : ",", series.columns[i].distinct_roots);
    }
    fputs("],\n \"up\": [", file);
    for (size_t i = 0; i < series.count; i++) {
        fprintf(file, "%s%" PRIu32, i == 0 ? "" : ",", series.columns[i].up);
    }
    fputs("],\n \"missing\": [", file);
    for (size_t i = 0; i < series.count; i++) {
        put_missing(file, &series, i);
    }
    fputs("]}", file);
    report__series_close(&series);
}

bool report_write_json(const struct report *report, FILE *file) {
    fputs("{", file);
    put_run(file, report);
    fputs("\"figures\": [", file);
    put_figures(file, report);
    fputs("],\n\"checks\": [", file);
    put_checks(file, report);
    fputs("],\n\"bands\": [", file);
    put_bands(file, report);
    fprintf(file, "],\n\"samples_taken\": %zu,\n\"samples\": ", report->sample_count);
    put_samples(file, report);
    fputs("}\n", file);
    return fflush(file) == 0 && !ferror(file);
}
