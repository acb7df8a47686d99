/* json_codec.h - from Jansson's values to canonical MessagePack (private to the *_codec.c files of catalog/). */
#ifndef CATALOG_JSON_CODEC_H
#define CATALOG_JSON_CODEC_H

#include "catalog/entry.h"

#include <jansson.h>
#include <msgpack.h>

enum {
    CATALOG__JSON_SHOWN_SIZE = CATALOG_NAME_SIZE_MAX + 4
}; /* of a user's text within a message */

/* One run of the parser: `packer` writes to `body`, `problem` (may be NULL) takes what is wrong. */
struct catalog__json_parse {
    msgpack_packer packer;
    struct merkle_buffer *body;
    struct catalog_problem *problem;
};

/* Fills in the problem; returns `code`. */
__attribute__((format(printf, 3, 4))) int catalog__json_refuse(struct catalog__json_parse *parse,
                                                               int code, const char *format, ...);
/* A user's text as a message can bear it: bounded, on one line, cut between characters. Returns `out`. */
const char *catalog__json_shown(const char *text, char out[CATALOG__JSON_SHOWN_SIZE]);
/* "an object" ... */
const char *catalog__json_kind(const json_t *value);

/* The keys of an object in bytewise order, to be released; NULL if memory is short. They point into the object. */
const char **catalog__json_sorted_keys(struct catalog__json_parse *parse, json_t *object);

void catalog__json_pack_text(struct catalog__json_parse *parse, const char *text,
                             size_t size_bytes);
void catalog__json_pack_literal(struct catalog__json_parse *parse, const char *text);
/* Any value. CATALOG_ENOMEM; CATALOG_ETOODEEP, which is for the caller to explain. */
int catalog__json_pack_value(struct catalog__json_parse *parse, json_t *value, unsigned depth_max);

#endif
