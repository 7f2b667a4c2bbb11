/*
 * proto - the contract between supervisor and worker
 *
 * A worker is started as `onced --worker NAME/SLOT` with
 *	fd 3  SOCK_SEQPACKET channel, frames below; EOF means the peer is gone
 *	fd 4  sealed memfd, config_serialize() of its consumer
 *	fd 5  the page (os/page.h)
 * and nothing else shared but standard error. NOTIFY_SOCKET and WATCHDOG_* are not in its
 * environment. A probe is started as `onced --probe NAME` with fd 4 and fd 3, answers PROTO_PROBED
 * and exits.
 *
 * Each side treats the other as hostile: a frame of the wrong size or type closes the channel.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/log_level.h"
#include "core/pause.h"

enum { PROTO_FD_CHANNEL = 3, PROTO_FD_CONFIG = 4, PROTO_FD_PAGE = 5, PROTO_VERSION = 1 };

/* Exit statuses of a worker. */
enum {
	WORKER_EXIT_OK = 0, /* drained */
	WORKER_EXIT_FAILURE = 1, /* said why by PROTO_FAILED */
	WORKER_EXIT_FENCED = 75, /* another holder of the instance id: not a crash */
	WORKER_EXIT_STALE = 76, /* a rebuild began while it held records: not a crash */
	WORKER_EXIT_CONFIG = 78,
	WORKER_EXIT_STUCK = 70, /* drained, but a library call did not return in time */
};

enum proto_type {
	PROTO_START = 1, /* supervisor: first frame */
	PROTO_DRAIN, /* supervisor: finish, commit, leave (or keep a static membership), exit 0 */
	PROTO_LOG_STATUS, /* supervisor: write a status line */
	PROTO_READY, /* worker: joined its group or holds its listed partitions */
	PROTO_FAILED, /* worker: last words before a non-zero exit */
	PROTO_DRAINED, /* worker: everything settled is committed; exits next */
	PROTO_PROBED, /* probe: 0 = fine */
	PROTO_CONDEMN, /* supervisor: before PROTO_START and later: a record that kills workers */
	/*
	 * both: a word about what is paused, before PROTO_START and later. A worker tells what its
	 * breaker decided, and what it found in the store.
	 */
	PROTO_PAUSE,
	PROTO_ORDER, /* supervisor: do this, and answer */
	PROTO_ANSWER, /* worker: what came of an order */
	PROTO_LOG_LEVEL, /* supervisor: from now on log this, by module */
	PROTO_TYPES,
};

enum proto_order_kind {
	PROTO_ORDER_REPORT = 1, /* how many records are in hand, after all that was said before */
	PROTO_ORDER_DRAIN, /* answered when nothing is in hand and what is settled is committed */
	PROTO_ORDER_RETRY, /* what is parked or held is due now; answered with how many strands */
	PROTO_ORDER_SKIP, /* settle the record at `offset` as skipped; answered when it is */
	PROTO_ORDER_SEEK, /* commit `offset` for a paused partition, and read from there */
	PROTO_ORDER_KINDS,
};

struct proto_start {
	uint32_t version;
	/* 0 .. workers-1; index into config_consumer.groups where there are groups */
	uint32_t slot;
	char instance_id[256]; /* "" = dynamic member */
	char client_id[128];
	char host[65];
};
struct proto_drain {
	int64_t deadline_us; /* monotonic: after this the supervisor kills */
	uint32_t is_leaving; /* also a static membership ends */
};
struct proto_failed {
	int32_t exit_status;
	char text[ERR_TEXT_MAX];
};
struct proto_probed {
	/* 0 fine, 1 could not be checked now (store not reachable), -EINVAL wrong */
	int32_t result;
	char text[ERR_TEXT_MAX];
};

/* No handler is to see it again: a dead letter with this reason. */
struct proto_condemn {
	char cluster_id[64], topic[256];
	int32_t partition;
	uint32_t is_timeout; /* reason timeout, else crash */
	int64_t offset, timestamp_ms;
	uint32_t deaths;
	int64_t first_failure_ms, last_failure_ms; /* wall clock */
	char code[32], text[512];
};

struct proto_order {
	uint64_t id;
	uint32_t kind;
	int32_t partition; /* -1: all of the topic */
	int64_t offset; /* SEEK: one of PROTO_SEEK_ too, or milliseconds with is_time */
	uint32_t is_time;
	char topic[256]; /* "": all */
	char who[64], reason[256];
};

enum { PROTO_SEEK_LATEST = -1, PROTO_SEEK_EARLIEST = -2 };

/* Not ours: another worker may have the partition. */
enum { PROTO_NOT_MINE = 1 };

struct proto_answer {
	uint64_t id; /* of the order */
	int32_t result; /* 0, PROTO_NOT_MINE, or -errno with the sentence */
	int64_t number; /* what was asked for */
	char text[ERR_TEXT_MAX];
};

struct proto_frame {
	uint32_t type;
	union {
		struct proto_start start;
		struct proto_drain drain;
		struct proto_failed failed;
		struct proto_probed probed;
		struct proto_condemn condemn;
		struct pause pause;
		struct proto_order order;
		struct proto_answer answer;
		struct log_levels log_levels;
	};
};

/*
 * 0, -EPIPE peer gone, -EAGAIN would block, -errno. Frames are sent with their type's exact size.
 * Never blocks, no SIGPIPE.
 */
int proto_send(int fd, const struct proto_frame *frame);
/*
 * 0 and a frame whose strings are NUL-terminated; -EAGAIN, -EPIPE on EOF, -EPROTO for a frame that
 * cannot be.
 */
int proto_receive(int fd, struct proto_frame *ret);
