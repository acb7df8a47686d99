/* content.h - the content root of a catalog: a digest of its export, the same for the same entries wherever they were made.
 *
 * The root of the digest tree covers clocks and origins, which differ from run to run. Whoever wants to compare what two
 * runs ended with (a simulation and real processes on one scenario) compares this.
 */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include "merkle/merkle.h"

enum { CONTENT_TEXT_SIZE = 33 };

/* `text`: a whole export (DESIGN 10.2), as GET /v1/export and catalog_export() give it. */
void content_digest(const char *text, size_t size_bytes, struct merkle_digest *digest);
/* The same as 32 hex digits. */
void content_root(const char *text, size_t size_bytes, char root[CONTENT_TEXT_SIZE]);

#endif
