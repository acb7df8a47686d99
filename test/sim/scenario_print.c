/* scenario_print.c - a scenario as the YAML that scenario_parse() reads to the same.
 *
 * One action a line, as a flow mapping; only an import of several lines stands as a block, so that its lines can be read. Texts
 * are written as plainly as they allow:
 *
 *   posts-v2          plain: letters, digits, _ . / - and no way to mistake them
 *   '{"fields":{}}'   in single quotes: printable ASCII and letters of other scripts
 *   "a\nb\u2028"      in double quotes, with escapes
 */
#include "test/sim/scenario_parts.h"

#include "catalog/catalog.h"

#include <inttypes.h>
#include <string.h>

/* --- texts ------------------------------------------------------------------------------------------------------------ */

/* Reads one character of valid UTF-8 and passes over it. */
static uint32_t next_character(const unsigned char **at) {
    const unsigned char *bytes = *at;
    unsigned more = bytes[0] < 0xc0 ? 0 : bytes[0] < 0xe0 ? 1 : bytes[0] < 0xf0 ? 2 : 3;
    uint32_t character = more == 0 ? bytes[0] : bytes[0] & (0x3fU >> more);
    for (unsigned i = 1; i <= more && bytes[i] != '\0'; i++) {
        character = character << 6 | (bytes[i] & 0x3fU);
        *at += 1;
    }
    *at += 1;
    return character;
}

/* What YAML takes only as an escape, or takes for the end of a line. */
static bool is_special(uint32_t character) {
    return character < ' ' || (character >= 0x7f && character < 0xa0) || character == 0x2028 ||
           character == 0x2029 || character == 0xfeff || character == 0xfffe || character == 0xffff;
}

static bool is_word(const char *text) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    return text[0] != '\0' && text[0] != '-' && text[0] != '.' &&
           text[strspn(text, letters)] == '\0';
}

/* `allowed`: a special character that may be in it nevertheless; 0: none. */
static bool is_printable(const char *text, uint32_t allowed) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        uint32_t character = next_character(&at);
        if (is_special(character) && character != allowed) {
            return false;
        }
    }
    return true;
}

static void print_quoted(const char *text, char quote, FILE *file) {
    fprintf(file, "%c", quote);
    for (const char *c = text; *c != '\0'; c++) {
        fprintf(file, *c == quote ? "%c%c" : "%c", *c, *c);
    }
    fprintf(file, "%c", quote);
}

static void print_escaped(const char *text, FILE *file) {
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', file);
    while (*at != '\0') {
        const unsigned char *begin = at;
        uint32_t character = next_character(&at);
        if (character == '"' || character == '\\') {
            fprintf(file, "\\%c", (char)character);
        } else if (character == '\n') {
            fputs("\\n", file);
        } else if (is_special(character)) {
            fprintf(file, "\\u%04" PRIx32, character);
        } else {
            fwrite(begin, 1, (size_t)(at - begin), file);
        }
    }
    fputc('"', file);
}

static void print_text(const char *text, FILE *file) {
    if (is_word(text)) {
        fputs(text, file);
    } else if (is_printable(text, 0)) {
        print_quoted(text, '\'', file);
    } else {
        print_escaped(text, file);
    }
}

/* Whether a literal block (|) gives the text back: no special characters but ends of lines, no blank in front that would be
 * taken for more indentation, and at most one end of line at its end. */
static bool is_block(const char *text) {
    size_t length = strlen(text);
    return strchr(text, '\n') != NULL && text[0] != '\n' && text[0] != ' ' &&
           !(length > 1 && text[length - 1] == '\n' && text[length - 2] == '\n') &&
           is_printable(text, '\n');
}

static void print_block(const char *text, FILE *file) {
    bool ends = text[strlen(text) - 1] == '\n';
    fputs(ends ? "|\n" : "|-\n", file);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fprintf(file, "%s%.*s\n", length > 0 ? "      " : "", (int)length, text);
        text += text[length] == '\n' ? length + 1 : length;
    }
}

