/*
 * script - Lua that decides about many keys at once
 *
 * One script a batch: Redis runs it alone, so that what it compared is still true when it writes.
 * Only keys that did not go as they mostly do have a verdict in the answer, behind the key's
 * number; a key costs one command where that is enough. The rows are described in redis.h; bytes
 * 80, 82 and 88 are P, R and X. All need effects to be replicated instead of scripts, as from
 * Redis 5 on.
 */
#include <string.h>

#include "store/redis/redis.h"

/*
 * KEYS: the marker, rows. ARGV: owner, lease ms, keep ms, a new marker, stamp, then, where there
 * are any, n and tag of each row; for a replay its position behind that. Answers the marker, then
 * for each row that was there its number and 1 taken over, 2 a dead letter taken over, 3 + ms busy,
 * or the row that is in the way. The others are leased.
 */
static const char lease_text[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local call, sub, byte = redis.call, string.sub, string.byte\n"
	"local owner, keep, out = ARGV[1], ARGV[3], {}\n"
	"local tail = owner .. string.format('%013.0f', now + ARGV[2]) .. ARGV[5]\n"
	"local plain = 'R\\0' .. tail\n"
	"local function meet(key, v, head, position)\n"
	"  local kind, d = byte(v, 1), byte(v, 2)\n"
	"  local body, dead = 3 + d, nil\n"
	"  if kind == 82 or kind == 80 then\n"
	"    local mine = sub(v, body, body + 15) == owner\n"
	"    local left = tonumber(sub(v, body + 16, body + 28)) - now\n"
	"    if left > 0 and not mine then return 3 + left end\n"
	"    local other = d > 0 and #head > 1 and sub(v, 3, 3) == sub(head, 2, 2)\n"
	"      and sub(v, 3, 18) ~= sub(head, 2, 17)\n"
	"    if kind == 82 and not other then\n"
	"      call('SET', key, 'R' .. head .. tail, 'PX', keep)\n"
	"      return 1\n"
	"    end\n"
	"    if kind == 80 and (position or left <= 0) then\n"
	"      dead = sub(v, body + 37)\n"
	"    elseif left > 0 then\n"
	"      return 3 + left\n"
	"    end\n"
	"  elseif kind == 88 then\n"
	"    dead = sub(v, body)\n"
	"  end\n"
	"  if dead and position and sub(dead, 1, 8) ~= position then\n"
	"    call('SET', key, 'P' .. head .. tail .. dead, 'PX', keep)\n"
	"    return 2\n"
	"  end\n"
	"  return v\n"
	"end\n"
	"local marker = call('GET', KEYS[1])\n"
	"if not marker then\n"
	"  marker = ARGV[4]\n"
	"  call('SET', KEYS[1], marker)\n"
	"end\n"
	"out[1] = marker\n"
	"for i = 2, #KEYS do\n"
	"  local key, head, row, position = KEYS[i], ARGV[i + 4], plain, nil\n"
	"  if head then\n"
	"    local d = 1 + byte(head)\n"
	"    if #head > d then\n"
	"      head, position = sub(head, 1, d), sub(head, d + 1)\n"
	"    end\n"
	"    row = 'R' .. head .. tail\n"
	"  end\n"
	"  if not call('SET', key, row, 'NX', 'PX', keep) then\n"
	"    local v = redis.pcall('GET', key)\n"
	"    local ours = type(v) == 'string' and string.find(v, '^[RPDX].')\n"
	"    out[#out + 1] = i - 1\n"
	"    out[#out + 1] = ours and meet(key, v, head or '\\0', position) or '?'\n"
	"  end\n"
	"end\n"
	"return out\n";

/*
 * KEYS: rows. ARGV: owner, keep ms, and KEEPTTL where Redis has it: the row expires then as the
 * lease said, which is not before the retention. Answers for each row that was not leased by the
 * owner its number and 0 another's, 2 done, but there was no row. The others are done. Lua cannot
 * hand over more than some thousand keys at once.
 */
static const char done_text[] =
	"local call, sub, byte = redis.call, string.sub, string.byte\n"
	"local owner, keep, as_it_was, out, n = ARGV[1], ARGV[2], ARGV[3], {}, #KEYS\n"
	"local function without(i)\n"
	"  out[#out + 1] = i\n"
	"  out[#out + 1] = call('SET', KEYS[i], 'D\\0', 'NX', 'PX', keep) and 2 or 0\n"
	"end\n"
	"for first = 1, n, 1000 do\n"
	"  local rows = call('MGET', unpack(KEYS, first, math.min(first + 999, n)))\n"
	"  for j = 1, #rows do\n"
	"    local v, i = rows[j], first + j - 1\n"
	"    local kind = v and byte(v)\n"
	"    local d = (kind == 82 or kind == 80) and byte(v, 2)\n"
	"    if not v then\n"
	"      without(i)\n"
	"    elseif not d or sub(v, 3 + d, 18 + d) ~= owner then\n"
	"      out[#out + 1] = i\n"
	"      out[#out + 1] = 0\n"
	"    elseif as_it_was then\n"
	"      call('SET', KEYS[i], 'D' .. sub(v, 2, 2 + d), as_it_was)\n"
	"    else\n"
	"      call('SET', KEYS[i], 'D' .. sub(v, 2, 2 + d), 'PX', keep)\n"
	"    end\n"
	"  end\n"
	"end\n"
	"return out\n";

/*
 * KEYS: rows. ARGV: owner, keep ms, what ("X" dead letter, "C" released, "R" renewed), lease ms,
 * then for dead letters position and decision of each, for others all stamps in one. Answers as
 * done; a lease to be released that is not there, or was taken anew since, is 0. A replay's row is
 * the dead letter's again when it is released.
 */
static const char end_text[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local owner, keep, what, out = ARGV[1], ARGV[2], ARGV[3], {}\n"
	"local till, sub = string.format('%013.0f', now + ARGV[4]), string.sub\n"
	"for i, key in ipairs(KEYS) do\n"
	"  local v = redis.pcall('GET', key)\n"
	"  local kind, head, dead, verdict = 'R', nil, '', 0\n"
	"  local stamp = what ~= 'X' and sub(ARGV[5], 8 * i - 7, 8 * i)\n"
	"  if not v and what ~= 'C' then\n"
	"    head, verdict = '\\0', 2\n"
	"  elseif type(v) == 'string' and string.find(v, '^[RP].') then\n"
	"    local d = string.byte(v, 2)\n"
	"    local taken = sub(v, 32 + d, 39 + d)\n"
	"    local later = what == 'C' and stamp ~= taken and string.find(stamp, '[^%z]')\n"
	"    if sub(v, 3 + d, 18 + d) == owner and not later then\n"
	"      kind, head, verdict = sub(v, 1, 1), sub(v, 2, 2 + d), 1\n"
	"      dead, stamp = sub(v, 40 + d), taken\n"
	"    end\n"
	"  end\n"
	"  if head and what == 'X' then\n"
	"    local now_dead = ARGV[i + 4]\n"
	"    if #now_dead == 8 then now_dead = now_dead .. sub(dead, 9) end\n"
	"    redis.call('SET', key, 'X' .. head .. now_dead, 'PX', keep)\n"
	"  elseif head and what == 'R' then\n"
	"    redis.call('SET', key, kind .. head .. owner .. till .. stamp .. dead, 'PX', keep)\n"
	"  elseif head and kind == 'P' then\n"
	"    redis.call('SET', key, 'X' .. head .. dead, 'PX', keep)\n"
	"  elseif head then\n"
	"    redis.call('DEL', key)\n"
	"  end\n"
	"  if verdict ~= 1 then\n"
	"    out[#out + 1] = i\n"
	"    out[#out + 1] = verdict\n"
	"  end\n"
	"end\n"
	"return out\n";

/* KEYS: pauses. ARGV: scope, its stamp, the word, which begins with the stamp. The newest wins. */
static const char pause_text[] =
	"local v = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if v and tonumber(string.match(v, '^%d+') or 0) >= tonumber(ARGV[2]) then return 0 end\n"
	"redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])\n"
	"return 1\n";

/* KEYS: a row. Answers 0 forgotten, 1 there was none, 2 it is leased, 3 not ours. */
static const char forget_text[] =
	"local v = redis.pcall('GET', KEYS[1])\n"
	"if not v then return 1 end\n"
	"if type(v) ~= 'string' or not string.find(v, '^[RPDX].') then return 3 end\n"
	"if string.find(v, '^[RP]') then return 2 end\n"
	"redis.call('DEL', KEYS[1])\n"
	"return 0\n";

const char *const red_scripts[RED_SCRIPTS] = {
	[RED_SCRIPT_LEASE] = lease_text,
	[RED_SCRIPT_DONE] = done_text,
	[RED_SCRIPT_END] = end_text,
	[RED_SCRIPT_PAUSE] = pause_text,
	[RED_SCRIPT_FORGET] = forget_text,
};

int red_load_scripts(struct red_session *session, int64_t deadline_us, struct err *err)
{
	static const char *const doing[RED_SCRIPTS] = { "SCRIPT LOAD", "SCRIPT LOAD", "SCRIPT LOAD",
		"SCRIPT LOAD", "SCRIPT LOAD" };
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	redisReply *replies[RED_SCRIPTS];
	int r;

	for (size_t i = 0; i < RED_SCRIPTS; i++) {
		red_words(&out, "SCRIPT", "LOAD", red_scripts[i], NULL);
	}
	r = red_ask(session, &out, doing, replies, RED_SCRIPTS, deadline_us, err);
	if (r != 0) {
		return r;
	}
	for (size_t i = 0; i < RED_SCRIPTS; i++) {
		const char *sha = replies[i]->type == REDIS_REPLY_STRING ? replies[i]->str : "";

		snprintf(session->sha[i], sizeof(session->sha[i]), "%s", sha);
	}
	red_replies_free(replies, RED_SCRIPTS);
	return 0;
}

void red_script_command(const struct red_session *session, struct buffer *out,
	enum red_script script, size_t keys, size_t arguments)
{
	red_command(out, 3 + keys + arguments);
	red_part_str(out, "EVALSHA");
	red_part_str(out, session->sha[script]);
	red_part_int(out, (int64_t)keys);
}
