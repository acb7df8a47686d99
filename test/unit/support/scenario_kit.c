/* scenario_kit.c - see scenario_kit.h. The texts are what trips writers of YAML: quotes, colons, ends of lines, blanks at
 * either end, characters that YAML takes for ends of lines, words that mean something to it. */
#include "test/unit/support/scenario_kit.h"

#include "catalog/catalog.h"

#include <assert.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- the same --------------------------------------------------------------------------------------------------------- */

static bool same_nodes(const struct scenario_nodes *a, const struct scenario_nodes *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->indexes, b->indexes, a->count * sizeof *a->indexes) == 0);
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_action(const struct scenario_action *a, const struct scenario_action *b) {
    return a->type == b->type && a->at_ms == b->at_ms && a->for_ms == b->for_ms &&
           same_nodes(&a->nodes, &b->nodes) && same_nodes(&a->to, &b->to) &&
           a->percent == b->percent && a->span_ms == b->span_ms && a->count == b->count &&
           a->kind == b->kind && same_text(a->entity, b->entity) && same_text(a->name, b->name) &&
           same_text(a->body, b->body);
}

static bool same_load(const struct scenario_load *a, const struct scenario_load *b) {
    return a->from_ms == b->from_ms && a->until_ms == b->until_ms && a->every_ms == b->every_ms &&
           a->entries == b->entries && a->entities == b->entities &&
           a->drops_percent == b->drops_percent && a->imports_percent == b->imports_percent &&
           a->body_size_bytes == b->body_size_bytes && same_nodes(&a->writers, &b->writers);
}

static bool same_expectations(const struct scenario_expectations *a,
                              const struct scenario_expectations *b) {
    return a->entries == b->entries && a->conflicts == b->conflicts &&
           a->intervals == b->intervals && strcmp(a->seen, b->seen) == 0 &&
           a->stale_roots_allowed == b->stale_roots_allowed;
}

static bool same_kept(const struct scenario *a, const struct scenario *b) {
    bool same = a->kept_count == b->kept_count;
    for (size_t i = 0; same && i < a->kept_count; i++) {
        same = a->kept[i].first == b->kept[i].first && a->kept[i].end == b->kept[i].end;
    }
    return same;
}

static const char *head_difference(const struct scenario *a, const struct scenario *b) {
    const struct {
        const char *member;
        bool same;
    } members[] = {
        {"name", strcmp(a->name, b->name) == 0},
        {"report", strcmp(a->report, b->report) == 0},
        {"seed", a->seed == b->seed},
        {"node_count", a->node_count == b->node_count},
        {"interval_ms", a->interval_ms == b->interval_ms},
        {"load_ms", a->load_ms == b->load_ms},
        {"quiet_intervals", a->quiet_intervals == b->quiet_intervals},
        {"real_store", a->real_store == b->real_store},
        {"realtime_only", a->realtime_only == b->realtime_only},
        {"sim_only", a->sim_only == b->sim_only},
        {"core", same_nodes(&a->core, &b->core)},
        {"kept", same_kept(a, b)},
        {"load_count", a->load_count == b->load_count},
        {"action_count", a->action_count == b->action_count},
        {"expect", same_expectations(&a->expect, &b->expect)},
        {"classes", memcmp(a->classes, b->classes, sizeof a->classes) == 0},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!members[i].same) {
            return members[i].member;
        }
    }
    return NULL;
}

const char *scenario_kit_difference(const struct scenario *a, const struct scenario *b) {
    const char *difference = head_difference(a, b);
    for (size_t i = 0; difference == NULL && i < a->load_count; i++) {
        difference = same_load(&a->loads[i], &b->loads[i]) ? NULL : "loads";
    }
    for (size_t i = 0; difference == NULL && i < a->action_count; i++) {
        difference = same_action(&a->actions[i], &b->actions[i])
                         ? NULL
                         : scenario_action_name(a->actions[i].type);
    }
    return difference;
}

char *scenario_kit_printed(const struct scenario *scenario) {
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    assert(file != NULL);
    scenario_print(scenario, file);
    int closed = fclose(file);
    assert(closed == 0);
    return text;
}

