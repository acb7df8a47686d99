/* report_kit.c - see report_kit.h. The made-up cluster is no model of attune: it has the shapes that a report must show. */
#include "test/unit/support/report_kit.h"

#include <stdlib.h>
#include <string.h>

static uint64_t roll(uint64_t *state, uint64_t below) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

void report_kit_open(struct report *report, size_t nodes) {
    struct scenario scenario = {
        .seed = 4711, .node_count = nodes, .interval_ms = 1000, .load_ms = 0};
    snprintf(scenario.name, sizeof(scenario.name), "a split of 31 s while two nodes crash");
    report_open(report, &scenario, "sim");
}

/* --- faults ----------------------------------------------------------------------------------------------------------- */

static void add_band(struct report *report, enum scenario_class class, uint64_t from_ms,
                     uint64_t until_ms, const char *text, const char *why_not) {
    struct report_band band = {
        .from_ms = from_ms, .until_ms = until_ms, .class = class, .fired = why_not == NULL};
    snprintf(band.text, sizeof(band.text), "%s", text);
    snprintf(band.why_not, sizeof(band.why_not), "%s", why_not == NULL ? "" : why_not);
    report_band(report, &band);
}

static void add_bands(struct report *report, uint64_t load_ms) {
    add_band(report, SCENARIO_CLASS_LOSS, 0, load_ms, "loss of 10 % on all links", NULL);
    add_band(report, SCENARIO_CLASS_PARTITION, load_ms / 4, load_ms * 3 / 4,
             "partition n1 from all others", NULL);
    add_band(report, SCENARIO_CLASS_CRASH, load_ms / 3, load_ms / 2, "crash n2", NULL);
    add_band(report, SCENARIO_CLASS_CRASH, load_ms * 9 / 10, load_ms, "crash n3 for a while", NULL);
    add_band(report, SCENARIO_CLASS_CLOCK, load_ms / 5, load_ms / 5, "clock of n2 by +1 h", NULL);
    add_band(report, SCENARIO_CLASS_DISK_FULL, load_ms / 2, load_ms * 6 / 10, "disk of n1 is full",
             "nothing was written to it meanwhile");
    add_band(report, SCENARIO_CLASS_STRANGER, load_ms * 7 / 10, load_ms * 7 / 10,
             "a stranger connects to n1 and sends <garbage> & more", NULL);
    add_band(report, SCENARIO_CLASS_LATE_JOIN, load_ms / 10, load_ms / 10, "n3 joins", NULL);
    for (unsigned i = 0; i < 24; i++) {
        add_band(report, SCENARIO_CLASS_RESET, load_ms * i / 24 + 1,
                 load_ms * i / 24 + 1 + load_ms / 200, "connections of n1 end in a frame",
                 i % 6 == 5 ? "none was open" : NULL);
    }
}

/* --- samples ---------------------------------------------------------------------------------------------------------- */

static uint32_t missing_of(size_t node, uint64_t now_ms, uint64_t load_ms, uint64_t *dice) {
    if (node == 2 && now_ms < load_ms / 10) {
        return UINT32_MAX;
    }
    if ((node % 97 == 1) && now_ms >= load_ms / 3 && now_ms < load_ms / 2) {
        return UINT32_MAX;
    }
    if (node % 50 == 0 && now_ms >= load_ms / 4 && now_ms < load_ms * 3 / 4) {
        return (uint32_t)((now_ms - load_ms / 4) * 400 / load_ms);
    }
    if (node % 50 == 0 && now_ms >= load_ms * 3 / 4 && now_ms < load_ms * 4 / 5) {
        return (uint32_t)((load_ms * 4 / 5 - now_ms) * 4000 / load_ms);
    }
    return now_ms < load_ms && roll(dice, 5) == 0 ? (uint32_t)roll(dice, 6) : 0;
}

static void add_samples(struct report *report, uint64_t sample_ms, enum report_kit_end end) {
    uint64_t dice = report->node_count;
    uint32_t *missing = calloc(report->node_count + 1, sizeof(missing[0]));
    if (missing == NULL) {
        abort();
    }
    for (uint64_t now_ms = 0; now_ms <= report->end_ms; now_ms += sample_ms) {
        uint32_t up = 0, different = 0;
        for (size_t node = 0; node < report->node_count; node++) {
            missing[node] = missing_of(node, now_ms, report->load_ms, &dice);
            if (end == REPORT_KIT_DIVERGED && node == 1 && now_ms >= report->load_ms) {
                missing[node] = 3;
            }
            up += missing[node] != UINT32_MAX;
            different += missing[node] != UINT32_MAX && missing[node] != 0;
        }
        report_sample(report, now_ms, different + 1 <= up ? different + 1 : up, up, missing);
    }
    free(missing);
}

/* --- the rest --------------------------------------------------------------------------------------------------------- */

static void add_check(struct report *report, const char *id, const char *statement,
                      uint64_t evaluations, bool violated) {
    struct report_check check = {.evaluations = evaluations, .violated = violated};
    snprintf(check.id, sizeof(check.id), "%s", id);
    snprintf(check.statement, sizeof(check.statement), "%s", statement);
    report_check(report, &check);
}

