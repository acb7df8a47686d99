/* report_axis.c - time in a report's picture: where an instant lies, ticks, and the two instants that count, the end of the
 * load and the moment of equality. Also the scale by powers of two, which all numbers in the picture have. */
#include "test/sim/report_parts.h"

#include <assert.h>

enum {
    TICKS_MAX = 10,
    LABEL_WIDTH = 190, /* of an instant, about */
};

double report__x(const struct report_picture *picture, uint64_t time_ms) {
    uint64_t inside = time_ms < picture->end_ms ? time_ms : picture->end_ms;
    return REPORT_LEFT + (REPORT_RIGHT - REPORT_LEFT) * ((double)inside / (double)picture->end_ms);
}

/* The logarithm to base 2 of value + 1, exact at powers of two, straight between them: the same on every machine. */
static double logarithm(uint64_t value) {
    uint64_t above = value + 1, power = 1;
    unsigned exponent = 0;
    while (power <= above / 2) {
        power *= 2;
        exponent++;
    }
    return exponent + (double)(above - power) / (double)power;
}

double report__logarithmic(uint64_t value, uint64_t max) {
    assert(value <= max && max < UINT64_MAX);
    return max == 0 ? 0.0 : logarithm(value) / logarithm(max);
}

void report__heading(struct report_picture *picture, const char *text, const char *remark) {
    picture->y += REPORT_HEADING_HEIGHT - 12;
    fprintf(picture->file, "<text class=\"head\" x=\"0\" y=\"%.1f\">%s", picture->y, text);
    fprintf(picture->file, "<tspan class=\"soft\" dx=\"10\">%s</tspan></text>\n", remark);
    picture->y += 12;
}

static uint64_t tick_step(uint64_t end_ms) {
    static const uint64_t steps[] = {1,       2,       5,        10,      20,     50,     100,
                                     200,     500,     1000,     2000,    5000,   10000,  15000,
                                     30000,   60000,   120000,   300000,  600000, 900000, 1800000,
                                     3600000, 7200000, 10800000, 21600000};
    size_t count = sizeof(steps) / sizeof(steps[0]);
    for (size_t i = 0; i < count; i++) {
        if (end_ms / steps[i] <= TICKS_MAX) {
            return steps[i];
        }
    }
    return end_ms / TICKS_MAX;
}

void report__axis_draw(struct report_picture *picture) {
    uint64_t step = tick_step(picture->end_ms);
    fprintf(picture->file, "<path class=\"axis\" d=\"M%d %.1fH%d\"/>\n", REPORT_LEFT, picture->y,
            REPORT_RIGHT);
    for (uint64_t at_ms = 0; at_ms <= picture->end_ms; at_ms += step) {
        char text[REPORT_SPAN_SIZE_MAX];
        fprintf(picture->file, "<text class=\"tick mid\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                report__x(picture, at_ms), picture->y + 15, report__span_print(at_ms, text));
    }
    picture->y += 20;
}

/* Behind everything else, over the whole height. */
void report__grid_draw(const struct report_picture *picture, double top, double bottom) {
    uint64_t step = tick_step(picture->end_ms);
    fputs("<path class=\"grid\" d=\"", picture->file);
    for (uint64_t at_ms = 0; at_ms <= picture->end_ms; at_ms += step) {
        fprintf(picture->file, "M%.1f %.1fV%.1f", report__x(picture, at_ms), top, bottom);
    }
    fputs("\"/>\n", picture->file);
}

/* What the line means, at its top. */
static void label_draw(const struct report_picture *picture, uint64_t at_ms, const char *what,
                       double y) {
    char text[REPORT_SPAN_SIZE_MAX];
    double x = report__x(picture, at_ms);
    bool left = x + LABEL_WIDTH > REPORT_WIDTH;
    fprintf(picture->file, "<text class=\"label%s\" x=\"%.1f\" y=\"%.1f\">%s: %s</text>\n",
            left ? " end" : "", left ? x - 6 : x + 6, y, what, report__span_print(at_ms, text));
}

/* The end of the load and the moment of equality. */
void report__instants_draw(const struct report_picture *picture, double load_top, double equal_top,
                           double bottom) {
    const struct report *report = picture->report;
    if (report->load_ms > 0) {
        fprintf(picture->file, "<path class=\"load\" d=\"M%.1f %.1fV%.1f\"/>\n",
                report__x(picture, report->load_ms), load_top, bottom);
    }
    if (report->equal_ms > 0) {
        fprintf(picture->file, "<path class=\"equal\" d=\"M%.1f %.1fV%.1f\"/>\n",
                report__x(picture, report->equal_ms), equal_top, bottom);
    }
}

void report__instants_label(const struct report_picture *picture) {
    const struct report *report = picture->report;
    if (report->load_ms > 0) {
        label_draw(picture, report->load_ms, "load and faults end", 12);
    }
    if (report->equal_ms > 0) {
        label_draw(picture, report->equal_ms, "all equal", 29);
    }
}