void scenario_kit_parse(const char *text, struct scenario *scenario) {
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    if (!scenario_parse("f", text, strlen(text), scenario, message)) {
        ck_abort_msg("%s\n%s", message, text);
    }
}

void scenario_kit_refused(const char *text, size_t size_bytes, const char *expected) {
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    struct scenario scenario;
    memset(&scenario, 0xa5, sizeof scenario);
    ck_assert_msg(!scenario_parse("f", text, size_bytes, &scenario, message), "taken: %.2000s",
                  text);
    ck_assert_msg(strncmp(message, expected, strlen(expected)) == 0,
                  "%s\nexpected: %s\nof: %.2000s", message, expected, text);
    ck_assert_ptr_null(scenario.actions);
}

/* --- any at all ------------------------------------------------------------------------------------------------------- */

static const char *const words[] = {
    "a",
    "posts",
    "it's",
    "say \"no\"",
    "a: b",
    "# none",
    " blank",
    "blank ",
    "yes",
    "null",
    "~",
    "010",
    "1.5",
    "-",
    "- a",
    "{a}",
    "[a, b]",
    "a,b",
    "&x",
    "*x",
    "!t",
    "%d",
    "@at",
    "`tick`",
    "back\\n",
    "?",
    "a\xc3\xa4\xc3\xb6",
    "\xe2\x82\xac 5",
    "\xf0\x9f\x90\x8c",
    "line \xe2\x80\xa8 sep",
    "\xef\xbb\xbf.bom",
    "...",
    "---",
    "=",
    "<<",
    "|",
    ">",
    "a#b",
};
enum { WORDS = sizeof words / sizeof *words };

static uint64_t below(struct choice *choice, uint64_t bound) {
    return choice_below(choice, bound, "test");
}

static char *text_of(const char *text) {
    char *copy = strdup(text);
    assert(copy != NULL);
    return copy;
}

static const char *word(struct choice *choice) {
    return words[below(choice, WORDS)];
}

static struct scenario_nodes some_nodes(struct choice *choice, size_t node_count, size_t first) {
    uint16_t indexes[SCENARIO_NODES_MAX];
    size_t count = 0;
    uint64_t percent = 1 + below(choice, 99);
    for (size_t i = first; i < node_count; i++) {
        if (below(choice, 100) < percent) {
            indexes[count++] = (uint16_t)i;
        }
    }
    if (count == 0) {
        indexes[count++] = (uint16_t)(node_count - 1);
    }
    return scenario_nodes_of(count, indexes);
}

static uint64_t some_time(struct choice *choice, uint64_t most_ms) {
    static const uint64_t units[] = {1, 1000, 60000, 3600000};
    uint64_t unit = units[below(choice, 4)];
    return 1 + below(choice, most_ms) / unit * unit;
}

/* A body whose default is any text; in one line, or spread over several. */
static char *some_body(struct choice *choice, uint16_t kind) {
    char body[400];
    const char *space = below(choice, 2) == 0 ? "" : below(choice, 2) == 0 ? "\n " : " ";
    static const char *const fields[] = {"a", "it's", "\xc3\xa4", "b: c", "# d"};
    const char *field = fields[below(choice, 5)];
    if (kind == CATALOG_SCHEMA) {
        (void)snprintf(body, sizeof body, "{%s\"fields\":%s{\"%s\":{\"type\":\"string\"}}}%s",
                       space, space, field, space);
    } else if (kind == CATALOG_CONSTRAINT) {
        (void)snprintf(body, sizeof body, "{\"type\":\"unique\",%s\"fields\":[\"%s\"]}", space,
                       field);
    } else {
        (void)snprintf(body, sizeof body, "%s{\"fields\":[\"%s\"]}", space, field);
    }
    return text_of(body);
}

