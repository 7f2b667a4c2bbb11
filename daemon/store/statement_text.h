/*
 * statement_text - which statements must not run inside the unit of work
 *
 * Pure. The store owns the transaction: a statement that ends it, or that changes settings of the
 * connection beyond it, would break the promise for every other record of the batch.
 */
#pragma once

/*
 * The keyword for which `sql` is refused ("COMMIT"), or NULL when it may run. Looks at the first
 * word after blanks, comments and empty statements; SET LOCAL and SET CONSTRAINTS may run.
 */
const char *statement_text_refused(const char *sql);
