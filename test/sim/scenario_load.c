/* scenario_load.c - loads into actions: what clients write, drawn from the scenario's seed alone.
 *
 * The world of keys is small, so that writes collide: a few entities with three names each, a few bodies of each kind, among
 * them a foreign key. Some writes cannot succeed, and are meant to be tried: a constraint on an entity that is not there, a
 * drop of nothing, an import that begins a staged change of what has none.
 *
 * Each load draws from a source of its own, so that leaving one out (shrinking) changes nothing in the others.
 */
#include "test/sim/scenario_parts.h"

#include "catalog/catalog.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SEED_OF_LOADS UINT64_C(0x6c6f616473) /* "loads" */

enum {
    NAMES = 3,
    IMPORT_LINES_MAX = 4,
    STAGED_PERCENT = 12,    /* of the lines of imports */
    FIELD_SIZE_BYTES = 200, /* of one that makes a schema longer; its default is most of it */
};

/* The bodies without their opening brace, so that the head of an import's line fits before them. */
#define TWO_FIELDS "\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}"
#define FOREIGN_KEY                                                                                \
    "\"type\":\"foreign_key\",\"fields\":[\"b\"],"                                                 \
    "\"references\":{\"entity\":\"e0\",\"fields\":[\"b\"]},\"on_delete\":\"restrict\"}"
static const char *const schemas[] = {
    "\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\",\"required\":true}",
    TWO_FIELDS ",\"c\":{\"type\":\"number\",\"default\":1.5}",
    "\"a\":{\"type\":\"string\",\"required\":true},\"b\":{\"type\":\"integer\"}",
    TWO_FIELDS ",\"d\":{\"type\":\"any\"}",
};
static const char *const constraints[] = {
    "\"type\":\"unique\",\"fields\":[\"a\"]}",
    "\"type\":\"unique\",\"fields\":[\"a\",\"b\"]}",
    "\"type\":\"not_null\",\"fields\":[\"b\"]}",
    FOREIGN_KEY,
};
static const char *const indexes[] = {"\"fields\":[\"a\"]}", "\"fields\":[\"b\",\"a\"]}"};
enum {
    SCHEMAS = sizeof schemas / sizeof *schemas,
    CONSTRAINTS = sizeof constraints / sizeof *constraints,
    INDEXES = sizeof indexes / sizeof *indexes,
};

struct drawn_key {
    uint16_t kind;
    char entity[16], name[8]; /* name: empty of a schema */
};

/* One load being made into actions. */
struct making {
    struct scenario *scenario;
    const struct scenario_load *load;
    struct choice choice;
    /* What was set last, and where: most drops are of it there, so that there is something to drop. */
    struct drawn_key set_last;
    size_t set_place;
    bool set_any;
};

/* --- bodies ----------------------------------------------------------------------------------------------------------- */

/* A schema with as many fields as make it about `size_bytes` long; `mark` makes it another one. */
static void print_schema(FILE *text, const char *fields, uint64_t size_bytes, uint64_t mark) {
    fprintf(text, "\"fields\":{%s", fields);
    for (uint64_t i = 0; i < size_bytes / FIELD_SIZE_BYTES; i++) {
        fprintf(text, ",\"f%04" PRIu64 "\":{\"type\":\"string\",\"default\":\"%0*" PRIu64 "\"}", i,
                FIELD_SIZE_BYTES - 40, mark);
    }
    fputs("}}", text);
}

static void print_body(struct making *making, uint16_t kind, FILE *text) {
    struct choice *choice = &making->choice;
    switch (kind) {
    case CATALOG_SCHEMA: {
        /* One after the other: compilers differ in the order in which they evaluate arguments. */
        uint64_t padding = choice_below(choice, 10, "padding");
        const char *schema = schemas[choice_below(choice, SCHEMAS, "schema")];
        print_schema(text, schema, making->load->body_size_bytes, padding);
        break;
    }
    case CATALOG_CONSTRAINT:
        fputs(constraints[choice_below(choice, CONSTRAINTS, "constraint")], text);
        break;
    default:
        fputs(indexes[choice_below(choice, INDEXES, "index")], text);
        break;
    }
}

