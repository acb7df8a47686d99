/* sqlite_wal_check.c - tells damage in the middle of a WAL from its end.
 *
 * SQLite reads a WAL up to the first frame whose checksum does not fit, and drops what is behind without a word. After a
 * power cut that is right: behind the last sync any sectors may be there and others not. After a flipped bit it is an
 * older state of this node that passes for the newest.
 *
 *      header | frame 1 | frame 2 | ... each: page number, pages of the database if it ends a transaction (else 0),
 *             |         |         |     salts of the header, checksum; then the page
 *
 * A frame's checksum goes on from the one that stands in the frame before it, so that each frame can be checked against its
 * neighbour, also behind a bad one. Let k be a good frame that ends a transaction, k + 1 a good frame, and j < k a bad one:
 *
 *   1. k + 1 was written behind this very k, whose checksum it goes on from.
 *   2. SQLite writes behind the end of a transaction only once it is synced, with all frames before it. So j was synced.
 *   3. j has not been written since by us: that takes an opening that read no further than to j while k and k + 1 were
 *      there, and that opening would have come to this same conclusion.
 *
 * Hence j is no end that a power cut made: what was on the disk is no longer there. Frames of a transaction that failed, or
 * was cut, may lie behind the end for long, several of them in one another's remains; but none of those has a successor that
 * goes on from its end, since nothing was ever written behind it.
 *
 * What stays unseen: damage to the last transaction, to the frame that ends the one before, and to the counter and salts in
 * the WAL's header, which looks just as if a restart of the log had failed half-way. What the header begins with is the same
 * in each log: if that is wrong, the header counts as a bad frame 0.
 *
 * A restart that failed half-way leaves a header whose checksum does not fit, and SQLite reads nothing behind it; but of the
 * salts that stand in it SQLite makes its next log (3.40), the one log in which frames of an older one look like its own. So
 * such a log is cut to nothing before SQLite sees it (found by crash images with failing writes).
 */
#include "catalog/sqlite_store.h"

#include <endian.h>
#include <string.h>

enum {
    HEADER_SIZE_BYTES = 32,
    FRAME_HEADER_SIZE_BYTES = 24,
    PAGE_SIZE_BYTES_MIN = 512,
    PAGE_SIZE_BYTES_DEFAULT = 4096,
    PAGE_SIZE_BYTES_MAX = 65536,
    SALTS_SIZE_BYTES = 8,
    VERSION = 3007000,
};
static const uint32_t magic = 0x377f0682; /* and one more if words are summed as big-endian ones */

struct sums {
    uint32_t first, second;
};

struct reader {
    sqlite3_file *file;
    sqlite3_int64 size_bytes;
    bool header_wrong;
    bool header_torn; /* its checksum does not fit */
    bool big_endian;  /* words are summed as such */
    uint32_t page_size_bytes;
    uint8_t salts[SALTS_SIZE_BYTES]; /* of the header; if that is wrong, of the last frame read */
    struct sums sums;                /* that stand in the last frame read */
    uint8_t *frame;                  /* with its header */
};

static uint32_t number_at(const uint8_t *bytes) {
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return be32toh(number);
}

static struct sums sums_at(const uint8_t *bytes) {
    return (struct sums){.first = number_at(bytes), .second = number_at(bytes + 4)};
}

/* SQLite's checksum, continued. `size_bytes` is a multiple of 8. */
static struct sums sums_over(struct sums sums, bool big_endian, const uint8_t *bytes,
                             size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i += 8) {
        uint32_t words[2];
        memcpy(words, bytes + i, sizeof words);
        sums.first += (big_endian ? be32toh(words[0]) : le32toh(words[0])) + sums.second;
        sums.second += (big_endian ? be32toh(words[1]) : le32toh(words[1])) + sums.first;
    }
    return sums;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

static bool is_page_size(uint32_t size_bytes) {
    return size_bytes >= PAGE_SIZE_BYTES_MIN && size_bytes <= PAGE_SIZE_BYTES_MAX &&
           (size_bytes & (size_bytes - 1)) == 0;
}

