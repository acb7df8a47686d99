/* report_nodes.c - the rows of the nodes in a report's picture: what is still missing on each, over time.
 *
 * Up to 32 nodes each has a row in which the height says how much is missing (by powers of two). More nodes have thin
 * strips, shaded in five steps. Where a node was down there is a gap in either. Equal stretches are one mark, and all
 * marks of a shade are one path, which keeps a page with 1,000 nodes small.
 */
#include "test/sim/report_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { SHADE_COUNT = 6, COLUMNS_TALL = 600, COLUMNS_THIN = 360, SHADE_WIDTH = 62 };
static const uint32_t shade_from[SHADE_COUNT] = {0, 1, 2, 4, 10, 100};

size_t report__columns_max(const struct report *report) {
    return report->node_count <= REPORT_ROWS_TALL_MAX ? COLUMNS_TALL : COLUMNS_THIN;
}

static unsigned shade_of(uint32_t missing) {
    unsigned shade = SHADE_COUNT - 1;
    while (missing < shade_from[shade]) {
        shade--;
    }
    return shade;
}

/* One shade, or any that is not down. */
enum { SHADE_ANY = SHADE_COUNT };

static bool has_shade(const struct report_picture *picture, size_t column, size_t node,
                      unsigned shade) {
    uint32_t missing = report__series_missing(picture->series, column, node);
    if (missing == REPORT_MISSING_DOWN) {
        return false;
    }
    return shade == SHADE_ANY || shade_of(missing) == shade;
}

/* The stretches of a node's row that have the shade, as parts of a path. */
static void stretches_write(const struct report_picture *picture, size_t node, unsigned shade,
                            double y, double height) {
    const struct report_series *series = picture->series;
    size_t column = 0;
    while (column < series->count) {
        size_t first = column;
        while (column < series->count && has_shade(picture, column, node, shade)) {
            column++;
        }
        if (column == first) {
            column++;
            continue;
        }
        double from = report__x(picture, series->columns[first].time_ms);
        double until =
            report__x(picture, report__series_until(picture->report, series, column - 1));
        if (until > from) {
            fprintf(picture->file, "M%.1f %.1fH%.1fv%.1fH%.1fz", from, y, until, height, from);
        }
    }
}

/* --- up to 32 nodes -------------------------------------------------------------------------------------------------- */

static void hill_draw(const struct report_picture *picture, size_t node, double base, double height,
                      uint32_t max) {
    const struct report_series *series = picture->series;
    fputs("<path class=\"hill\" d=\"", picture->file);
    for (size_t column = 0; column < series->count; column++) {
        uint32_t missing = report__series_missing(series, column, node);
        if (missing == 0 || missing == REPORT_MISSING_DOWN) {
            continue;
        }
        double from = report__x(picture, series->columns[column].time_ms);
        double until = report__x(picture, report__series_until(picture->report, series, column));
        fprintf(picture->file, "M%.1f %.1fV%.1fH%.1fV%.1fz", from, base,
                base - height * report__logarithmic(missing, max), until, base);
    }
    fputs("\"/>\n", picture->file);
}

/* The most that was missing on it; 0 also if it was never up. */
static uint32_t most_of(const struct report_series *series, size_t node) {
    uint32_t most = 0;
    for (size_t column = 0; column < series->count; column++) {
        uint32_t missing = report__series_missing(series, column, node);
        if (missing != REPORT_MISSING_DOWN && missing > most) {
            most = missing;
        }
    }
    return most;
}

static void tall_draw(struct report_picture *picture, double pitch) {
    uint32_t max = report__series_missing_max(picture->series);
    double height = pitch - 4;
    for (size_t node = 0; node < picture->series->node_count; node++) {
        double y = picture->y + pitch * (double)node;
        uint32_t most = most_of(picture->series, node);
        fprintf(picture->file, "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">n%zu</text>",
                REPORT_LEFT - 8, y + height / 2 + 4, node + 1);
        fputs("<path class=\"s0\" d=\"", picture->file);
        stretches_write(picture, node, SHADE_ANY, y, height);
        fputs("\"/>", picture->file);
        hill_draw(picture, node, y + height, height, max);
        if (most > 0) {
            fprintf(picture->file,
                    "<text class=\"tick\" x=\"%d\" y=\"%.1f\">max %" PRIu32 "</text>\n",
                    REPORT_RIGHT + 8, y + height / 2 + 4, most);
        }
    }
    picture->y += pitch * (double)picture->series->node_count;
}

/* --- more nodes ------------------------------------------------------------------------------------------------------ */

static void strips_draw(struct report_picture *picture, double pitch, size_t label_every) {
    double height = pitch > 3 ? pitch - 1 : pitch;
    for (unsigned shade = 0; shade < SHADE_COUNT; shade++) {
        fprintf(picture->file, "<path class=\"strip s%u\" d=\"", shade);
        for (size_t node = 0; node < picture->series->node_count; node++) {
            stretches_write(picture, node, shade, picture->y + pitch * (double)node, height);
        }
        fputs("\"/>\n", picture->file);
    }
    for (size_t node = 0; node < picture->series->node_count; node++) {
        if (node == 0 || (node + 1) % label_every == 0) {
            fprintf(picture->file, "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">n%zu</text>\n",
                    REPORT_LEFT - 8, picture->y + pitch * ((double)node + 0.5) + 4, node + 1);
        }
    }
    picture->y += pitch * (double)picture->series->node_count;
}

/* The shades and what they mean, at the right end of the heading. */
static void legend_draw(const struct report_picture *picture) {
    static const char *const meanings[SHADE_COUNT] = {"0", "1", "2-3", "4-9", "10-99", "100+"};
    double x = REPORT_RIGHT - SHADE_WIDTH * SHADE_COUNT;
    for (unsigned shade = 0; shade < SHADE_COUNT; shade++, x += SHADE_WIDTH) {
        fprintf(picture->file,
                "<rect class=\"s%u\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"10\"/>", shade, x,
                picture->y - 21);
        fprintf(picture->file, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 16,
                picture->y - 12, meanings[shade]);
    }
}

void report__nodes_draw(struct report_picture *picture) {
    size_t count = picture->series->node_count;
    assert(count > 0);
    bool tall = count <= REPORT_ROWS_TALL_MAX;
    /* From outside a write is seen some time after it was done, also when all roots are equal again. */
    bool asked = strcmp(picture->report->mode, "run") == 0;
    report__heading(picture, "Missing on each node",
                    asked ? "acknowledged writes not seen on it yet, by asking; a gap: it was down"
                    : tall
                        ? "acknowledged writes that are not on its disk, by powers of two; a gap: "
                          "the node was down"
                        : "acknowledged writes not on its disk; a gap: it was down");
    if (tall) {
        tall_draw(picture, count <= 5 ? 34 : count <= 12 ? 26 : 18);
        return;
    }
    legend_draw(picture);
    double pitch = count <= 64 ? 10 : count <= 128 ? 6 : count <= 256 ? 3 : count <= 512 ? 2 : 1;
    strips_draw(picture, pitch, count <= 64 ? 4 : count <= 256 ? 10 : 50);
}
