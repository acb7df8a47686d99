/* report_html.c - a report as one HTML page that needs nothing else: the verdict first, then the picture, then tables.
 *
 * Every text that comes from outside passes report__html_text. The page has no script: what a pointer shows are titles.
 */
#include "test/sim/report_parts.h"

#include <inttypes.h>
#include <string.h>

enum { FAULT_ROWS_MAX = 500 };

static const struct {
    const char *name, *sign, *word, *meaning;
} verdicts[] = {
    {"held", "&#10003;", "Held", "Every promise that was checked held."},
    {"violated", "&#10007;", "Violated", "A safety promise was broken."},
    {"diverged", "&#8800;", "Diverged", "The nodes did not become equal in time."},
    {"crashed", "!", "Crashed", "A process died that nobody killed."},
    {"unknown", "?", "Unknown",
     "Nothing was broken, and too little happened to say that it holds."},
};
enum { VERDICT_COUNT = sizeof(verdicts) / sizeof(verdicts[0]) };

static void head_write(const struct report *report, FILE *file) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          file);
    report__html_text(file, report->title);
    fputs(" - ", file);
    report__html_text(file, report->verdict);
    fputs("</title>\n<style>\n", file);
    report__style_write(file);
    fputs("</style>\n</head>\n<body>\n<main>\n", file);
}

static void verdict_write(const struct report *report, FILE *file) {
    size_t verdict = 0;
    while (verdict + 1 < VERDICT_COUNT && strcmp(report->verdict, verdicts[verdict].name) != 0) {
        verdict++;
    }
    fprintf(
        file,
        "<header class=\"card %s\">\n<div class=\"verdict\"><span>%s</span>%s</div>\n<div>\n<h1>",
        verdicts[verdict].name, verdicts[verdict].sign, verdicts[verdict].word);
    report__html_text(file, report->title[0] == '\0' ? "A run without a name" : report->title);
    fprintf(file, "</h1>\n<p class=\"soft\">%s, %zu nodes. %s</p>\n",
            strcmp(report->mode, "sim") == 0 ? "Simulated" : "Real processes", report->node_count,
            verdicts[verdict].meaning);
    if (report->reason[0] != '\0') {
        fputs("<p class=\"reason\">", file);
        report__html_text(file, report->reason);
        fputs("</p>\n", file);
    }
    if (report->again[0] != '\0') {
        fputs("<pre title=\"this repeats the run\">", file);
        report__html_text(file, report->again);
        fputs("</pre>\n", file);
    }
    fputs("</div>\n</header>\n", file);
}

/* --- the picture, tables ------------------------------------------------------------------------------------------------ */

static bool picture_write(const struct report *report, FILE *file) {
    static const char *const families[] = {"network", "process", "disk",
                                           "peers",   "members", "other"};
    struct report_series series;
    fputs("<section class=\"card\">\n", file);
    report__series_make(report, report__columns_max(report), &series);
    bool fine = report__chart_write(report, &series, file);
    report__series_close(&series);
    bool used[sizeof(families) / sizeof(families[0])] = {false};
    for (size_t i = 0; i < report->band_count; i++) {
        for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
            used[k] =
                used[k] || strcmp(report__class_family(report->bands[i].class), families[k]) == 0;
        }
    }
    fputs("<p class=\"keys soft\">", file);
    for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
        if (used[k]) {
            fprintf(file, "<span><i class=\"%s\"></i>%s</span>", families[k], families[k]);
        }
    }
    fputs("</p>\n</section>\n", file);
    return fine;
}