/* --- numbers, times, nodes -------------------------------------------------------------------------------------------- */

static void print_time(const char *key, uint64_t ms, bool negative, FILE *file) {
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"h", 3600 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}};
    size_t unit = 0;
    while (ms == 0 ? units[unit].ms != 1000 : ms % units[unit].ms != 0) {
        unit++;
    }
    fprintf(file, "%s%s%" PRIu64 "%s", key, negative ? "-" : "", ms / units[unit].ms,
            units[unit].name);
}

/* Three neighbours or more are written as a range. */
static void print_nodes(const char *key, const struct scenario_nodes *nodes, FILE *file) {
    if (nodes->count == 0) {
        return;
    }
    fprintf(file, "%s[", key);
    for (size_t i = 0; i < nodes->count;) {
        size_t last = i;
        while (last + 1 < nodes->count && nodes->indexes[last + 1] == nodes->indexes[last] + 1) {
            last++;
        }
        last = last - i < 2 ? i : last;
        fprintf(file, "%sn%u", i == 0 ? "" : ", ", nodes->indexes[i] + 1U);
        if (last > i) {
            fprintf(file, "-n%u", nodes->indexes[last] + 1U);
        }
        i = last + 1;
    }
    fputc(']', file);
}

/* --- the head --------------------------------------------------------------------------------------------------------- */

static void print_named(const char *key, const char *text, FILE *file) {
    if (text[0] != '\0') {
        fputs(key, file);
        print_text(text, file);
        fputc('\n', file);
    }
}

static void print_kept(const struct scenario *scenario, FILE *file) {
    for (size_t i = 0; i < scenario->kept_count; i++) {
        fprintf(file, "%s%" PRIu64 "-%" PRIu64, i == 0 ? "kept: [" : ", ", scenario->kept[i].first,
                scenario->kept[i].end);
    }
    fputs(scenario->kept_count > 0 ? "]\n" : "", file);
}

static void print_head(const struct scenario *scenario, FILE *file) {
    print_named("name: ", scenario->name, file);
    print_named("report: ", scenario->report, file);
    fprintf(file, "nodes: %zu\nseed: %" PRIu64 "\n", scenario->node_count, scenario->seed);
    print_time("interval: ", scenario->interval_ms, false, file);
    if (scenario->load_ms > 0) {
        print_time("\nload_ends: ", scenario->load_ms, false, file);
    }
    fprintf(file, "\nquiet: %" PRIu64 "\n", scenario->quiet_intervals);
    if (scenario->sim_only || scenario->realtime_only) {
        fputs(scenario->sim_only ? "modes: [sim]\n" : "modes: [run]\n", file);
    }
    fputs(scenario->real_store ? "store: real\n" : "", file);
    print_nodes("core: ", &scenario->core, file);
    fputs(scenario->core.count > 0 ? "\n" : "", file);
    print_kept(scenario, file);
}

/* --- loads, actions, expectations ------------------------------------------------------------------------------------- */

static void print_load(const struct scenario_load *load, FILE *file) {
    print_time("  - {from: ", load->from_ms, false, file);
    print_time(", until: ", load->until_ms, false, file);
    if (load->entries > 0) {
        fprintf(file, ", entries: %" PRIu64, load->entries);
    } else if (load->cycles > 0) {
        fprintf(file, ", cycles: %" PRIu64, load->cycles);
    } else {
        print_time(", every: ", load->every_ms, false, file);
        fprintf(file, ", entities: %u, drops: %u, imports: %u", load->entities, load->drops_percent,
                load->imports_percent);
    }
    if (load->body_size_bytes > 0) {
        fprintf(file, ", body_size: %" PRIu64, load->body_size_bytes);
    }
    print_nodes(", writers: ", &load->writers, file);
    fputs("}\n", file);
}

