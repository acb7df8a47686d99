/* scenario_parse_action.c - one action of a scenario file: its arguments against what its type takes and needs. */
#include "test/sim/scenario_parts.h"

#include "catalog/catalog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_SPAN_MS_DEFAULT = 2000, WAIT_MS_DEFAULT = 5000, WAIT_MS_MAX = 3600 * 1000 };

static bool type_find(const char *name, enum scenario_action_type *type) {
    for (unsigned i = 0; i < SCENARIO_ACTION_COUNT; i++) {
        if (strcmp(scenario_action_name((enum scenario_action_type)i), name) == 0) {
            *type = (enum scenario_action_type)i;
            return true;
        }
    }
    return false;
}

/* What the type must be given, of what it takes; all else has a default. */
static unsigned needed(enum scenario_action_type type) {
    unsigned takes = scenario_action_takes(type);
    unsigned need = takes & (SCENARIO_TAKES_PERCENT | SCENARIO_TAKES_SPAN | SCENARIO_TAKES_KEY |
                             SCENARIO_TAKES_BODY);
    need |= (takes & SCENARIO_NODES_NEEDED) != 0 ? SCENARIO_TAKES_NODES : 0U;
    switch (type) {
    case SCENARIO_AGREE:
    case SCENARIO_CHECK:
        return need & ~(unsigned)SCENARIO_TAKES_KEY;
    case SCENARIO_REPEAT:
        return need & ~(unsigned)SCENARIO_TAKES_SPAN;
    case SCENARIO_SLOW_LINK:
        return need | SCENARIO_TAKES_COUNT;
    case SCENARIO_REMOVE:
    case SCENARIO_REMOVE_LIVE:
    case SCENARIO_DIFF:
    case SCENARIO_RESOLVE:
        return need | SCENARIO_TAKES_TO;
    default:
        return need;
    }
}

static bool check_arguments(struct scenario_reading *reading, enum scenario_action_type type) {
    static const struct {
        const char *key;
        unsigned flag;
    } arguments[] = {
        {"nodes", SCENARIO_TAKES_NODES}, {"to", SCENARIO_TAKES_TO},
        {"for", SCENARIO_TAKES_FOR},     {"percent", SCENARIO_TAKES_PERCENT},
        {"span", SCENARIO_TAKES_SPAN},   {"count", SCENARIO_TAKES_COUNT},
        {"key", SCENARIO_TAKES_KEY},     {"body", SCENARIO_TAKES_BODY},
        {"wait", SCENARIO_TAKES_WAIT},   {"skip_dead", SCENARIO_TAKES_WAIT},
    };
    unsigned takes = scenario_action_takes(type);
    unsigned needs = needed(type);
    const char *name = scenario_action_name(type);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        const char *key = arguments[i].key;
        if (scenario__value(reading, key) != NULL && (takes & arguments[i].flag) == 0) {
            return scenario__refuse(reading, key, "%s takes no '%s'", name, key);
        }
        if ((needs & arguments[i].flag) != 0 && !scenario__need(reading, name, key)) {
            return false;
        }
    }
    return true;
}

/* --- single arguments ------------------------------------------------------------------------------------------------- */

static bool take_span(struct scenario_reading *reading, struct scenario_action *action) {
    bool clock = action->type == SCENARIO_CLOCK;
    bool negative = false;
    uint64_t span_ms =
        action->type == SCENARIO_REPEAT ? (uint64_t)REPEAT_SPAN_MS_DEFAULT : (uint64_t)0;
    uint64_t max_ms = clock ? SCENARIO__CLOCK_SPAN_MS_MAX : (uint64_t)SCENARIO_TIME_MS_MAX;
    if (!scenario__take_time(reading, "span", 1, max_ms, &span_ms, clock ? &negative : NULL)) {
        return false;
    }
    action->span_ms = negative ? -(int64_t)span_ms : (int64_t)span_ms;
    return true;
}

