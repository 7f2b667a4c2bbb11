/*
 * quarantine_file - counts of deaths that outlive the supervisor
 */
#include "supervisor/quarantine_file.h"

#include "base/cleanup.h"
#include "os/statefile.h"

#include "supervisor/poison.h"

/* Twice the longest that the longest table can be. */
enum { FILE_MAX = 2 * QUARANTINE_ENTRIES_MAX * 1024 };

int quarantine_file_read(struct quarantine *quarantine, const char *path, unsigned *ret_strangers)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	int r = statefile_read(path, FILE_MAX, &text);

	*ret_strangers = 0;
	if (r == 0 && text.len > 0) {
		*ret_strangers = quarantine_read(quarantine, buffer_str(&text));
	}
	return r;
}

int quarantine_file_write(const struct quarantine *quarantine, const char *path)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;

	if (quarantine->count > 0) {
		quarantine_write(quarantine, &text);
	}
	return statefile_write(path, &text);
}
