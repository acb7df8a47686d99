/* table.h - columns for a terminal. */
#ifndef ATTUNECTL_TABLE_H
#define ATTUNECTL_TABLE_H

#include "bin/attunectl/client.h"

enum { TABLE_COLUMNS_MAX = 10 };

struct table {
    size_t column_count;
    char **cells; /* row by row, the heading first */
    size_t cell_count, cell_capacity;
};

/* `headings` has one heading for each column. */
void table_init(struct table *table, size_t column_count, const char *const *headings);
/* The next cell, left to right; NULL is printed as "-". */
void table_cell(struct table *table, const char *text);
/* Prints all rows on stdout, and frees the table. */
void table_print(struct table *table);

#endif