static void add_rest(struct report *report, enum report_kit_end end) {
    add_check(report, "S1",
              "Equal sets of entries give equal roots, and different sets different ones.", 18234,
              false);
    add_check(report, "S2", "What was acknowledged is on every node that must have it.", 5123,
              end == REPORT_KIT_VIOLATED);
    add_check(report, "S3", "No entry that was dropped comes back.", 91234567, false);
    add_check(report, "S13", "An id is bound to one live instance.", 0, false);
    add_check(report, "L1", "All roots are equal within K(n) intervals after the last heal.", 1,
              end == REPORT_KIT_DIVERGED);
    report_figure(report, "frames sent", 1234567, "");
    report_figure(report, "frames lost", 10233, "");
    report_figure(report, "bytes sent", 98765432, "bytes");
    report_figure(report, "bytes per node and interval at rest", 61.5, "bytes");
    report_figure(report, "checks' share of the time", 0.21734, "");
    report_figure(report, "crashes in an open transaction", 2, "");
    snprintf(report->again, sizeof(report->again), "attune-chaos sim --seed 4711 --nodes %zu",
             report->node_count);
    snprintf(report->slowest_key, sizeof(report->slowest_key),
             "constraint/orders/\"fk_customer\" <caf\xc3\xa9>");
    report->slowest_written_ms = report->load_ms / 4 + 1;
    report->slowest_everywhere_ms = end == REPORT_KIT_DIVERGED ? 0 : report->load_ms * 4 / 5;
    report->trace_hash = UINT64_C(0x00c0ffee12345678);
}

void report_kit_fill(struct report *report, size_t nodes, uint64_t length_ms, uint64_t sample_ms,
                     enum report_kit_end end) {
    static const char *const verdicts[] = {"held", "violated", "diverged"};
    static const char *const reasons[] = {
        "",
        "S2 on n3 at 41.25 s: schema/posts was acknowledged by n1 at 12.1 s and is not on its disk",
        "L1: after 64 intervals n2 still misses 3 entries, among them schema/posts"};
    report_kit_open(report, nodes);
    report->end_ms = length_ms;
    report->load_ms = length_ms * 6 / 10;
    add_bands(report, report->load_ms);
    add_samples(report, sample_ms, end);
    add_rest(report, end);
    snprintf(report->verdict, sizeof(report->verdict), "%s", verdicts[end]);
    snprintf(report->reason, sizeof(report->reason), "%s", reasons[end]);
    if (end != REPORT_KIT_DIVERGED) {
        report->equal_ms = report->load_ms + length_ms / 15;
        snprintf(report->content_root, sizeof(report->content_root),
                 "5f2a9c0d7e6b4a318c9d0e1f2a3b4c5d");
    }
}

/* --- what was written ------------------------------------------------------------------------------------------------- */

char *report_kit_text(const struct report *report, report_kit_writer *writer) {
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *memory = open_memstream(&text, &size_bytes);
    if (memory == NULL || !writer(report, memory) || fclose(memory) != 0) {
        abort();
    }
    return text;
}

static bool is_void(const char *name, size_t length) {
    return (length == 4 && memcmp(name, "meta", 4) == 0) ||
           (length == 8 && memcmp(name, "!DOCTYPE", 8) == 0);
}

/* Past a tag's attributes, at its '>': NULL if a value is not in quotes or holds a '<'. */
static const char *past_attributes(const char *at) {
    while (*at != '>' && *at != '\0') {
        if (*at == '<') {
            return NULL;
        }
        if (*at == '=') {
            if (at[1] != '"') {
                return NULL;
            }
            at += 2;
            at += strcspn(at, "\"<");
            if (*at != '"') {
                return NULL;
            }
        }
        at++;
    }
    return *at == '>' ? at : NULL;
}

static bool is_entity(const char *at) {
    size_t length = 1 + strcspn(at + 1, "; <&");
    return at[length] == ';' && length > 2 && length < 10;
}

const char *report_kit_unbalanced(const char *html) {
    struct {
        const char *name;
        size_t length;
    } open[64];
    size_t depth = 0;
    for (const char *at = html; *at != '\0'; at++) {
        if (*at == '&' && !is_entity(at)) {
            return at;
        }
        if (*at != '<') {
            continue;
        }
        bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        size_t length = strcspn(name, " >/");
        const char *end = past_attributes(name + length);
        if (length == 0 || end == NULL) {
            return at;
        }
        if (closes) {
            if (depth == 0 || open[depth - 1].length != length ||
                memcmp(open[depth - 1].name, name, length) != 0) {
                return at;
            }
            depth--;
        } else if (end[-1] != '/' && !is_void(name, length)) {
            if (depth == sizeof(open) / sizeof(open[0])) {
                return at;
            }
            open[depth].name = name;
            open[depth++].length = length;
        }
        at = end;
    }
    return depth == 0 ? NULL : open[depth - 1].name;
}
