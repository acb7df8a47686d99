/* report.c - collects what a run looked like; see report.h. The writers are report_html.c and report_json.c.
 *
 * Everything is copied. Without memory for it the program ends: a harness that goes on without its figures would report
 * what it did not see.
 */
#include "test/sim/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *memory) {
    if (memory == NULL) {
        fputs("attune-chaos: no memory for the report\n", stderr);
        abort();
    }
    return memory;
}

/* Room for one more. */
static void *grow(void *memory, size_t count, size_t *capacity, size_t size_bytes) {
    assert(count <= *capacity);
    if (count < *capacity) {
        return memory;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return or_end(realloc(memory, *capacity * size_bytes));
}

static void copy_text(char *to, size_t size_bytes, const char *from) {
    snprintf(to, size_bytes, "%s", from);
}

void report_open(struct report *report, const struct scenario *scenario, const char *mode) {
    assert(scenario->node_count <= SCENARIO_NODES_MAX);
    *report = (struct report){
        .seed = scenario->seed,
        .node_count = scenario->node_count,
        .load_ms = scenario->load_ms,
        .interval_ms = scenario->interval_ms,
    };
    copy_text(report->title, sizeof(report->title), scenario->name);
    copy_text(report->mode, sizeof(report->mode), mode);
    copy_text(report->verdict, sizeof(report->verdict), "unknown");
}

void report_close(struct report *report) {
    for (size_t i = 0; i < report->sample_count; i++) {
        free(report->samples[i].missing);
    }
    free(report->samples);
    free(report->bands);
    free(report->figures);
    free(report->checks);
    *report = (struct report){.node_count = 0};
}

void report_sample(struct report *report, uint64_t time_ms, uint32_t distinct_roots, uint32_t up,
                   const uint32_t *missing) {
    assert(report->sample_count == 0 ||
           report->samples[report->sample_count - 1].time_ms <= time_ms);
    assert(up <= report->node_count);
    report->samples = grow(report->samples, report->sample_count, &report->sample_capacity,
                           sizeof(report->samples[0]));
    size_t size_bytes = report->node_count * sizeof(missing[0]);
    struct report_sample sample = {.time_ms = time_ms, .distinct_roots = distinct_roots, .up = up};
    if (size_bytes > 0) {
        sample.missing = or_end(malloc(size_bytes));
        memcpy(sample.missing, missing, size_bytes);
    }
    report->samples[report->sample_count++] = sample;
}

void report_band(struct report *report, const struct report_band *band) {
    assert(band->from_ms <= band->until_ms);
    assert((unsigned)band->class < SCENARIO_CLASS_COUNT);
    report->bands = grow(report->bands, report->band_count, &report->band_capacity, sizeof(*band));
    report->bands[report->band_count++] = *band;
}

void report_figure(struct report *report, const char *name, double value, const char *unit) {
    report->figures = grow(report->figures, report->figure_count, &report->figure_capacity,
                           sizeof(report->figures[0]));
    struct report_figure figure = {.value = value};
    copy_text(figure.name, sizeof(figure.name), name);
    copy_text(figure.unit, sizeof(figure.unit), unit);
    report->figures[report->figure_count++] = figure;
}

void report_check(struct report *report, const struct report_check *check) {
    report->checks =
        grow(report->checks, report->check_count, &report->check_capacity, sizeof(*check));
    report->checks[report->check_count++] = *check;
}
