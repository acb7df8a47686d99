/* generate_agree.c - draws what clients ask that takes more than one node: agreement, staged changes, resolutions, freshness.
 *
 * Staged changes have entities of their own (s0, s1, ...), so that what the checker says of them (check_staged.c) can be said of
 * most: now and then one is asked for by two at once, or written plainly in between. The same change is asked for again, at
 * the same node or at another, as somebody does whose first call ended without success.
 */
#include "test/sim/generate.h"

#include <stdio.h>

enum {
    FROM_MS = 3000,
    STAGED_ENTITIES = 3,
    LOAD_ENTITIES = 4, /* of those that the load writes most */
    AGAIN_MAX = 3,
    CYCLES_MIN = 5,
    CYCLES_SPAN = 40,
};

static const char *const bodies[] = {
    "{\"fields\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}}}",
    "{\"fields\":{\"a\":{\"type\":\"string\",\"required\":true},\"b\":{\"type\":\"integer\"}}}",
    "{\"fields\":{\"a\":{\"type\":\"integer\"}}}",
};
enum { BODIES = sizeof bodies / sizeof *bodies };

static uint64_t time_draw(struct drawing *drawing, const char *label) {
    return FROM_MS + generate__below(drawing, drawing->scenario->load_ms - FROM_MS, label);
}

/* From "what is known now" to longer than any fault. */
static uint64_t wait_draw(struct drawing *drawing) {
    static const uint64_t waits_ms[] = {3000, 0, 100, 1000, 8000, 60000};
    enum { WAITS = sizeof waits_ms / sizeof *waits_ms };
    return waits_ms[generate__below(drawing, WAITS, "waits for")];
}

/* An action at this node of this schema ("e3"; entity NULL: of none). */
static struct scenario_action action_at(struct drawing *drawing, enum scenario_action_type type,
                                        uint64_t at_ms, uint16_t index, char letter,
                                        uint64_t number) {
    char entity[24];
    struct scenario_action action = {
        .type = type, .at_ms = at_ms, .nodes = scenario_nodes_of(1, &index)};
    (void)drawing;
    if (letter != '\0') {
        (void)snprintf(entity, sizeof entity, "%c%llu", letter, (unsigned long long)number);
        action.kind = 1; /* CATALOG_SCHEMA */
        action.entity = scenario__text(entity);
    }
    return action;
}

static void wait_set(struct drawing *drawing, struct scenario_action *action) {
    action->waits = true;
    action->wait_ms = wait_draw(drawing);
    action->skip_dead = generate__below(drawing, 4, "skips the dead") == 3;
}

static void add_agreements(struct drawing *drawing) {
    for (uint64_t i = 4 + generate__below(drawing, 6, "agreements"); i > 0; i--) {
        uint64_t at_ms = time_draw(drawing, "agrees at");
        uint16_t index = generate__node(drawing, 0, at_ms, "who agrees");
        bool whole = generate__below(drawing, 2, "agrees on all") == 1;
        struct scenario_action action =
            action_at(drawing, SCENARIO_AGREE, at_ms, index, whole ? '\0' : 'e',
                      generate__below(drawing, LOAD_ENTITIES, "agrees on"));
        wait_set(drawing, &action);
        scenario_add(drawing->scenario, &action);
    }
    for (uint64_t i = 3 + generate__below(drawing, 4, "writes that wait"); i > 0; i--) {
        uint64_t at_ms = time_draw(drawing, "writes and waits at");
        uint16_t index = generate__node(drawing, 0, at_ms, "who writes and waits");
        bool drop = generate__below(drawing, 3, "drops and waits") == 2;
        struct scenario_action action =
            action_at(drawing, drop ? SCENARIO_DROP : SCENARIO_SET, at_ms, index, 'e',
                      generate__below(drawing, LOAD_ENTITIES, "writes and waits for"));
        if (!drop) {
            action.body = scenario__text(bodies[generate__below(drawing, BODIES, "body")]);
        }
        wait_set(drawing, &action);
        scenario_add(drawing->scenario, &action);
    }
}