static char *some_import(struct choice *choice) {
    static const char *const begins[] = {"", "\n", " "};
    static const char *const ends[] = {"", "\n", "\n\n", "\r\n", "\n \n"};
    char body[900];
    (void)snprintf(
        body, sizeof body,
        "%s{\"kind\":\"schema\",\"entity\":\"e%u\",\"fields\":{\"it's\":{\"type\":"
        "\"string\"}}}%s%s%s",
        begins[below(choice, 3)], (unsigned)below(choice, 9), ends[below(choice, 5)],
        below(choice, 2) == 0
            ? ""
            : "\n{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"i\",\"fields\":[\"a\"]}",
        ends[below(choice, 5)]);
    return text_of(body);
}

static void fill_key(struct choice *choice, struct scenario_action *action, bool schema) {
    static const char *const names[] = {"posts", "it's", "a b", "\xc3\xa4",
                                        "x:y",   "#",    "1",   "\xe2\x80\xa8"};
    action->kind = (uint16_t)(CATALOG_SCHEMA + (schema ? 0 : below(choice, 3)));
    action->entity = text_of(names[below(choice, 8)]);
    if (action->kind != CATALOG_SCHEMA) {
        action->name = text_of(names[below(choice, 8)]);
    }
}

static void fill_nodes(struct choice *choice, struct scenario_action *action, size_t node_count) {
    unsigned takes = scenario_action_takes(action->type);
    bool removes = action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE;
    bool single = scenario_action_is_operation(action->type) || removes;
    uint16_t one = (uint16_t)below(choice, node_count);
    uint16_t other = (uint16_t)below(choice, node_count);
    if (single) {
        action->nodes = scenario_nodes_of(1, &one);
    } else if ((takes & SCENARIO_NODES_NEEDED) != 0 || below(choice, 2) == 0) {
        action->nodes = some_nodes(choice, node_count, action->type == SCENARIO_JOIN ? 1 : 0);
    }
    if (removes || action->type == SCENARIO_DIFF || action->type == SCENARIO_RESOLVE) {
        action->to = scenario_nodes_of(1, &other);
    } else if ((takes & SCENARIO_TAKES_TO) != 0 && below(choice, 2) == 0) {
        action->to = some_nodes(choice, node_count, 0);
    }
}

static void fill_wait(struct choice *choice, struct scenario_action *action) {
    bool always = action->type == SCENARIO_AGREE || action->type == SCENARIO_STAGED_SET ||
                  action->type == SCENARIO_STAGED_DROP || action->type == SCENARIO_STAGED_ABORT;
    bool takes = (scenario_action_takes(action->type) & SCENARIO_TAKES_WAIT) != 0;
    action->waits = always || (takes && below(choice, 2) == 0);
    if (action->waits) {
        action->wait_ms = below(choice, 3) == 0 ? 0 : some_time(choice, 1800 * 1000);
        action->skip_dead = below(choice, 2) == 0;
    }
}

static void add_action(struct scenario *scenario, struct choice *choice,
                       enum scenario_action_type type) {
    unsigned takes = scenario_action_takes(type);
    struct scenario_action action = {.type = type,
                                     .at_ms = some_time(choice, SCENARIO_TIME_MS_MAX / 2)};
    fill_nodes(choice, &action, scenario->node_count);
    if ((takes & SCENARIO_TAKES_FOR) != 0 && below(choice, 2) == 0) {
        action.for_ms = some_time(choice, SCENARIO_TIME_MS_MAX / 2);
    }
    if ((takes & SCENARIO_TAKES_PERCENT) != 0) {
        action.percent = (unsigned)below(choice, 101);
    }
    if ((takes & SCENARIO_TAKES_SPAN) != 0) {
        action.span_ms = (int64_t)some_time(choice, SCENARIO_TIME_MS_MAX / 2);
        if (type == SCENARIO_CLOCK) {
            action.span_ms *= below(choice, 2) == 0 ? -1 : 9000;
        }
    }
    if ((takes & SCENARIO_TAKES_COUNT) != 0) {
        action.count = 1 + below(choice, 1000000000);
    }
    bool key_optional = type == SCENARIO_AGREE || type == SCENARIO_CHECK;
    if ((takes & SCENARIO_TAKES_KEY) != 0 && (!key_optional || below(choice, 2) == 0)) {
        fill_key(choice, &action, type == SCENARIO_CHECK);
    }
    fill_wait(choice, &action);
    if (type == SCENARIO_SET || type == SCENARIO_STAGED_SET) {
        action.body = some_body(choice, action.kind);
    } else if (type == SCENARIO_IMPORT) {
        action.body = some_import(choice);
    }
    scenario_add(scenario, &action);
}

