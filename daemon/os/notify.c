/*
 * notify - what the service manager is told
 *
 * Runs in: supervisor. A failure to tell it is no failure of ours: results are dropped.
 */
#include "os/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

void notify_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_status(const char *status)
{
	(void)sd_notifyf(0, "STATUS=%s", status);
}

void notify_reloading(int64_t now_us)
{
	(void)sd_notifyf(0,
		"RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading the configuration",
		now_us);
}

void notify_stopping(int64_t extend_us)
{
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRId64, extend_us);
}

void notify_extend(int64_t extend_us)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, extend_us);
}