/* A text that grows; text_end() gives it away. */
struct growing {
    char *bytes;
    size_t size_bytes;
    FILE *file;
};

static void text_begin(struct growing *text) {
    text->file = open_memstream(&text->bytes, &text->size_bytes);
    assert(text->file != NULL);
}

static char *text_end(struct growing *text) {
    int closed = fclose(text->file);
    assert(closed == 0 && text->size_bytes <= SCENARIO_TEXT_SIZE_MAX);
    return text->bytes;
}

/* --- keys ------------------------------------------------------------------------------------------------------------- */

static struct drawn_key draw_key(struct making *making) {
    static const uint16_t kinds[] = {CATALOG_SCHEMA, CATALOG_SCHEMA, CATALOG_CONSTRAINT,
                                     CATALOG_INDEX};
    struct drawn_key key = {.kind = kinds[choice_below(&making->choice, 4, "kind")]};
    (void)snprintf(key.entity, sizeof key.entity, "e%u",
                   (unsigned)choice_below(&making->choice, making->load->entities, "entity"));
    unsigned name = (unsigned)choice_below(&making->choice, NAMES, "name");
    if (key.kind != CATALOG_SCHEMA) {
        (void)snprintf(key.name, sizeof key.name, "n%u", name);
    }
    return key;
}

static void print_import_line(struct making *making, FILE *text) {
    struct drawn_key key = draw_key(making);
    fprintf(text, "{\"kind\":\"%s\",\"entity\":\"%s\",", catalog_kind_name(key.kind), key.entity);
    if (key.name[0] != '\0') {
        fprintf(text, "\"name\":\"%s\",", key.name);
    }
    if (choice_percent(&making->choice, STAGED_PERCENT, "staged")) {
        bool drop = choice_below(&making->choice, 2, "staged drop") == 1;
        fprintf(text, "\"state\":\"%s\",", drop ? "pending_drop" : "pending_add");
    }
    print_body(making, key.kind, text);
    fputc('\n', text);
}

/* --- actions ---------------------------------------------------------------------------------------------------------- */

static void add(struct making *making, struct scenario_action action, uint16_t writer,
                uint64_t at_ms) {
    action.at_ms = at_ms;
    action.line = making->load->line;
    action.nodes = scenario_nodes_of(1, &writer);
    scenario_add(making->scenario, &action);
}

static size_t writer_count(const struct making *making) {
    size_t named = making->load->writers.count;
    return named > 0 ? named : making->scenario->node_count;
}

static uint16_t writer_at(const struct making *making, size_t place) {
    const struct scenario_nodes *writers = &making->load->writers;
    return writers->count > 0 ? writers->indexes[place] : (uint16_t)place;
}

static struct scenario_action make_import(struct making *making) {
    struct growing text;
    text_begin(&text);
    uint64_t most =
        making->load->body_size_bytes > SCENARIO_TEXT_SIZE_MAX / 8 ? 2 : IMPORT_LINES_MAX;
    uint64_t lines = 1 + choice_below(&making->choice, most, "lines");
    for (uint64_t i = 0; i < lines; i++) {
        print_import_line(making, text.file);
    }
    return (struct scenario_action){.type = SCENARIO_IMPORT, .body = text_end(&text)};
}

static struct scenario_action make_set(struct making *making, const struct drawn_key *key) {
    struct growing text;
    text_begin(&text);
    fputc('{', text.file);
    print_body(making, key->kind, text.file);
    return (struct scenario_action){.type = SCENARIO_SET, .body = text_end(&text)};
}

static struct scenario_action make_write(struct making *making, size_t *place) {
    if (choice_percent(&making->choice, making->load->imports_percent, "import")) {
        return make_import(making);
    }
    bool drop = choice_percent(&making->choice, making->load->drops_percent, "drop");
    struct drawn_key key = draw_key(making);
    if (drop && making->set_any && choice_below(&making->choice, 4, "drop the last") > 0) {
        key = making->set_last;
        *place = making->set_place;
    } else if (!drop) {
        making->set_last = key;
        making->set_place = *place;
        making->set_any = true;
    }
    struct scenario_action action =
        drop ? (struct scenario_action){.type = SCENARIO_DROP} : make_set(making, &key);
    action.kind = key.kind;
    action.entity = scenario__text(key.entity);
    action.name = key.name[0] == '\0' ? NULL : scenario__text(key.name);
    return action;
}

