/* real_book.c - notes what nodes show and acknowledge, and checks on the way that nothing goes back (real_book.h). */
#include "bin/chaos/real_book.h"

#include "bin/chaos/real.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int real_version_compare(const struct real_version *a, const struct real_version *b) {
    if (a->clock != b->clock)
        return a->clock < b->clock ? -1 : 1;
    return catalog_id_compare(&a->origin, &b->origin);
}

void real_tally(struct real_tally *tally, bool holds, const char *format, ...) {
    tally->evaluations++;
    if (holds || tally->violated)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(tally->message, sizeof tally->message, format, arguments);
    va_end(arguments);
    tally->violated = true;
}

void real_book_open(struct real_book *book, size_t node_count) {
    assert(node_count <= REAL_BOOK_NODES_MAX);
    *book = (struct real_book){.node_count = node_count};
}

void real_book_close(struct real_book *book) {
    for (size_t i = 0; i < book->key_count; i++) {
        free(book->keys[i]->entity);
        free(book->keys[i]->name);
        free(book->keys[i]);
    }
    free(book->keys);
    free(book->places);
    free(book->writes);
    *book = (struct real_book){.node_count = 0};
}

uint64_t real_book_moment(struct real_book *book) {
    return ++book->moment;
}

void real_book_lineage_ends(struct real_book *book, size_t node) {
    assert(node < book->node_count);
    book->lineages[node]++;
    book->clock_highest[node] = 0;
    book->clock_moment[node] = 0;
    for (size_t i = 0; i < book->key_count; i++)
        book->keys[i]->shown[node] = (struct real_shown){.known = false};
    for (size_t i = 0; i < book->write_count; i++)
        book->writes[i].held &= ~(UINT64_C(1) << node);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static uint64_t key_hash(uint16_t kind, const char *entity, const char *name) {
    struct catalog_key key = {
        .kind = kind, .entity = {entity, strlen(entity)}, .name = {name, strlen(name)}};
    return catalog_key_slot(&key);
}

/* The place of this key, or the free one where it belongs. */
static size_t *place_of(struct real_book *book, uint16_t kind, const char *entity,
                        const char *name) {
    size_t at = (size_t)key_hash(kind, entity, name) & (book->place_count - 1);
    for (;; at = (at + 1) & (book->place_count - 1)) {
        if (book->places[at] == 0)
            return &book->places[at];
        const struct real_key *key = book->keys[book->places[at] - 1];
        if (key->kind == kind && strcmp(key->entity, entity) == 0 && strcmp(key->name, name) == 0)
            return &book->places[at];
    }
}

static void places_grow(struct real_book *book) {
    if (book->key_count * 2 < book->place_count)
        return;
    free(book->places);
    book->place_count = book->place_count == 0 ? 256 : book->place_count * 2;
    book->places = real_allocate(book->place_count * sizeof *book->places);
    for (size_t i = 0; i < book->key_count; i++) {
        const struct real_key *key = book->keys[i];
        *place_of(book, key->kind, key->entity, key->name) = i + 1;
    }
}

size_t real_book_key(struct real_book *book, uint16_t kind, const char *entity, const char *name) {
    places_grow(book);
    size_t *place = place_of(book, kind, entity, name);
    if (*place != 0)
        return *place - 1;
    struct real_key *key = real_allocate(sizeof *key);
    key->kind = kind;
    key->entity = real_text(entity);
    key->name = real_text(name);
    book->keys =
        real_grow(book->keys, book->key_count, &book->key_capacity, sizeof(struct real_key *));
    book->keys[book->key_count++] = key;
    *place = book->key_count;
    return book->key_count - 1;
}

void real_book_key_print(const struct real_book *book, size_t key, char *text, size_t size_bytes) {
    const struct real_key *at = book->keys[key];
    const char *kind = catalog_kind_name(at->kind);
    (void)snprintf(text, size_bytes, "%s/%s%s%s", kind == NULL ? "other" : kind, at->entity,
                   at->name[0] != '\0' ? "/" : "", at->name);
}

/* --- what nodes show --------------------------------------------------------------------------------------------- */

static const char *key_text(const struct real_book *book, size_t key) {
    static char text[280];
    real_book_key_print(book, key, text, sizeof text);
    return text;
}

static void clock_check(struct real_book *book, size_t node, catalog_clock clock) {
    real_tally(&book->clocks, clock <= CATALOG_CLOCK_MAX, "n%zu shows a clock past the year 2200",
               node + 1);
    if (clock > book->clock_highest[node]) {
        book->clock_highest[node] = clock;
        book->clock_moment[node] = ++book->moment;
    }
}

/* The node shows this version: not below what it has shown before the question, and not what was gone. */
static void show(struct real_book *book, size_t node, size_t key_index,
                 const struct real_version *version, uint64_t moment) {
    struct real_shown *shown = &book->keys[key_index]->shown[node];
    clock_check(book, node, version->clock);
    if (shown->known && shown->moment < moment) {
        bool falls = real_version_compare(version, &shown->highest) < 0;
        bool back = shown->gone.clock != 0 && real_version_compare(version, &shown->gone) <= 0;
        real_tally(&book->never_back, !falls && !back, "n%zu shows %s at clock %016llx, %s %016llx",
                   node + 1, key_text(book, key_index), (unsigned long long)version->clock,
                   back ? "though it was dropped above" : "after",
                   (unsigned long long)(back ? shown->gone.clock : shown->highest.clock));
    }
    if (real_version_compare(version, &shown->highest) > 0)
        shown->highest = *version;
    /* Of two answers that crossed the newer one tells more. */
    if (shown->moment < moment || real_version_compare(version, &shown->now) > 0)
        shown->now = *version;
    shown->known = true;
    shown->moment = ++book->moment;
}

static void show_absent(struct real_book *book, struct real_shown *shown) {
    if (shown->now.clock != 0 && real_version_compare(&shown->now, &shown->gone) > 0)
        shown->gone = shown->now;
    shown->now = (struct real_version){.clock = 0};
    shown->known = true;
    shown->moment = ++book->moment;
}

void real_book_list_begin(struct real_book *book) {
    book->scan++;
}

void real_book_list_entry(struct real_book *book, size_t node, size_t key,
                          const struct real_version *version, uint64_t moment) {
    show(book, node, key, version, moment);
    book->keys[key]->shown[node].scan = book->scan;
}

/* Seen to have it: for a drop only if the node had what was dropped, as a node that never had it shows the same. */
static bool holds(const struct real_book *book, const struct real_write *write, size_t node) {
    const struct real_shown *shown = &book->keys[write->key]->shown[node];
    if (!shown->known)
        return false;
    if (write->type == REAL_WRITE_DROP)
        return shown->highest.clock != 0 && real_book_satisfied(book, write, node);
    return shown->now.clock != 0 && real_version_compare(&shown->now, &write->version) >= 0;
}

void real_book_list_end(struct real_book *book, size_t node, uint16_t kind, uint64_t moment) {
    for (size_t i = 0; i < book->key_count; i++) {
        struct real_shown *shown = &book->keys[i]->shown[node];
        if (book->keys[i]->kind == kind && shown->scan != book->scan && shown->moment < moment)
            show_absent(book, shown);
    }
    for (size_t i = 0; i < book->write_count; i++) {
        struct real_write *write = &book->writes[i];
        if (write->acknowledged && book->keys[write->key]->kind == kind && holds(book, write, node))
            write->held |= UINT64_C(1) << node;
    }
}

/* --- what nodes acknowledge -------------------------------------------------------------------------------------- */

static struct real_write *write_add(struct real_book *book, const struct real_asked *asked,
                                    enum real_write_type type, size_t key) {
    assert(asked->node < book->node_count && key < book->key_count);
    book->writes =
        real_grow(book->writes, book->write_count, &book->write_capacity, sizeof *book->writes);
    struct real_write *write = &book->writes[book->write_count++];
    *write = (struct real_write){
        .type = type,
        .key = key,
        .node = asked->node,
        .acknowledged = true,
        .at_ms = asked->run_ms,
        .held = UINT64_C(1) << asked->node,
    };
    return write;
}

/* A new version is not below the wall clock of the node. */
static catalog_clock clock_min(const struct real_book *book, const struct real_asked *asked) {
    return book->clocks_moved || asked->wall_asked_ms == 0 ? 0 : (asked->wall_asked_ms - 1) << 16;
}

/* And it is at most one count above the highest that the node has heard, which is of some wall clock. */
static catalog_clock clock_max(const struct real_book *book, const struct real_asked *asked) {
    return book->clocks_moved ? CATALOG_CLOCK_MAX : (asked->wall_answered_ms + 2) << 16;
}

void real_book_set(struct real_book *book, const struct real_asked *asked, size_t key,
                   const struct real_version *version, bool created) {
    if (created && book->clock_moment[asked->node] < asked->moment)
        real_tally(&book->clocks, version->clock > book->clock_highest[asked->node],
                   "n%zu stamps %s with clock %016llx, and had shown %016llx before",
                   asked->node + 1, key_text(book, key), (unsigned long long)version->clock,
                   (unsigned long long)book->clock_highest[asked->node]);
    write_add(book, asked, REAL_WRITE_SET, key)->version = *version;
    show(book, asked->node, key, version, asked->moment);
}

void real_book_import(struct real_book *book, const struct real_asked *asked, size_t key,
                      bool all_new) {
    write_add(book, asked, REAL_WRITE_IMPORT, key)->version =
        (struct real_version){.clock = all_new ? clock_min(book, asked) : 1};
}

void real_book_drop(struct real_book *book, const struct real_asked *asked, size_t key,
                    const struct real_version *before) {
    struct real_version below = {.clock = clock_min(book, asked)};
    struct real_shown *shown = &book->keys[key]->shown[asked->node];
    if (before != NULL && real_version_compare(before, &below) > 0)
        below = *before;
    if (book->keys[key]->drop_clock_max < clock_max(book, asked))
        book->keys[key]->drop_clock_max = clock_max(book, asked);
    write_add(book, asked, REAL_WRITE_DROP, key)->version = below;
    if (real_version_compare(&below, &shown->gone) > 0)
        shown->gone = below;
    if (shown->moment < asked->moment) {
        shown->now = (struct real_version){.clock = 0};
        shown->known = true;
        shown->moment = ++book->moment;
    }
}

void real_book_perhaps_drop(struct real_book *book, size_t key) {
    book->keys[key]->drop_clock_max = CATALOG_CLOCK_MAX;
}
