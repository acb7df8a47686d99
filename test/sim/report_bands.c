/* report_bands.c - the faults in a report's picture: bands and marks, grouped by class.
 *
 * A class with few of them shows each with its text, in as many lanes as they need to stand apart. A class with many has
 * one lane, in which those that touch are one band; their texts stand in the table below the picture. What had no effect
 * is hatched, and says why.
 */
#include "test/sim/report_parts.h"

#include <assert.h>
#include <stdlib.h>

enum { TOLD_MAX = 8, TEXT_LENGTH_MAX = 130, LANE_HEIGHT = 18, BAND_HEIGHT = 12, MARK = 5 };
#define CHARACTER_WIDTH 5.8 /* of the labels' font, on average and a little more */

const char *report__class_family(enum scenario_class class) {
    if (class == SCENARIO_CLASS_NONE) {
        return "other";
    }
    if (class <= SCENARIO_CLASS_CORRUPT) {
        return "network";
    }
    if (class <= SCENARIO_CLASS_MASS_RESTART) {
        return "process";
    }
    if (class <= SCENARIO_CLASS_DAMAGE) {
        return "disk";
    }
    return class <= SCENARIO_CLASS_LIAR ? "peers" : "members";
}

/* --- one band -------------------------------------------------------------------------------------------------------- */

/* Why there was no effect comes first: what is cut is the end. */
static void words_write(FILE *file, const struct report_band *band, size_t length_max) {
    char words[sizeof(band->text) + sizeof(band->why_not) + 24];
    if (band->fired) {
        snprintf(words, sizeof(words), "%s", band->text);
    } else {
        snprintf(words, sizeof(words), "no effect%s%s (%s)", band->why_not[0] == '\0' ? "" : ": ",
                 band->why_not, band->text);
    }
    report__html_text_cut(file, words, length_max);
}

static size_t words_length(const struct report_band *band) {
    size_t length = report__text_length(band->text);
    if (!band->fired) {
        length += 12 + (band->why_not[0] == '\0' ? 0 : 2 + report__text_length(band->why_not));
    }
    return length < TEXT_LENGTH_MAX ? length : TEXT_LENGTH_MAX + 3;
}

/* The shape alone: a band, or a rhombus for what has no length. */
static void shape_draw(const struct report_picture *picture, enum scenario_class class, bool fired,
                       double from, double until, double y) {
    const char *family = report__class_family(class);
    const char *effect = fired ? "" : " futile";
    if (until > from) {
        fprintf(picture->file,
                "<rect class=\"band %s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
                "rx=\"2\"/>",
                family, effect, from, y, until - from, BAND_HEIGHT);
    } else {
        fprintf(picture->file, "<path class=\"mark %s%s\" d=\"M%.1f %.1fl%d %dl-%d %dl-%d-%dz\"/>",
                family, effect, from, y + BAND_HEIGHT / 2.0 - MARK, MARK, MARK, MARK, MARK, MARK,
                MARK);
    }
    if (!fired && until > from) {
        fprintf(picture->file,
                "<rect fill=\"url(#hatch)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
                from, y, until - from, BAND_HEIGHT);
    }
}

/* Where the text stands: inside the band, to its right, or to its left; cut where none has room for it. */
struct place {
    double from, until; /* of band and text together */
    double text_x;
    bool text_ends; /* at text_x */
    bool inside;
    size_t length;
};

static struct place place_of(const struct report_picture *picture, const struct report_band *band) {
    double mark = band->from_ms == band->until_ms ? MARK : 0;
    double from = report__x(picture, band->from_ms) - mark;
    double until = report__x(picture, band->until_ms) + mark;
    size_t length = words_length(band);
    double width = CHARACTER_WIDTH * (double)length;
    struct place place = {from, until, from + 5, false, true, length};
    if (until - from >= width + 10) {
        return place;
    }
    double right = REPORT_WIDTH - until - 6, left = from - 6 - REPORT_LEFT;
    double inside = until - from - 10;
    double room = right > left ? right : left;
    place.inside = room < width && inside > room;
    if (place.inside) {
        room = inside;
    } else if (right >= width || right >= left) {
        place.text_x = until + 5;
        place.until = until + 5 + (width < right ? width : right);
    } else {
        place.text_x = from - 5;
        place.text_ends = true;
        place.from = from - 5 - (width < left ? width : left);
    }
    if (room < width) {
        double fitting = room / CHARACTER_WIDTH - 3;
        place.length = fitting > 0 ? (size_t)fitting : 0;
    }
    return place;
}

