/* report_chart.c - the picture of a report: one SVG with one axis of time.
 *
 *   labels of the two instants     load ends | all equal
 *   distinct roots                 steps over a base line at 1, which is "all equal"
 *   missing on each node           report_nodes.c
 *   the slowest entry              from where it was written to where it was everywhere
 *   faults                         report_bands.c
 *
 * The parts are drawn one below the other into memory, since the lines that cross them all lie behind them (and before
 * the rows of the nodes, which would cover them), and the height stands at the beginning.
 */
#include "test/sim/report_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    ROOTS_HEIGHT = 130,
    LINEAR_MAX = 16, /* more roots: by powers of two, or the last steps to 1 could not be seen */
    NODES_SHOWN = 4,
};

/* --- distinct roots ------------------------------------------------------------------------------------------------- */

struct roots_scale {
    double top, base;
    uint32_t max;
};

static double roots_y(const struct roots_scale *scale, uint32_t roots) {
    assert(roots >= 1 && roots <= scale->max);
    double part = scale->max > LINEAR_MAX ? report__logarithmic(roots - 1, scale->max - 1)
                                          : (roots - 1.0) / (scale->max - 1.0);
    return scale->base - part * (scale->base - scale->top);
}

static void roots_grid(const struct report_picture *picture, const struct roots_scale *scale) {
    uint32_t step = scale->max > 8 ? 3 : scale->max > 4 ? 2 : 1;
    for (uint32_t roots = 1; roots <= scale->max;
         roots = scale->max > LINEAR_MAX ? roots * 2 : roots + step) {
        double y = roots_y(scale, roots);
        fprintf(picture->file, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", REPORT_LEFT, y,
                REPORT_RIGHT);
        fprintf(picture->file, "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">%" PRIu32 "</text>\n",
                REPORT_LEFT - 8, y + 4, roots);
    }
}

static void steps_close(const struct report_picture *picture, const struct roots_scale *scale,
                        bool is_open_area) {
    if (is_open_area) {
        fprintf(picture->file, "V%.1fZ", scale->base);
    }
}

/* Steps, with gaps where no node was up. An area is closed along the base line. */
static void roots_steps(const struct report_picture *picture, const struct roots_scale *scale,
                        bool area) {
    const struct report_series *series = picture->series;
    bool open = false;
    fprintf(picture->file, "<path class=\"%s\" d=\"", area ? "rootsarea" : "roots");
    for (size_t i = 0; i < series->count; i++) {
        uint32_t roots = series->columns[i].distinct_roots;
        if (roots == 0) {
            steps_close(picture, scale, open && area);
            open = false;
            continue;
        }
        if (!open) {
            fprintf(picture->file, "M%.1f %.1f", report__x(picture, series->columns[i].time_ms),
                    area ? scale->base : roots_y(scale, roots));
        }
        fprintf(picture->file, "V%.1fH%.1f", roots_y(scale, roots),
                report__x(picture, report__series_until(picture->report, series, i)));
        open = true;
    }
    steps_close(picture, scale, open && area);
    fputs("\"/>\n", picture->file);
}

static void roots_draw(struct report_picture *picture) {
    struct roots_scale scale = {.max = 2};
    for (size_t i = 0; i < picture->series->count; i++) {
        if (picture->series->columns[i].distinct_roots > scale.max) {
            scale.max = picture->series->columns[i].distinct_roots;
        }
    }
    report__heading(picture, "Distinct roots",
                    scale.max > LINEAR_MAX
                        ? "over the nodes that are up; 1: all equal; by powers of two"
                        : "over the nodes that are up; 1: all equal");
    scale.top = picture->y + 6;
    scale.base = scale.top + ROOTS_HEIGHT;
    roots_grid(picture, &scale);
    roots_steps(picture, &scale, true);
    roots_steps(picture, &scale, false);
    picture->y = scale.base + 6;
    report__axis_draw(picture);
}

/* --- the slowest entry, and what a pointer shows --------------------------------------------------------------------- */