static bool take_times(struct scenario_reading *reading, struct scenario_action *action) {
    uint64_t load_ms = reading->scenario->load_ms;
    if (!scenario__take_time(reading, "at", 0, SCENARIO_TIME_MS_MAX, &action->at_ms, NULL) ||
        !scenario__take_time(reading, "for", 1, SCENARIO_TIME_MS_MAX, &action->for_ms, NULL)) {
        return false;
    }
    if (action->at_ms + action->for_ms > SCENARIO_TIME_MS_MAX) {
        return scenario__refuse(reading, "for", "%s lasts beyond 24h",
                                scenario_action_name(action->type));
    }
    return load_ms == 0 || action->at_ms <= load_ms ||
           scenario__refuse(reading, "at", "%s begins after 'load_ends'",
                            scenario_action_name(action->type));
}

static uint16_t kind_find(const char *name, size_t size_bytes) {
    for (uint16_t kind = CATALOG_SCHEMA; kind <= CATALOG_INDEX; kind++) {
        const char *known = catalog_kind_name(kind);
        if (strlen(known) == size_bytes && memcmp(known, name, size_bytes) == 0) {
            return kind;
        }
    }
    return 0;
}

static bool take_key(struct scenario_reading *reading, struct scenario_action *action) {
    const char *text = scenario__value(reading, "key");
    if (text == NULL) {
        return true;
    }
    const char *entity = strchr(text, '/');
    const char *name = entity == NULL ? NULL : strchr(entity + 1, '/');
    action->kind = entity == NULL ? 0 : kind_find(text, (size_t)(entity - text));
    if (action->kind != 0) {
        const char *end = name == NULL ? strchr(entity, '\0') : name;
        action->entity = strndup(entity + 1, (size_t)(end - entity) - 1);
        action->name = name == NULL ? NULL : scenario__text(name + 1);
    }
    struct catalog_key key = {
        .kind = action->kind,
        .entity = {action->entity, action->entity == NULL ? 0 : strlen(action->entity)},
        .name = {action->name == NULL ? "" : action->name,
                 action->name == NULL ? 0 : strlen(action->name)},
    };
    if (action->kind == 0 || catalog_key_check(&key) != 0 ||
        (action->name != NULL && action->name[0] == '\0')) {
        return scenario__refuse(reading, "key",
                                "'key' must be schema/ENTITY, constraint/ENTITY/NAME or "
                                "index/ENTITY/NAME, not '%.60s'",
                                text);
    }
    return true;
}

/* --- bodies ----------------------------------------------------------------------------------------------------------- */

static bool check_set(struct scenario_reading *reading, const struct scenario_action *action) {
    struct catalog_problem problem = {0};
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    int result = catalog_body_parse(action->kind, action->body, strlen(action->body), false, &body,
                                    &problem);
    merkle_buffer_close(&body);
    return result == 0 ||
           scenario__refuse(reading, "body", "'body': %.200s",
                            problem.message[0] == '\0' ? catalog_error_message(result)
                                                       : problem.message);
}

static bool check_import(struct scenario_reading *reading, const struct scenario_action *action) {
    struct catalog_import *import = NULL;
    int result =
        catalog_import_parse(&merkle_allocator_libc, action->body, strlen(action->body), &import);
    bool fine = result == 0 && import->problem_count == 0 && import->write_count > 0;
    if (result != 0) {
        scenario__refuse(reading, "body", "'body': %s", catalog_error_message(result));
    } else if (import->problem_count > 0) {
        scenario__refuse(reading, "body", "'body': line %u of it: %.200s", import->problems[0].line,
                         import->problems[0].message);
    } else if (!fine) {
        scenario__refuse(reading, "body", "'body' imports nothing");
    }
    catalog_import_free(import);
    return fine;
}

