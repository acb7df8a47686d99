/* real_book_end.c - which acknowledged writes are missing where, and whether that is excused (S2, real_book.h). */
#include "bin/chaos/real_book.h"

#include <assert.h>
#include <stdio.h>

static bool is_of(uint64_t nodes, size_t node) {
    return (nodes >> node & 1) != 0;
}

bool real_book_satisfied(const struct real_book *book, const struct real_write *write,
                         size_t node) {
    const struct real_key *key = book->keys[write->key];
    const struct real_version *now = &key->shown[node].now;
    if (!key->shown[node].known)
        return false;
    if (write->type == REAL_WRITE_DROP)
        return now->clock == 0 || real_version_compare(now, &write->version) > 0;
    if (now->clock != 0)
        return real_version_compare(now, &write->version) >= 0;
    return key->drop_clock_max >= write->version.clock;
}

uint32_t real_book_missing(const struct real_book *book, size_t node) {
    uint32_t missing = 0;
    for (size_t i = 0; i < book->write_count; i++)
        missing +=
            book->writes[i].acknowledged && !real_book_satisfied(book, &book->writes[i], node);
    return missing;
}

void real_book_settle(struct real_book *book, uint64_t required, uint64_t now_ms) {
    for (size_t i = 0; i < book->write_count; i++) {
        struct real_write *write = &book->writes[i];
        bool everywhere = write->acknowledged && write->everywhere_ms == 0;
        for (size_t node = 0; node < book->node_count && everywhere; node++)
            everywhere = !is_of(required, node) || real_book_satisfied(book, write, node);
        if (everywhere)
            write->everywhere_ms = now_ms > write->at_ms ? now_ms : write->at_ms + 1;
    }
}

const struct real_write *real_book_slowest(const struct real_book *book) {
    const struct real_write *slowest = NULL;
    uint64_t longest = 0;
    for (size_t i = 0; i < book->write_count; i++) {
        const struct real_write *write = &book->writes[i];
        uint64_t took =
            write->everywhere_ms == 0 ? UINT64_MAX : write->everywhere_ms - write->at_ms;
        if (write->acknowledged && took > longest) {
            longest = took;
            slowest = write;
        }
    }
    return slowest;
}

/* True if it may be lost: no required node was seen to hold it on the disk that it has now. */
static bool is_excused(const struct real_write *write, uint64_t required) {
    return (write->held & required) == 0;
}

static void check_write(struct real_book *book, const struct real_write *write, uint64_t required) {
    static const char *const names[] = {
        [REAL_WRITE_SET] = "set", [REAL_WRITE_DROP] = "drop", [REAL_WRITE_IMPORT] = "import"};
    bool excused = false;
    for (size_t node = 0; node < book->node_count; node++) {
        char text[280];
        if (!is_of(required, node))
            continue;
        bool there = real_book_satisfied(book, write, node);
        excused = excused || (!there && is_excused(write, required));
        real_book_key_print(book, write->key, text, sizeof text);
        real_tally(&book->acknowledged, there || excused,
                   "n%zu acknowledged a %s of %s at %llu ms, and n%zu has neither it nor what came "
                   "after it",
                   write->node + 1, names[write->type], text, (unsigned long long)write->at_ms,
                   node + 1);
    }
    book->excused += excused;
}

void real_book_end(struct real_book *book, uint64_t required, bool alone) {
    for (size_t i = 0; i < book->write_count; i++) {
        const struct real_write *write = &book->writes[i];
        if (write->acknowledged)
            check_write(book, write, alone ? required & UINT64_C(1) << write->node : required);
    }
}
