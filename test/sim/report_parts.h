/* report_parts.h - what the writers of reports share: thinned samples, texts, and the parts of the HTML page.
 *
 *   report.c        collects                     report_json.c       the same figures for programs
 *   report_thin.c   samples -> columns           report_html.c       the page: verdict, tiles, tables
 *   report_text.c   escapes, numbers, spans        report_style.c    its style sheet
 *                                                  report_tiles.c    the figures at its top
 *                                                  report_axis.c     time in the picture
 *                                                  report_chart.c    the picture: roots, axis, lines
 *                                                  report_nodes.c    the rows of the nodes
 *                                                  report_bands.c    the faults
 */
#ifndef SIM_REPORT_PARTS_H
#define SIM_REPORT_PARTS_H

#include "test/sim/report.h"

#define REPORT_MISSING_DOWN UINT32_MAX
enum {
    REPORT_ROWS_TALL_MAX = 32, /* more nodes: their rows are thin strips */
    REPORT_SPAN_SIZE_MAX = 48,
};

/* --- samples thinned to so many columns (report_thin.c) ------------------------------------------------------------ */

/* The worst of the samples that fall together: most roots, fewest nodes up, most missing, down before any number. */
struct report_column {
    uint64_t time_ms; /* of the first of them */
    uint32_t distinct_roots, up;
};

struct report_series {
    size_t count, node_count;
    struct report_column *columns;
    uint32_t *missing; /* node_count of each column, one column after the other */
};

void report__series_make(const struct report *report, size_t columns_max,
                         struct report_series *series);
void report__series_close(struct report_series *series);
/* A column lasts until the next begins, the last one until the end of the run. */
uint64_t report__series_until(const struct report *report, const struct report_series *series,
                              size_t column);
uint32_t report__series_missing(const struct report_series *series, size_t column, size_t node);
/* Of all columns and nodes that were up. */
uint32_t report__series_missing_max(const struct report_series *series);
/* The instant at which the picture ends, at least 1. */
uint64_t report__end_ms(const struct report *report);

/* --- texts (report_text.c) ---------------------------------------------------------------------------------------- */

/* Escaped for the text of an element and for an attribute in quotes. Bytes that are not UTF-8, and control characters,
 * become U+FFFD. At most `length_max` characters, then "...". */
void report__html_text_cut(FILE *file, const char *text, size_t length_max);
void report__html_text(FILE *file, const char *text);
size_t report__text_length(const char *text); /* in characters */
/* "0", "250 ms", "31 s", "2 min 30 s", "1 h 5 min": rounded to what matters at that length. */
const char *report__span_print(uint64_t span_ms, char text[REPORT_SPAN_SIZE_MAX]);
/* The shortest form that reads back as the same number; "null" for what is none (nan, infinity). */
void report__number_print(double value, char *text, size_t size_bytes);
/* Digits in groups of three, with a thin space that does not break (UTF-8). */
void report__html_number(FILE *file, double value);
const char *report__class_name(enum scenario_class class);

/* --- the picture (report_axis.c, report_chart.c, report_nodes.c, report_bands.c) -------------------------------------- */

enum {
    REPORT_WIDTH = 1120,
    REPORT_LEFT = 100,   /* where time begins */
    REPORT_RIGHT = 1048, /* where it ends */
    REPORT_LABELS_HEIGHT = 36,
    REPORT_HEADING_HEIGHT = 42,
};

/* One picture while it is drawn: `y` is the upper edge of the next part. */
struct report_picture {
    FILE *file;
    const struct report *report;
    const struct report_series *series;
    uint64_t end_ms;
    double y;
};

double report__x(const struct report_picture *picture, uint64_t time_ms);
/* 0 for 0, 1 for `max`, by powers of two and straight between them. */
double report__logarithmic(uint64_t value, uint64_t max);
void report__grid_draw(const struct report_picture *picture, double top, double bottom);
void report__instants_draw(const struct report_picture *picture, double load_top, double equal_top,
                           double bottom);
void report__instants_label(const struct report_picture *picture);
/* Each draws its part and moves y below it. */
void report__axis_draw(struct report_picture *picture);
void report__heading(struct report_picture *picture, const char *text, const char *remark);
void report__nodes_draw(struct report_picture *picture);
void report__bands_draw(struct report_picture *picture);
/* False: no memory. */
bool report__chart_write(const struct report *report, const struct report_series *series,
                         FILE *file);

/* How many columns of the HTML page are worth their bytes. */
size_t report__columns_max(const struct report *report);
void report__tiles_write(const struct report *report, FILE *file);
void report__style_write(FILE *file);
/* What the class's colour stands for: "network", "process", "disk", "peers", "members", "other". */
const char *report__class_family(enum scenario_class class);

#endif