static void expand_paced(struct making *making) {
    const struct scenario_load *load = making->load;
    assert(load->every_ms > 0 && load->entities > 0);
    uint64_t at_ms = load->from_ms;
    while (at_ms <= load->until_ms && making->scenario->action_count < SCENARIO_ACTIONS_MAX) {
        size_t place = choice_below(&making->choice, writer_count(making), "writer");
        struct scenario_action action = make_write(making, &place);
        add(making, action, writer_at(making, place), at_ms);
        /* choice_delay() gives 11/15 of its mean on average. */
        at_ms += 1 + choice_delay(&making->choice, load->every_ms * 15 / 11, "pause");
    }
}

/* So many different schemas, evenly over the time and the writers. */
static void expand_entries(struct making *making) {
    const struct scenario_load *load = making->load;
    for (uint64_t i = 0; i < load->entries; i++) {
        if (making->scenario->action_count == SCENARIO_ACTIONS_MAX) {
            return;
        }
        struct growing text;
        text_begin(&text);
        fputc('{', text.file);
        print_schema(text.file, schemas[i % SCHEMAS], load->body_size_bytes, i);
        char entity[24];
        (void)snprintf(entity, sizeof entity, "e%" PRIu64, i);
        add(making,
            (struct scenario_action){.type = SCENARIO_SET,
                                     .kind = CATALOG_SCHEMA,
                                     .entity = scenario__text(entity),
                                     .body = text_end(&text)},
            writer_at(making, i % writer_count(making)),
            load->from_ms + (load->until_ms - load->from_ms) * i / load->entries);
    }
}

/* So many schemas, evenly over the time and the writers, each dropped again half a turn later where it was set. */
static void expand_cycles(struct making *making) {
    const struct scenario_load *load = making->load;
    uint64_t span_ms = load->until_ms - load->from_ms;
    for (uint64_t i = 0; i < 2 * load->cycles; i++) {
        if (making->scenario->action_count == SCENARIO_ACTIONS_MAX) {
            return;
        }
        struct scenario_action action = {.type = i % 2 == 0 ? SCENARIO_SET : SCENARIO_DROP,
                                         .kind = CATALOG_SCHEMA};
        char entity[24];
        (void)snprintf(entity, sizeof entity, "c%" PRIu64, i / 2);
        action.entity = scenario__text(entity);
        if (i % 2 == 0) {
            struct growing text;
            text_begin(&text);
            fputc('{', text.file);
            print_schema(text.file, schemas[i / 2 % SCHEMAS], load->body_size_bytes, i);
            action.body = text_end(&text);
        }
        add(making, action, writer_at(making, i / 2 % writer_count(making)),
            load->from_ms + span_ms * i / (2 * load->cycles));
    }
}

void scenario_expand(struct scenario *scenario) {
    assert(scenario->node_count > 0);
    size_t count = scenario->load_count;
    for (size_t i = 0; i < count; i++) {
        struct making making = {.scenario = scenario, .load = &scenario->loads[i]};
        choice_seed(&making.choice, scenario->seed + SEED_OF_LOADS * (i + 1));
        if (scenario->loads[i].entries > 0) {
            expand_entries(&making);
        } else if (scenario->loads[i].cycles > 0) {
            expand_cycles(&making);
        } else {
            expand_paced(&making);
        }
    }
    if (scenario->load_ms == 0) {
        scenario_sort(scenario); /* the end of the load, while it is known */
    }
    for (size_t i = 0; i < count; i++) {
        free(scenario->loads[i].writers.indexes);
        scenario->loads[i] = (struct scenario_load){0};
    }
    scenario->load_count = 0;
    scenario_sort(scenario);
}