static void add_load(struct scenario *scenario, struct choice *choice) {
    struct scenario_load *load = &scenario->loads[scenario->load_count++];
    uint64_t from_ms = below(choice, 100000);
    *load = (struct scenario_load){.from_ms = from_ms,
                                   .until_ms = from_ms + below(choice, 100000),
                                   .entities = 12,
                                   .drops_percent = 20,
                                   .imports_percent = 10,
                                   .body_size_bytes = below(choice, 2) * below(choice, 2000)};
    if (below(choice, 3) == 0) {
        load->entries = 1 + below(choice, 1000);
    } else if (below(choice, 3) == 0) {
        load->cycles = 1 + below(choice, 1000);
    } else {
        load->every_ms = some_time(choice, 100000) + 100;
        load->entities = 1 + (unsigned)below(choice, 100);
        load->drops_percent = (unsigned)below(choice, 101);
        load->imports_percent = (unsigned)below(choice, 101);
    }
    if (below(choice, 2) == 0) {
        load->writers = some_nodes(choice, scenario->node_count, 0);
    }
}

static void fill_head(struct scenario *scenario, struct choice *choice) {
    static const char *const seen[] = {"", "duplicate_id", "late_join", "dropped"};
    scenario->node_count = 2 + below(choice, below(choice, 4) == 0 ? SCENARIO_NODES_MAX - 1 : 9);
    scenario->seed = below(choice, UINT64_MAX);
    (void)snprintf(scenario->name, sizeof scenario->name, "%s", word(choice));
    (void)snprintf(scenario->report, sizeof scenario->report, "%s%s%s", word(choice), word(choice),
                   word(choice));
    scenario->interval_ms = 10 + below(choice, 3600000 - 9);
    scenario->quiet_intervals = below(choice, 100);
    scenario->real_store = below(choice, 2) == 0;
    uint64_t mode = below(choice, 3);
    scenario->sim_only = mode == 1;
    scenario->realtime_only = mode == 2;
    scenario->expect = (struct scenario_expectations){
        .entries = (int64_t)below(choice, 3) - 1,
        .conflicts = (int64_t)below(choice, 3) - 1,
        .intervals = (int64_t)below(choice, 3) - 1,
        .stale_roots_allowed = below(choice, 2) == 0,
    };
    (void)snprintf(scenario->expect.seen, sizeof scenario->expect.seen, "%s",
                   seen[below(choice, 4)]);
}

void scenario_kit_random(struct scenario *scenario, uint64_t seed) {
    struct choice choice;
    choice_seed(&choice, seed);
    scenario_init(scenario);
    fill_head(scenario, &choice);
    if (below(&choice, 2) == 0) {
        scenario->core = scenario_nodes_of(2, (const uint16_t[]){1, 0});
    }
    scenario->kept_count = below(&choice, 2) * below(&choice, 5);
    scenario->kept = calloc(scenario->kept_count + 1, sizeof *scenario->kept);
    assert(scenario->kept != NULL);
    for (size_t i = 0; i < scenario->kept_count; i++) {
        scenario->kept[i] = (struct scenario_kept){i * 100, i * 100 + 1 + below(&choice, 100)};
    }
    for (uint64_t i = below(&choice, 3); i > 0; i--) {
        add_load(scenario, &choice);
    }
    bool joined = false;
    for (uint64_t i = below(&choice, 60); i > 0; i--) {
        enum scenario_action_type type =
            (enum scenario_action_type)below(&choice, SCENARIO_ACTION_COUNT);
        if (type != SCENARIO_JOIN || !joined) {
            add_action(scenario, &choice, type);
        }
        joined = joined || type == SCENARIO_JOIN;
    }
    scenario_sort(scenario);
}
