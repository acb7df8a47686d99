/* entries.h - shared by the commands on schemas, constraints and indexes. */
#ifndef ATTUNECTL_ENTRIES_H
#define ATTUNECTL_ENTRIES_H

#include "bin/attunectl/command.h"

/* Appends /v1/LIST/ENTITY[/NAME]; `list` is "schemas", "constraints" or "indexes". */
void entry_path(struct arguments *arguments, const char *list, const char *entity, const char *name,
                struct text *path);
/* "schema" of "schemas". */
const char *entry_kind(const char *list);
/* Shows the entry of an answer. */
int entry_show(struct arguments *arguments, const char *list_name, const struct answer *answer);

/* --- bodies (body.c), for tests as well; false: said why */

/* {"fields":{...}} of a schema file, which may have MQDB's flat form. */
void schema_body(const char *text, size_t size_bytes, struct text *body);
/* Body and default name of what the flags of `constraint add` and `index add` say. */
bool constraint_body(const struct arguments *arguments, struct text *body, struct text *name);
bool index_body(const struct arguments *arguments, struct text *body, struct text *name);

#endif