/* An SQLite code. */
static int read_header(struct reader *reader) {
    uint8_t header[HEADER_SIZE_BYTES];
    int code = reader->file->pMethods->xRead(reader->file, header, sizeof header, 0);
    if (code != SQLITE_OK) {
        return code;
    }
    uint32_t page_size_bytes = number_at(header + 8);
    reader->header_wrong = (number_at(header) & ~UINT32_C(1)) != magic ||
                           number_at(header + 4) != VERSION || !is_page_size(page_size_bytes);
    /* As this machine and this program would have written it. */
    reader->big_endian =
        reader->header_wrong ? BYTE_ORDER == BIG_ENDIAN : (number_at(header) & 1) != 0;
    reader->page_size_bytes = reader->header_wrong ? PAGE_SIZE_BYTES_DEFAULT : page_size_bytes;
    memcpy(reader->salts, header + 16, sizeof reader->salts);
    reader->sums = sums_at(header + 24);
    struct sums sums = sums_over((struct sums){0, 0}, reader->big_endian, header, 24);
    reader->header_torn = sums.first != reader->sums.first || sums.second != reader->sums.second;
    return SQLITE_OK;
}

/* Whether the frame goes on from the one before. Moves on to it. */
static bool follows(struct reader *reader) {
    const uint8_t *frame = reader->frame;
    struct sums sums = sums_over(reader->sums, reader->big_endian, frame, 8);
    sums = sums_over(sums, reader->big_endian, frame + FRAME_HEADER_SIZE_BYTES,
                     reader->page_size_bytes);
    reader->sums = sums_at(frame + 16);
    bool good = number_at(frame) != 0 &&
                memcmp(frame + 8, reader->salts, sizeof reader->salts) == 0 &&
                sums.first == reader->sums.first && sums.second == reader->sums.second;
    if (reader->header_wrong) {
        memcpy(reader->salts, frame + 8, sizeof reader->salts);
    }
    return good;
}

/* --- the check ----------------------------------------------------------------------------------------------------- */

/* An SQLite code. `*bad_offset`: of the first frame that is bad, if one behind it proves that it was synced; else -1. */
static int find_damage(struct reader *reader, sqlite3_int64 *bad_offset) {
    sqlite3_int64 frame_size_bytes = FRAME_HEADER_SIZE_BYTES + (int)reader->page_size_bytes;
    sqlite3_int64 first_bad = reader->header_wrong ? 0 : -1;
    bool ends_transaction = false; /* the frame before is good, and does */
    for (sqlite3_int64 offset = HEADER_SIZE_BYTES;
         offset + frame_size_bytes <= reader->size_bytes && *bad_offset < 0;
         offset += frame_size_bytes) {
        int code = reader->file->pMethods->xRead(reader->file, reader->frame, (int)frame_size_bytes,
                                                 offset);
        if (code != SQLITE_OK) {
            return code;
        }
        bool good = follows(reader);
        if (!good && first_bad < 0) {
            first_bad = offset;
        }
        if (good && ends_transaction && first_bad >= 0) {
            *bad_offset = first_bad;
        }
        ends_transaction = good && number_at(reader->frame + 4) != 0;
    }
    return SQLITE_OK;
}

int catalog__wal_check(const struct merkle_allocator *allocator, sqlite3_file *file,
                       sqlite3_int64 *bad_offset, bool *torn) {
    struct reader reader = {.file = file};
    *bad_offset = -1;
    *torn = false;
    int code = file->pMethods->xFileSize(file, &reader.size_bytes);
    if (code != SQLITE_OK || reader.size_bytes < HEADER_SIZE_BYTES) {
        return code;
    }
    code = read_header(&reader);
    if (code != SQLITE_OK) {
        return code;
    }
    reader.frame = merkle_allocate(allocator, FRAME_HEADER_SIZE_BYTES + reader.page_size_bytes, 1);
    if (reader.frame == NULL) {
        return SQLITE_NOMEM;
    }
    *torn = reader.header_torn;
    code = find_damage(&reader, bad_offset);
    merkle_release(allocator, reader.frame);
    return code;
}
