/* watch.c - the ring of changes, and the place of each watcher in it.
 *
 * Changes are numbered from 1 at each start of the daemon; the id of an event is "ORIGIN-NUMBER", so that an id of another
 * start is known for one. A change is kept as the entry it made, and printed when the first watcher comes to it, for all: where
 * nobody watches, nothing is printed.
 */
#include "bin/attuned/watch.h"
#include "bin/attuned/http_print.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct change {
    struct catalog_entry *entry; /* held */
    struct merkle_buffer text;   /* the whole event; empty until somebody reads it */
    uint64_t end;                /* encoded bytes of all changes up to and with this one */
};

struct watch {
    char origin[WATCH_ORIGIN_SIZE];
    struct change ring[WATCH_CHANGES_MAX]; /* number n at n % WATCH_CHANGES_MAX */
    uint64_t first, last;                  /* numbers kept; none if first > last */
    uint64_t end;                          /* encoded bytes of all changes ever */
    size_t size_bytes;                     /* of those kept, with their text */
    struct watcher *watchers;
    struct watch_counts counts;
};

struct watch *watch_new(const struct catalog_id *origin) {
    struct watch *watch = calloc(1, sizeof *watch);
    char text[33];
    if (watch == NULL)
        return NULL;
    catalog_id_print(origin, text);
    memcpy(watch->origin, text, WATCH_ORIGIN_SIZE - 1);
    watch->first = 1;
    return watch;
}

static struct change *change_at(struct watch *watch, uint64_t number) {
    assert(number >= watch->first && number <= watch->last);
    return &watch->ring[number % WATCH_CHANGES_MAX];
}

static size_t size_of(const struct change *change) {
    return change->entry->size_bytes + change->text.size_bytes;
}

static void forget_first(struct watch *watch) {
    struct change *change = change_at(watch, watch->first);
    watch->size_bytes -= size_of(change);
    catalog_entry_release(change->entry);
    merkle_buffer_close(&change->text);
    watch->first++;
}

void watch_free(struct watch *watch) {
    if (watch == NULL)
        return;
    assert(watch->watchers == NULL);
    while (watch->first <= watch->last)
        forget_first(watch);
    free(watch);
}

/* --- printing ---------------------------------------------------------------------------------------------------- */

/* JSON has no newline of its own: one line of data holds it. */
static void print_entry(struct merkle_buffer *text, const struct catalog_entry *entry) {
    http_print(text, "data: ");
    catalog_entry_print(entry, CATALOG_FORM_FULL, text);
    http_print(text, "\n\n");
}

static void print_id(struct merkle_buffer *text, const struct watch *watch, uint64_t number) {
    http_print(text, "id: %s-%" PRIu64 "\n", watch->origin, number);
}

/* --- changes ----------------------------------------------------------------------------------------------------- */

static void end_watcher(struct watcher *watcher) {
    watcher->state = WATCHER_ENDED;
    watcher->heartbeat = false;
}

/* Bytes of changes that a watcher has not been given. */
static uint64_t backlog(struct watch *watch, const struct watcher *watcher) {
    if (watcher->sent == watch->last)
        return 0;
    const struct change *next = change_at(watch, watcher->sent + 1);
    return watch->end - (next->end - next->entry->size_bytes);
}

/* A watcher whose next change is gone would have a hole. */
static bool is_too_far_behind(struct watch *watch, const struct watcher *watcher) {
    if (watcher->sent + 1 < watch->first)
        return true;
    return !watcher->catching_up && backlog(watch, watcher) > WATCH_BACKLOG_SIZE_MAX;
}

static void disconnect_the_slow(struct watch *watch) {
    for (struct watcher *watcher = watch->watchers; watcher != NULL; watcher = watcher->next) {
        if (watcher->state != WATCHER_ENDED && watcher->state != WATCHER_RESET &&
            is_too_far_behind(watch, watcher)) {
            end_watcher(watcher);
            watcher->too_slow = true;
            watch->counts.disconnected++;
        }
    }
}

