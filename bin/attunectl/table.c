/* table.c - prints rows in columns as wide as their widest cell.
 *
 * Names come from users and peers: what is not printable is shown as '?', so that no cell can move the cursor.
 */
#include "bin/attunectl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, size_t column_count, const char *const *headings) {
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.column_count = column_count};
    for (size_t i = 0; i < column_count; i++)
        table_cell(table, headings[i]);
}

void table_cell(struct table *table, const char *text) {
    if (table->cell_count == table->cell_capacity) {
        table->cell_capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
        table->cells = reallocarray(table->cells, table->cell_capacity, sizeof *table->cells);
    }
    char *copy = table->cells == NULL ? NULL : strdup(text == NULL || *text == '\0' ? "-" : text);
    if (copy == NULL) {
        fputs("attunectl: out of memory\n", stderr);
        exit(1);
    }
    for (char *byte = copy; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < ' ' || *byte == 0x7f)
            *byte = '?';
    }
    table->cells[table->cell_count++] = copy;
}

/* In code points: right for all but wide and combining characters. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return width;
}

void table_print(struct table *table) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    assert(table->cell_count % table->column_count == 0);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = width_of(table->cells[i]), *widest = &widths[i % table->column_count];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        fputs(table->cells[i], stdout);
        if (column + 1 == table->column_count)
            putchar('\n');
        else
            printf("%*s", (int)(widths[column] - width_of(table->cells[i]) + 2), "");
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}