static void told_draw(const struct report_picture *picture, const struct report_band *band,
                      const struct place *place, double y) {
    fputs("<g><title>", picture->file);
    words_write(picture->file, band, SIZE_MAX);
    fputs("</title>", picture->file);
    shape_draw(picture, band->class, band->fired, report__x(picture, band->from_ms),
               report__x(picture, band->until_ms), y);
    fprintf(picture->file, "<text class=\"label%s\" x=\"%.1f\" y=\"%.1f\">",
            place->text_ends ? " end"
            : place->inside  ? " in"
                             : "",
            place->text_x, y + BAND_HEIGHT - 2);
    words_write(picture->file, band, place->length);
    fputs("</text></g>\n", picture->file);
}

/* --- one class ------------------------------------------------------------------------------------------------------- */

/* The bands of a class, in order of time. */
static void told_class_draw(struct report_picture *picture, const struct report_band *const *bands,
                            size_t count) {
    double lane_until[TOLD_MAX] = {0};
    size_t lanes = 0;
    assert(count <= TOLD_MAX);
    for (size_t i = 0; i < count; i++) {
        struct place place = place_of(picture, bands[i]);
        size_t lane = 0;
        while (lane < lanes && lane_until[lane] + 6 > place.from) {
            lane++;
        }
        lanes = lane == lanes ? lanes + 1 : lanes;
        lane_until[lane] = place.until;
        told_draw(picture, bands[i], &place, picture->y + (double)lane * LANE_HEIGHT);
    }
    picture->y += (double)lanes * LANE_HEIGHT;
}

static void many_draw(struct report_picture *picture, const struct report_band *const *bands,
                      size_t count) {
    size_t first = 0;
    while (first < count) {
        double from = report__x(picture, bands[first]->from_ms);
        double until = report__x(picture, bands[first]->until_ms);
        size_t next = first + 1;
        while (next < count && bands[next]->fired == bands[first]->fired &&
               report__x(picture, bands[next]->from_ms) < until + 1) {
            double end = report__x(picture, bands[next]->until_ms);
            until = end > until ? end : until;
            next++;
        }
        fputs("<g><title>", picture->file);
        words_write(picture->file, bands[first], SIZE_MAX);
        if (next - first > 1) {
            fprintf(picture->file, ", and %zu more", next - first - 1);
        }
        fputs("</title>", picture->file);
        shape_draw(picture, bands[first]->class, bands[first]->fired, from, until, picture->y);
        fputs("</g>\n", picture->file);
        first = next;
    }
    picture->y += LANE_HEIGHT;
}

static void class_draw(struct report_picture *picture, const struct report_band *const *bands,
                       size_t count) {
    const char *name = report__class_name(bands[0]->class);
    fprintf(picture->file, "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">%s", REPORT_LEFT - 8,
            picture->y + BAND_HEIGHT - 2, bands[0]->class == SCENARIO_CLASS_NONE ? "other" : name);
    if (count > TOLD_MAX) {
        fprintf(picture->file, " x%zu", count);
    }
    fputs("</text>", picture->file);
    if (count <= TOLD_MAX) {
        told_class_draw(picture, bands, count);
    } else {
        many_draw(picture, bands, count);
    }
    picture->y += 4;
}

/* By class, time, and place in the report: bands lie in one array. */
static int compare(const void *left, const void *right) {
    const struct report_band *a = *(const struct report_band *const *)left;
    const struct report_band *b = *(const struct report_band *const *)right;
    if (a->class != b->class) {
        return a->class < b->class ? -1 : 1;
    }
    if (a->from_ms != b->from_ms) {
        return a->from_ms < b->from_ms ? -1 : 1;
    }
    return (a > b) - (a < b);
}

void report__bands_draw(struct report_picture *picture) {
    const struct report *report = picture->report;
    size_t count = report->band_count;
    report__heading(picture, "Faults", count == 0 ? "none" : "by class; hatched: it had no effect");
    if (count == 0) {
        return;
    }
    const struct report_band **bands = calloc(count, sizeof(*bands));
    if (bands == NULL) {
        fputs("attune-chaos: no memory for the report\n", stderr);
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        bands[i] = &report->bands[i];
    }
    qsort(bands, count, sizeof(*bands), compare);
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && bands[next]->class == bands[first]->class;) {
            next++;
        }
        class_draw(picture, bands + first, next - first);
    }
    free(bands);
}