void watch_change(struct watch *watch, struct catalog_entry *entry) {
    uint64_t number = watch->last + 1;
    while (watch->first <= watch->last &&
           (number - watch->first >= WATCH_CHANGES_MAX ||
            watch->size_bytes + entry->size_bytes > WATCH_RING_SIZE_MAX))
        forget_first(watch);
    watch->last = number;
    watch->end += entry->size_bytes;
    watch->size_bytes += entry->size_bytes;
    struct change *change = &watch->ring[number % WATCH_CHANGES_MAX];
    *change = (struct change){.entry = catalog_entry_hold(entry), .end = watch->end};
    merkle_buffer_init(&change->text, &merkle_allocator_libc);
    disconnect_the_slow(watch);
}

void watch_restart(struct watch *watch) {
    while (watch->first <= watch->last)
        forget_first(watch);
    watch->last++; /* an id from before is too old from here on */
    watch->first = watch->last + 1;
    for (struct watcher *watcher = watch->watchers; watcher != NULL; watcher = watcher->next) {
        if (watcher->state != WATCHER_ENDED)
            watcher->state = WATCHER_RESET;
    }
}

void watch_end(struct watch *watch) {
    for (struct watcher *watcher = watch->watchers; watcher != NULL; watcher = watcher->next)
        end_watcher(watcher);
}

void watch_heartbeat(struct watch *watch) {
    for (struct watcher *watcher = watch->watchers; watcher != NULL; watcher = watcher->next)
        watcher->heartbeat = watcher->state != WATCHER_ENDED;
}

struct watcher *watch_first(const struct watch *watch) {
    return watch->watchers;
}

struct watch_counts watch_count(const struct watch *watch) {
    struct watch_counts counts = watch->counts;
    counts.changes = watch->last;
    return counts;
}

/* --- watchers ---------------------------------------------------------------------------------------------------- */

static bool is_hex(char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
}

