/* report_thin.c - samples become columns: as many as can be told apart in a picture, or read from a file.
 *
 * The time is cut into equal parts, and of the samples in one part the worst stays, of each figure by itself: a peak is
 * never thinned away. Parts without a sample have no column. A run with few samples keeps them as they are.
 */
#include "test/sim/report_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t report__end_ms(const struct report *report) {
    uint64_t end_ms = report->end_ms > 0 ? report->end_ms : 1;
    if (report->sample_count > 0 && report->samples[report->sample_count - 1].time_ms > end_ms) {
        end_ms = report->samples[report->sample_count - 1].time_ms;
    }
    return end_ms;
}

static void column_begin(struct report_series *series, const struct report_sample *sample) {
    series->columns[series->count] =
        (struct report_column){sample->time_ms, sample->distinct_roots, sample->up};
    if (series->node_count > 0) {
        memcpy(series->missing + series->count * series->node_count, sample->missing,
               series->node_count * sizeof(series->missing[0]));
    }
    series->count++;
}

static void column_add(struct report_series *series, const struct report_sample *sample) {
    struct report_column *column = &series->columns[series->count - 1];
    uint32_t *missing = series->missing + (series->count - 1) * series->node_count;
    if (sample->distinct_roots > column->distinct_roots) {
        column->distinct_roots = sample->distinct_roots;
    }
    if (sample->up < column->up) {
        column->up = sample->up;
    }
    for (size_t node = 0; node < series->node_count; node++) {
        if (sample->missing[node] > missing[node]) {
            missing[node] = sample->missing[node]; /* down is larger than any number */
        }
    }
}

void report__series_make(const struct report *report, size_t columns_max,
                         struct report_series *series) {
    assert(columns_max > 0);
    size_t most = report->sample_count < columns_max ? report->sample_count : columns_max;
    *series = (struct report_series){.node_count = report->node_count};
    series->columns = calloc(most + 1, sizeof(series->columns[0]));
    series->missing = calloc(most * report->node_count + 1, sizeof(series->missing[0]));
    if (series->columns == NULL || series->missing == NULL) {
        fputs("attune-chaos: no memory for the report\n", stderr);
        abort();
    }
    uint64_t part_ms = report__end_ms(report) / columns_max + 1, last = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        const struct report_sample *sample = &report->samples[i];
        uint64_t part = report->sample_count <= columns_max ? i : sample->time_ms / part_ms;
        if (i == 0 || part != last) {
            assert(series->count < most);
            column_begin(series, sample);
        } else {
            column_add(series, sample);
        }
        last = part;
    }
}

void report__series_close(struct report_series *series) {
    free(series->columns);
    free(series->missing);
    *series = (struct report_series){.count = 0};
}

uint64_t report__series_until(const struct report *report, const struct report_series *series,
                              size_t column) {
    assert(column < series->count);
    return column + 1 < series->count ? series->columns[column + 1].time_ms
                                      : report__end_ms(report);
}

uint32_t report__series_missing(const struct report_series *series, size_t column, size_t node) {
    assert(column < series->count && node < series->node_count);
    return series->missing[column * series->node_count + node];
}

uint32_t report__series_missing_max(const struct report_series *series) {
    uint32_t most = 0;
    for (size_t i = 0; i < series->count * series->node_count; i++) {
        if (series->missing[i] != REPORT_MISSING_DOWN && series->missing[i] > most) {
            most = series->missing[i];
        }
    }
    return most;
}
