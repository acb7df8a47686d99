/* real_check.c - the promises as they can be seen from outside: their table, and what the end of a run adds to it.
 *
 * Much is checked on the way: S1, S14 by real_watch.c, S2, S3, S12 by real_book.c, S15 by command_run.c. Here is what
 * needs the nodes at rest. The last thing done is SIGTERM, so S15 comes after all others.
 */
#include "bin/chaos/real_run.h"

#include "test/sim/content.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *id, *statement;
    void (*look)(struct real_run *run);
};

static const struct row rows[REAL_CHECK_COUNT] = {
#define X(id, statement, look) [REAL_##id] = {#id, statement, look},
    REAL_CHECKS(X)
#undef X
};

const char *real_check_name(enum real_check_id id) {
    return rows[id].id;
}

const char *real_check_statement(enum real_check_id id) {
    return rows[id].statement;
}

void real_checks_end(struct real_run *run) {
    for (enum real_check_id id = 0; id < REAL_CHECK_COUNT; id++) {
        if (rows[id].look != NULL && id != REAL_S15)
            rows[id].look(run);
    }
    rows[REAL_S15].look(run);
}

bool real_is_required(const struct real_run *run, size_t node) {
    return (run->required >> node & 1) != 0;
}

/* --- S1 ---------------------------------------------------------------------------------------------------------- */

struct shown {
    bool known;
    struct merkle_digest root, content;
};

static bool root_of(struct real_run *run, size_t node, char root[33]) {
    char *text = real_ask(run, node, "/v1/digest");
    const char *at = text == NULL ? NULL : strstr(text, "\"root\":\"");
    bool found = at != NULL && strlen(at + 8) >= 32;
    if (found) {
        memcpy(root, at + 8, 32);
        root[32] = '\0';
    }
    free(text);
    return found;
}

/* The export of a node and the root that it had before and after. At rest, tombstones may leave in between: then again. */
static void look_at(struct real_run *run, size_t node, struct shown *shown) {
    enum { TRIES = 5 };
    for (int i = 0; i < TRIES && !shown->known; i++) {
        char before[33], after[33];
        struct catalog_id id;
        bool known = root_of(run, node, before);
        char *text = real_ask(run, node, "/v1/export");
        known = known && text != NULL && root_of(run, node, after) && strcmp(before, after) == 0 &&
                catalog_id_parse(before, 32, &id);
        if (known) {
            shown->known = true;
            memcpy(shown->root.bytes, id.bytes, sizeof id.bytes);
            content_digest(text, strlen(text), &shown->content);
            content_root(text, strlen(text), run->content_root);
        }
        free(text);
    }
}

/* Equal roots, equal exports; and if all exports are equal at the end, all roots are. */
void real_check_roots(struct real_run *run) {
    struct shown *shown = real_allocate(run->book.node_count * sizeof *shown);
    const struct shown *first = NULL;
    bool one_content = true;
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (!real_watch_is_up(run, i))
            continue;
        look_at(run, i, &shown[i]);
        if (!shown[i].known)
            continue;
        real_watch_root(run, i, &shown[i].root, &shown[i].content);
        if (!real_is_required(run, i))
            continue;
        one_content = one_content &&
                      (first == NULL || merkle_digest_equal(&first->content, &shown[i].content));
        first = first == NULL ? &shown[i] : first;
    }
    for (size_t i = 0; first != NULL && one_content && i < run->book.node_count; i++) {
        if (real_is_required(run, i) && shown[i].known && run->equal_ms != 0)
            real_tally(&run->tallies[REAL_S1], merkle_digest_equal(&shown[i].root, &first->root),
                       "at rest all exports are equal and the root of n%zu is another", i + 1);
    }
    if (!one_content || first == NULL)
        run->content_root[0] = '\0';
    free(shown);
}

/* --- S2, S3, S12 ------------------------------------------------------------------------------------------------- */

static void look_at_lists(struct real_run *run, size_t node) {
    for (uint16_t kind = CATALOG_SCHEMA; kind <= CATALOG_INDEX; kind++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/v1/%s", real_list_names[kind]);
        uint64_t moment = real_book_moment(&run->book);
        char *text = real_ask(run, node, path);
        if (text != NULL)
            real_lists_take(run, node, kind, text, moment);
        free(text);
    }
}

void real_check_book(struct real_run *run) {
    uint64_t answered = 0;
    for (size_t i = 0; i < run->book.node_count; i++) {
        if (!real_is_required(run, i) || !real_watch_is_up(run, i))
            continue;
        look_at_lists(run, i);
        answered |= UINT64_C(1) << i;
    }
    /* Of nodes that are not equal in time it is not known what they will have. */
    if (run->equal_ms != 0 || run->scenario.expect.stale_roots_allowed)
        real_book_end(&run->book, answered, run->scenario.expect.stale_roots_allowed);
    real_book_settle(&run->book, answered, real_now(run));
}