/* One change of one entity: asked for, and asked for again by who did not see it end. */
static void add_staged_change(struct drawing *drawing) {
    static const enum scenario_action_type types[] = {SCENARIO_STAGED_SET, SCENARIO_STAGED_SET,
                                                      SCENARIO_STAGED_DROP, SCENARIO_STAGED_ABORT};
    uint64_t at_ms = time_draw(drawing, "stages at");
    uint64_t entity = generate__below(drawing, STAGED_ENTITIES, "staged entity");
    uint16_t index = generate__node(drawing, 0, at_ms, "who stages");
    enum scenario_action_type type = types[generate__below(drawing, 4, "stages what")];
    const char *body = bodies[generate__below(drawing, BODIES, "staged body")];
    bool plain = generate__below(drawing, 24, "plainly in between") == 23;
    for (uint64_t i = 1 + generate__below(drawing, AGAIN_MAX, "asked again"); i > 0; i--) {
        struct scenario_action action =
            action_at(drawing, plain ? SCENARIO_SET : type, at_ms, index, 's', entity);
        action.body = type == SCENARIO_STAGED_SET || plain ? scenario__text(body) : NULL;
        if (!plain) {
            wait_set(drawing, &action);
        }
        scenario_add(drawing->scenario, &action);
        at_ms += 100 + generate__below(drawing, 4000, "asked again after");
        if (at_ms >= drawing->scenario->load_ms) {
            return;
        }
        if (generate__below(drawing, 2, "asked elsewhere") == 1) {
            index = generate__node(drawing, 0, at_ms, "who goes on");
        }
    }
}

static void add_resolutions(struct drawing *drawing) {
    for (uint64_t i = 2 + generate__below(drawing, 4, "resolutions"); i > 0; i--) {
        uint64_t at_ms = time_draw(drawing, "resolves at");
        uint16_t index = generate__node(drawing, 0, at_ms, "who resolves");
        uint16_t of = (uint16_t)generate__below(drawing, drawing->eligible, "whose version");
        bool staged = generate__below(drawing, 3, "resolves what is staged") == 2;
        struct scenario_action action = action_at(
            drawing, SCENARIO_RESOLVE, at_ms, index, staged ? 's' : 'e',
            generate__below(drawing, staged ? STAGED_ENTITIES : LOAD_ENTITIES, "resolves"));
        action.to = scenario_nodes_of(1, &of);
        scenario_add(drawing->scenario, &action);
    }
}

static void add_checks(struct drawing *drawing) {
    for (uint64_t i = 6 + generate__below(drawing, 8, "checks"); i > 0; i--) {
        uint64_t at_ms = time_draw(drawing, "checks at");
        uint16_t index = generate__node(drawing, 0, at_ms, "who checks");
        struct scenario_action action =
            action_at(drawing, SCENARIO_CHECK, at_ms, index, 'e',
                      generate__below(drawing, LOAD_ENTITIES, "checks what"));
        action.span_ms = 100 + (int64_t)generate__below(drawing, 10000, "staleness");
        scenario_add(drawing->scenario, &action);
    }
}

/* Entries that come and go, each under a name of its own: all that is left of them in the end is what the horizon leaves. */
static void add_cycles(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    if (generate__below(drawing, 3, "cycles") != 2 || scenario->load_count == SCENARIO_LOADS_MAX) {
        return;
    }
    struct scenario_load *load = &scenario->loads[scenario->load_count++];
    *load = (struct scenario_load){.from_ms = FROM_MS, .until_ms = scenario->load_ms};
    load->cycles =
        CYCLES_MIN + (drawing->brief ? 0 : generate__below(drawing, CYCLES_SPAN, "cycles"));
}

void generate__agree(struct drawing *drawing) {
    add_agreements(drawing);
    for (uint64_t i = 3 + generate__below(drawing, 6, "staged changes"); i > 0; i--) {
        add_staged_change(drawing);
    }
    add_resolutions(drawing);
    add_checks(drawing);
    add_cycles(drawing);
}