static bool take_body(struct scenario_reading *reading, struct scenario_action *action) {
    const char *text = scenario__value(reading, "body");
    if (text == NULL) {
        return true;
    }
    if (strlen(text) > SCENARIO_TEXT_SIZE_MAX) {
        return scenario__refuse(reading, "body", "'body' is longer than %d bytes",
                                SCENARIO_TEXT_SIZE_MAX);
    }
    action->body = scenario__text(text);
    return action->type == SCENARIO_IMPORT ? check_import(reading, action)
                                           : check_set(reading, action);
}

/* --- the action ------------------------------------------------------------------------------------------------------- */

/* A client speaks with one node, and about one: those behind it would be passed over in silence. */
static bool check_nodes(struct scenario_reading *reading, const struct scenario_action *action) {
    bool removes = action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE;
    bool one_node = scenario_action_is_operation(action->type) || removes;
    bool one_to = action->type == SCENARIO_DIFF || action->type == SCENARIO_RESOLVE || removes;
    const char *name = scenario_action_name(action->type);
    if (one_node && action->nodes.count > 1) {
        return scenario__refuse(reading, "nodes", "%s is asked of one node", name);
    }
    if (one_to && action->to.count > 1) {
        return scenario__refuse(reading, "to", "%s is about one node", name);
    }
    if (action->type == SCENARIO_JOIN && scenario_nodes_hold(&action->nodes, 0)) {
        return scenario__refuse(reading, "nodes", "n1 founds the cluster, so it cannot join later");
    }
    if (action->type == SCENARIO_CHECK && action->kind > CATALOG_SCHEMA) {
        return scenario__refuse(reading, "key", "a record is checked against a schema");
    }
    return true;
}

/* How long it waits for agreement; `skip_dead` without it would mean nothing. */
static bool take_wait(struct scenario_reading *reading, struct scenario_action *action) {
    bool always = action->type == SCENARIO_AGREE ||
                  (action->type >= SCENARIO_STAGED_SET && action->type <= SCENARIO_STAGED_ABORT);
    action->waits = always || scenario__value(reading, "wait") != NULL;
    action->wait_ms = action->waits ? WAIT_MS_DEFAULT : 0;
    if (scenario__value(reading, "skip_dead") != NULL && !action->waits) {
        return scenario__refuse(reading, "skip_dead", "'skip_dead' goes with a 'wait'");
    }
    return scenario__take_word(reading, "skip_dead", "yes", "no", &action->skip_dead) &&
           scenario__take_time(reading, "wait", 0, WAIT_MS_MAX, &action->wait_ms, NULL);
}

static bool take_arguments(struct scenario_reading *reading, struct scenario_action *action) {
    unsigned takes = scenario_action_takes(action->type);
    uint64_t percent = 0;
    action->count = (takes & SCENARIO_TAKES_COUNT) != 0 ? 1 : 0;
    bool taken =
        take_times(reading, action) && scenario__take_nodes(reading, "nodes", &action->nodes) &&
        scenario__take_nodes(reading, "to", &action->to) &&
        scenario__take_number(reading, "percent", 0, 100, &percent) && take_span(reading, action) &&
        scenario__take_number(reading, "count", 1, SCENARIO__COUNT_MAX, &action->count) &&
        take_key(reading, action) && take_body(reading, action) && take_wait(reading, action) &&
        check_nodes(reading, action);
    action->percent = (unsigned)percent;
    return taken;
}

bool scenario__action_take(struct scenario_reading *reading) {
    struct scenario_action action = {.line = scenario__line_of(reading, "")};
    if (!scenario__need(reading, "an action", "do") ||
        !scenario__need(reading, "an action", "at")) {
        return false;
    }
    const char *type = scenario__value(reading, "do");
    if (!type_find(type, &action.type)) {
        return scenario__refuse(reading, "do", "there is no action '%.40s'", type);
    }
    if (!check_arguments(reading, action.type)) {
        return false;
    }
    if (!take_arguments(reading, &action)) {
        scenario__action_close(&action);
        return false;
    }
    scenario_add(reading->scenario, &action);
    return true;
}