static void checks_write(const struct report *report, FILE *file) {
    fputs("<section class=\"card\">\n<h2>What was checked</h2>\n", file);
    if (report->check_count == 0) {
        fputs("<p>Nothing.</p>\n</section>\n", file);
        return;
    }
    fputs("<table>\n<thead><tr><th>id</th><th>statement</th><th class=\"n\">evaluations</th>"
          "<th>result</th></tr></thead>\n<tbody>\n",
          file);
    for (size_t i = 0; i < report->check_count; i++) {
        const struct report_check *check = &report->checks[i];
        fputs("<tr><td>", file);
        report__html_text(file, check->id);
        fputs("</td><td>", file);
        report__html_text(file, check->statement);
        fputs("</td><td class=\"n\">", file);
        report__html_number(file, (double)check->evaluations);
        fprintf(file, "</td><td class=\"%s</td></tr>\n",
                check->violated           ? "broken\">&#10007; violated"
                : check->evaluations == 0 ? "idle\">? never tried"
                                          : "ok\">&#10003; held");
    }
    fputs("</tbody>\n</table>\n</section>\n", file);
}

static void figures_write(const struct report *report, FILE *file) {
    fputs("<section class=\"card\">\n<h2>Figures</h2>\n", file);
    if (report->figure_count == 0) {
        fputs("<p>None.</p>\n</section>\n", file);
        return;
    }
    fputs("<table>\n<tbody>\n", file);
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct report_figure *figure = &report->figures[i];
        fputs("<tr><td>", file);
        report__html_text(file, figure->name);
        fputs("</td><td class=\"n\">", file);
        report__html_number(file, figure->value);
        fputs(figure->unit[0] == '\0' ? "" : " ", file);
        report__html_text(file, figure->unit);
        fputs("</td></tr>\n", file);
    }
    fputs("</tbody>\n</table>\n</section>\n", file);
}

static void faults_write(const struct report *report, FILE *file) {
    char text[REPORT_SPAN_SIZE_MAX];
    if (report->band_count == 0) {
        return;
    }
    fprintf(file,
            "<details class=\"card\">\n<summary>All %zu faults</summary>\n<table>\n<thead><tr>"
            "<th class=\"n\">from</th><th class=\"n\">until</th><th>class</th><th>what</th>"
            "<th>effect</th></tr></thead>\n<tbody>\n",
            report->band_count);
    for (size_t i = 0; i < report->band_count && i < FAULT_ROWS_MAX; i++) {
        const struct report_band *band = &report->bands[i];
        fprintf(file, "<tr><td class=\"n\">%s</td>", report__span_print(band->from_ms, text));
        fprintf(file, "<td class=\"n\">%s</td><td>%s</td><td>",
                band->until_ms == band->from_ms ? "" : report__span_print(band->until_ms, text),
                report__class_name(band->class));
        report__html_text(file, band->text);
        fputs(band->fired ? "</td><td>yes" : "</td><td>none: ", file);
        report__html_text(file, band->fired                ? ""
                                : band->why_not[0] == '\0' ? "the reason is not known"
                                                           : band->why_not);
        fputs("</td></tr>\n", file);
    }
    fputs("</tbody>\n</table>\n", file);
    if (report->band_count > FAULT_ROWS_MAX) {
        fprintf(file, "<p class=\"soft\">%zu more are in the JSON file.</p>\n",
                report->band_count - FAULT_ROWS_MAX);
    }
    fputs("</details>\n", file);
}

static void foot_write(const struct report *report, FILE *file) {
    fputs("<footer>", file);
    if (strcmp(report->mode, "sim") == 0) {
        fprintf(file, "seed %" PRIu64 " &middot; trace %016" PRIx64 " &middot; ", report->seed,
                report->trace_hash);
    }
    fputs("content root ", file);
    report__html_text(file, report->content_root[0] == '\0' ? "none: the nodes were not equal"
                                                            : report->content_root);
    fputs(" &middot; attune-chaos " ATTUNE_VERSION "</footer>\n</main>\n</body>\n</html>\n", file);
}

bool report_write_html(const struct report *report, FILE *file) {
    head_write(report, file);
    verdict_write(report, file);
    report__tiles_write(report, file);
    bool fine = picture_write(report, file);
    fputs("<div class=\"two\">\n", file);
    checks_write(report, file);
    figures_write(report, file);
    fputs("</div>\n", file);
    faults_write(report, file);
    foot_write(report, file);
    return fine && fflush(file) == 0 && !ferror(file);
}