bool watch_since_parse(struct catalog_text text, struct watch_since *since) {
    enum { ORIGIN_DIGITS = WATCH_ORIGIN_SIZE - 1, NUMBER_DIGITS_MAX = 19 };
    *since = (struct watch_since){.given = true};
    if (text.size_bytes == 1 && text.data[0] == '0') {
        since->all = true;
        return true;
    }
    if (text.size_bytes < ORIGIN_DIGITS + 2 ||
        text.size_bytes > ORIGIN_DIGITS + 1 + NUMBER_DIGITS_MAX || text.data[ORIGIN_DIGITS] != '-')
        return false;
    for (size_t i = 0; i < ORIGIN_DIGITS; i++) {
        if (!is_hex(text.data[i]))
            return false;
    }
    memcpy(since->origin, text.data, ORIGIN_DIGITS);
    for (size_t i = ORIGIN_DIGITS + 1; i < text.size_bytes; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        since->number = since->number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

enum watch_result watcher_open(struct watch *watch, const struct watch_since *since,
                               struct watcher **opened) {
    bool ours = since->given && !since->all && strcmp(since->origin, watch->origin) == 0;
    if (ours && since->number > watch->last)
        return WATCH_NO_SUCH;
    if (watch->counts.clients == WATCH_CLIENTS_MAX)
        return WATCH_TOO_MANY;
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL)
        return WATCH_NO_MEMORY;
    watcher->watch = watch;
    watcher->state = WATCHER_LIVE;
    watcher->hello = watcher->catching_up = true;
    watcher->sent = ours ? since->number : watch->last;
    if ((since->given && !ours) || watcher->sent + 1 < watch->first)
        watcher->state = WATCHER_RESET;
    merkle_buffer_init(&watcher->piece, &merkle_allocator_libc);
    watcher->next = watch->watchers;
    watcher->link = &watch->watchers;
    if (watcher->next != NULL)
        watcher->next->link = &watcher->next;
    watch->watchers = watcher;
    watch->counts.clients++;
    *opened = watcher;
    return WATCH_OPENED;
}

void watcher_close(struct watcher *watcher) {
    if (watcher == NULL)
        return;
    *watcher->link = watcher->next;
    if (watcher->next != NULL)
        watcher->next->link = watcher->link;
    watcher->watch->counts.clients--;
    merkle_buffer_close(&watcher->piece);
    free(watcher);
}

static void begin_reset(struct watcher *watcher) {
    watcher->watch->counts.resets++;
    watcher->state = WATCHER_ENTRIES;
    watcher->sent = watcher->watch->last;
    watcher->after_kind = 0;
    watcher->hello = watcher->catching_up = true;
    http_print(&watcher->piece, "event: reset\ndata: {}\n\n");
}

static void remember_key(struct watcher *watcher, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    watcher->after_kind = key.kind;
    memcpy(watcher->after_entity, key.entity.data, key.entity.size_bytes);
    memcpy(watcher->after_name, key.name.data, key.name.size_bytes);
    watcher->after_entity_size_bytes = key.entity.size_bytes;
    watcher->after_name_size_bytes = key.name.size_bytes;
}

/* A piece of the entries, in the order of export: kinds in order, so schemas first. Tombstones are what nobody misses. */
static void print_entries(struct watcher *watcher, const struct catalog *catalog) {
    while (watcher->piece.size_bytes < WATCH_PIECE_SIZE_MAX && !watcher->piece.failed) {
        const struct catalog_key after = {
            .kind = watcher->after_kind,
            .entity = {watcher->after_entity, watcher->after_entity_size_bytes},
            .name = {watcher->after_name, watcher->after_name_size_bytes},
        };
        const struct catalog_entry *entry = catalog_next(catalog, 0, (struct catalog_text){0},
                                                         watcher->after_kind == 0 ? NULL : &after);
        if (entry == NULL) {
            watcher->state = WATCHER_LIVE;
            return;
        }
        remember_key(watcher, entry);
        if (!entry->tombstone)
            print_entry(&watcher->piece, entry);
    }
}

static void print_change(struct watcher *watcher, uint64_t number) {
    struct watch *watch = watcher->watch;
    struct change *change = change_at(watch, number);
    if (change->text.size_bytes == 0) {
        print_id(&change->text, watch, number);
        print_entry(&change->text, change->entry);
        if (change->text.failed) { /* to be tried again */
            merkle_buffer_close(&change->text);
            merkle_buffer_init(&change->text, &merkle_allocator_libc);
            watcher->piece.failed = true;
            return;
        }
        watch->size_bytes += change->text.size_bytes;
    }
    merkle_buffer_append(&watcher->piece, change->text.data, change->text.size_bytes);
}

/* The next piece of the stream, if there is one. */
static void refill(struct watcher *watcher, const struct catalog *catalog) {
    struct watch *watch = watcher->watch;
    merkle_buffer_clear(&watcher->piece);
    watcher->piece_offset = 0;
    if (watcher->state == WATCHER_RESET)
        begin_reset(watcher);
    if (watcher->state == WATCHER_ENTRIES)
        print_entries(watcher, catalog);
    if (watcher->state == WATCHER_LIVE && watcher->hello) {
        http_print(&watcher->piece, "event: live\n");
        print_id(&watcher->piece, watch, watcher->sent);
        http_print(&watcher->piece, "data: {}\n\n");
        watcher->hello = false;
    }
    while (watcher->state == WATCHER_LIVE && watcher->sent < watch->last &&
           watcher->piece.size_bytes < WATCH_PIECE_SIZE_MAX && !watcher->piece.failed) {
        print_change(watcher, ++watcher->sent);
    }
    if (watcher->state == WATCHER_LIVE && watcher->sent == watch->last)
        watcher->catching_up = false;
    if (watcher->heartbeat && watcher->piece.size_bytes == 0)
        http_print(&watcher->piece, ":\n\n");
    watcher->heartbeat = false;
    if (watcher->piece.failed) { /* half an event is none: the client comes back */
        merkle_buffer_clear(&watcher->piece);
        end_watcher(watcher);
    }
}

size_t watcher_read(struct watcher *watcher, const struct catalog *catalog, char *bytes,
                    size_t max) {
    if (watcher->piece_offset == watcher->piece.size_bytes && watcher->state != WATCHER_ENDED)
        refill(watcher, catalog);
    size_t left = watcher->piece.size_bytes - watcher->piece_offset;
    size_t size_bytes = left < max ? left : max;
    if (size_bytes > 0)
        memcpy(bytes, watcher->piece.data + watcher->piece_offset, size_bytes);
    watcher->piece_offset += size_bytes;
    return size_bytes;
}

bool watcher_is_due(const struct watcher *watcher) {
    return watcher->state != WATCHER_LIVE || watcher->hello || watcher->heartbeat ||
           watcher->sent < watcher->watch->last ||
           watcher->piece_offset < watcher->piece.size_bytes;
}