static void slowest_draw(struct report_picture *picture) {
    const struct report *report = picture->report;
    if (report->slowest_written_ms == report->slowest_everywhere_ms) {
        return;
    }
    bool never = report->slowest_everywhere_ms == 0;
    uint64_t until_ms = never ? picture->end_ms : report->slowest_everywhere_ms;
    double from = report__x(picture, report->slowest_written_ms),
           until = report__x(picture, until_ms);
    report__heading(picture, "Slowest entry",
                    never ? "from when it was acknowledged; it was never everywhere"
                          : "from when it was acknowledged until it was on the last node");
    double y = picture->y + 9;
    fprintf(picture->file, "<g><title>");
    report__html_text(picture->file, report->slowest_key);
    fprintf(picture->file, "</title><path class=\"slow\" d=\"M%.1f %.1fH%.1f\"/>", from, y, until);
    fprintf(picture->file, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", from, y);
    fprintf(picture->file, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></g>\n",
            never ? "ring" : "dot", until, y);
    picture->y += 20;
}

/* Up to four of the nodes that miss something, the worst first. */
static void worst_nodes(const struct report_picture *picture, size_t column) {
    size_t shown[NODES_SHOWN], count = 0;
    while (count < NODES_SHOWN) {
        size_t worst = SIZE_MAX;
        uint32_t most = 0;
        for (size_t node = 0; node < picture->series->node_count; node++) {
            uint32_t missing = report__series_missing(picture->series, column, node);
            bool known = missing == REPORT_MISSING_DOWN;
            for (size_t i = 0; i < count; i++) {
                known = known || shown[i] == node;
            }
            if (!known && missing > most) {
                most = missing;
                worst = node;
            }
        }
        if (worst == SIZE_MAX) {
            return;
        }
        fprintf(picture->file, "%s n%zu: %" PRIu32, count == 0 ? "; missing on" : ",", worst + 1,
                most);
        shown[count++] = worst;
    }
}

static void pointers_draw(const struct report_picture *picture, double top, double bottom) {
    const struct report_series *series = picture->series;
    for (size_t i = 0; i < series->count; i++) {
        char text[REPORT_SPAN_SIZE_MAX];
        double x = report__x(picture, series->columns[i].time_ms);
        double until = report__x(picture, report__series_until(picture->report, series, i));
        fprintf(
            picture->file,
            "<rect class=\"hit\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>"
            "%s: %" PRIu32 " distinct roots, %" PRIu32 " of %zu up",
            x, top, until - x, bottom - top, report__span_print(series->columns[i].time_ms, text),
            series->columns[i].distinct_roots, series->columns[i].up, picture->report->node_count);
        worst_nodes(picture, i);
        fputs("</title></rect>\n", picture->file);
    }
}

/* --- all of it ------------------------------------------------------------------------------------------------------- */

static void parts_draw(struct report_picture *picture) {
    picture->y = REPORT_LABELS_HEIGHT;
    roots_draw(picture);
    if (picture->report->node_count > 0) {
        double top = picture->y + REPORT_HEADING_HEIGHT;
        report__nodes_draw(picture);
        report__instants_draw(picture, top, top, picture->y);
    }
    pointers_draw(picture, REPORT_LABELS_HEIGHT, picture->y);
    slowest_draw(picture);
    report__bands_draw(picture);
    picture->y += 6;
    report__axis_draw(picture);
}

bool report__chart_write(const struct report *report, const struct report_series *series,
                         FILE *file) {
    char *parts = NULL;
    size_t parts_size = 0;
    FILE *memory = open_memstream(&parts, &parts_size);
    if (memory == NULL) {
        return false;
    }
    struct report_picture picture = {
        .file = memory, .report = report, .series = series, .end_ms = report__end_ms(report)};
    parts_draw(&picture);
    if (fclose(memory) != 0) {
        free(parts);
        return false;
    }
    picture.file = file;
    double height = picture.y - 20;
    fprintf(
        file,
        "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"Distinct roots, missing entries "
        "and faults over time\">\n"
        "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V6\"/></pattern></defs>\n",
        REPORT_WIDTH, picture.y + 4);
    report__grid_draw(&picture, REPORT_LABELS_HEIGHT, height);
    report__instants_draw(&picture, 3, 20, height);
    report__instants_label(&picture);
    fwrite(parts, 1, parts_size, file);
    fputs("</svg>\n", file);
    free(parts);
    return true;
}
