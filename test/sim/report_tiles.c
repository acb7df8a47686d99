/* report_tiles.c - the five figures at the top of a report's page: length, time to equality, the worst of roots and of
 * missing entries, the slowest entry. They are taken from the samples themselves, not from the thinned ones. */
#include "test/sim/report_parts.h"

#include <inttypes.h>

enum { KEY_LENGTH_MAX = 60 };

static void tile_begin(FILE *file, const char *name, bool wide) {
    fprintf(file, "<div class=\"tile%s\">%s<b>", wide ? " wide" : "", name);
}

static void tile_equal(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    tile_begin(file, "All equal", false);
    if (report->equal_ms == 0) {
        fputs("never</b><i>until the end of the run</i></div>\n", file);
        return;
    }
    uint64_t load_ms = report->load_ms < report->equal_ms ? report->load_ms : report->equal_ms;
    fprintf(file, "%s</b><i>after the last heal",
            report__span_print(report->equal_ms - load_ms, text));
    if (report->interval_ms > 0) {
        fputs(", ", file);
        uint64_t intervals =
            (report->equal_ms - load_ms + report->interval_ms - 1) / report->interval_ms;
        report__html_number(file, (double)intervals);
        fputs(intervals == 1 ? " interval" : " intervals", file);
    }
    fputs("</i></div>\n", file);
}

static void tile_roots(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    uint32_t most = 0;
    uint64_t at_ms = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        if (report->samples[i].distinct_roots > most) {
            most = report->samples[i].distinct_roots;
            at_ms = report->samples[i].time_ms;
        }
    }
    tile_begin(file, "Most distinct roots", false);
    if (most == 0) {
        fputs("none</b><i>no sample was taken</i></div>\n", file);
        return;
    }
    fprintf(file, "%" PRIu32 "</b><i>at %s</i></div>\n", most, report__span_print(at_ms, text));
}

static void tile_missing(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    uint32_t most = 0;
    size_t at = 0, on = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        for (size_t node = 0; node < report->node_count; node++) {
            uint32_t missing = report->samples[i].missing[node];
            if (missing != REPORT_MISSING_DOWN && missing > most) {
                most = missing;
                at = i;
                on = node;
            }
        }
    }
    tile_begin(file, "Most missing", false);
    report__html_number(file, most);
    if (most == 0) {
        fputs("</b><i>in no sample</i></div>\n", file);
        return;
    }
    fprintf(file, "</b><i>entries on n%zu at %s</i></div>\n", on + 1,
            report__span_print(report->samples[at].time_ms, text));
}

static void tile_length(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    size_t fewest = report->node_count;
    for (size_t i = 0; i < report->sample_count; i++) {
        fewest = report->samples[i].up < fewest ? report->samples[i].up : fewest;
    }
    tile_begin(file, "Length", false);
    fprintf(file, "%s</b><i>", report__span_print(report->end_ms, text));
    if (report->sample_count > 0) {
        fprintf(file, "at least %zu of %zu nodes up", fewest, report->node_count);
    }
    fputs("</i></div>\n", file);
}

static void tile_slowest(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    tile_begin(file, "Slowest entry", true);
    if (report->slowest_written_ms == report->slowest_everywhere_ms) {
        fputs("none</b><i>no acknowledged write had to travel</i></div>\n", file);
        return;
    }
    bool never = report->slowest_everywhere_ms == 0;
    fputs(never ? "never everywhere"
                : report__span_print(report->slowest_everywhere_ms - report->slowest_written_ms,
                                     text),
          file);
    fputs("</b><i>", file);
    report__html_text_cut(file, report->slowest_key, KEY_LENGTH_MAX);
    fprintf(file, ": written at %s", report__span_print(report->slowest_written_ms, text));
    if (!never) {
        fprintf(file, ", everywhere at %s",
                report__span_print(report->slowest_everywhere_ms, text));
    }
    fputs("</i></div>\n", file);
}

void report__tiles_write(const struct report *report, FILE *file) {
    fputs("<section class=\"tiles\">\n", file);
    tile_length(report, file);
    tile_equal(report, file);
    tile_roots(report, file);
    tile_missing(report, file);
    tile_slowest(report, file);
    fputs("</section>\n", file);
}