static void print_key(const struct scenario_action *action, FILE *file) {
    char key[2 * CATALOG_NAME_SIZE_MAX + 32];
    (void)snprintf(key, sizeof key, "%s/%s%s%s", catalog_kind_name(action->kind), action->entity,
                   action->name == NULL ? "" : "/", action->name == NULL ? "" : action->name);
    fputs(", key: ", file);
    print_text(key, file);
}

static void print_wait(const struct scenario_action *action, const char *before, FILE *file) {
    if (action->waits) {
        fprintf(file, "%swait: ", before);
        print_time("", action->wait_ms, false, file);
    }
    if (action->waits && action->skip_dead) {
        fprintf(file, "%sskip_dead: yes", before);
    }
}

/* An import that can be read: the same keys below each other. */
static void print_import(const struct scenario_action *action, FILE *file) {
    print_time("  - at: ", action->at_ms, false, file);
    fputs("\n    do: import", file);
    print_nodes("\n    nodes: ", &action->nodes, file);
    print_wait(action, "\n    ", file);
    fputs("\n    body: ", file);
    print_block(action->body, file);
}

static void print_action(const struct scenario_action *action, FILE *file) {
    unsigned takes = scenario_action_takes(action->type);
    if (action->type == SCENARIO_IMPORT && is_block(action->body)) {
        print_import(action, file);
        return;
    }
    print_time("  - {at: ", action->at_ms, false, file);
    fprintf(file, ", do: %s", scenario_action_name(action->type));
    print_nodes(", nodes: ", &action->nodes, file);
    print_nodes(", to: ", &action->to, file);
    if ((takes & SCENARIO_TAKES_PERCENT) != 0) {
        fprintf(file, ", percent: %u", action->percent);
    }
    if ((takes & SCENARIO_TAKES_SPAN) != 0) {
        bool negative = action->span_ms < 0;
        print_time(", span: ", (uint64_t)(negative ? -action->span_ms : action->span_ms), negative,
                   file);
    }
    if ((takes & SCENARIO_TAKES_COUNT) != 0) {
        fprintf(file, ", count: %" PRIu64, action->count);
    }
    if (action->for_ms != SCENARIO_FOREVER) {
        print_time(", for: ", action->for_ms, false, file);
    }
    if ((takes & SCENARIO_TAKES_KEY) != 0 && action->kind != 0) {
        print_key(action, file);
    }
    if ((takes & SCENARIO_TAKES_BODY) != 0) {
        fputs(", body: ", file);
        print_text(action->body, file);
    }
    print_wait(action, ", ", file);
    fputs("}\n", file);
}

static void print_expect(const struct scenario_expectations *expect, FILE *file) {
    const struct {
        const char *key;
        int64_t number;
    } numbers[] = {{"entries", expect->entries},
                   {"conflicts", expect->conflicts},
                   {"intervals", expect->intervals}};
    const char *before = "expect: {";
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].number >= 0) {
            fprintf(file, "%s%s: %" PRId64, before, numbers[i].key, numbers[i].number);
            before = ", ";
        }
    }
    if (expect->seen[0] != '\0') {
        fprintf(file, "%sseen: ", before);
        print_text(expect->seen, file);
        before = ", ";
    }
    if (expect->stale_roots_allowed) {
        fprintf(file, "%sdiverging: yes", before);
        before = ", ";
    }
    fputs(before[0] == ',' ? "}\n" : "", file);
}

void scenario_print(const struct scenario *scenario, FILE *file) {
    print_head(scenario, file);
    for (size_t i = 0; i < scenario->load_count; i++) {
        fputs(i == 0 ? "load:\n" : "", file);
        print_load(&scenario->loads[i], file);
    }
    for (size_t i = 0; i < scenario->action_count; i++) {
        fputs(i == 0 ? "actions:\n" : "", file);
        print_action(&scenario->actions[i], file);
    }
    print_expect(&scenario->expect, file);
}
