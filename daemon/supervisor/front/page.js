// page - asks /v1/status every two seconds and draws what it says
//
// Runs in: the browser of whoever was woken. It changes nothing and keeps nothing. Every text from
// the daemon (topics, ids, what a database or a handler said) is hostile: it gets into the page as
// text nodes only, by h(), and shown() takes out what would turn or hide the text beside it.
'use strict';
(() => {
	const EVERY_MS = 2000, GIVE_UP_MS = 10000, ROWS_MAX = 100, TEXT_MAX = 600;
	const RESULTS = ['done', 'duplicate', 'skipped', 'dead_lettered', 'deferred'];
	// How a state is shown: class, sign. Colour is never the only difference.
	const STATES = {
		running: ['ok', '✓'], ready: ['ok', '✓'], starting: ['busy', '…'], opening: ['busy', '…'],
		draining: ['busy', '↓'], paused: ['warn', '❚❚'], held: ['bad', '■'], degraded: ['bad', '▲'],
		stopped: ['bad', '✕'], waiting: ['bad', '▲'], fenced: ['bad', '▲'],
	};
	const USUAL = ['done', 'duplicate'];
	const QUIET_ENDS = ['drained', 'recycled'];
	const $ = (id) => document.getElementById(id);
	const open = new Map(); // which <details> the reader opened
	let before = null, now = null, heard_ms = 0, drawn_ms = 0, why = '';

	// ---- texts ----

	function shown(text) {
		const plain = String(text ?? '').replace(
			/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '·');
		return plain.length > TEXT_MAX ? plain.slice(0, TEXT_MAX) + '…' : plain;
	}

	function h(name, attributes, ...children) {
		const element = document.createElement(name);
		for (const [key, value] of Object.entries(attributes || {})) {
			if (value !== null && value !== undefined && value !== false) {
				element.setAttribute(key, value === true ? '' : value);
			}
		}
		const is_there = (child) => child !== null && child !== undefined && child !== false && child !== '';
		element.append(...children.flat(9).filter(is_there)
			.map((child) => (child instanceof Node ? child : document.createTextNode(shown(child)))));
		return element;
	}

	function svg(name, attributes, ...children) {
		const element = document.createElementNS('http://www.w3.org/2000/svg', name);
		for (const [key, value] of Object.entries(attributes)) {
			element.setAttribute(key, value);
		}
		element.append(...children);
		return element;
	}

	const list = (value) => (Array.isArray(value) ? value : []);
	const figure = (value) => (Number.isFinite(value) ? value : 0);
	const sum = (rows, of) => rows.reduce((total, row) => total + figure(of(row)), 0);
	const name = (text) => h('bdi', {}, shown(text));
	const place = (at) => h('bdi', { class: 'mono' }, `${shown(at.topic)}[${at.partition}]` +
		(Number.isFinite(at.offset) ? `@${at.offset}` : ''));
	const whole = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '?');

	function short(value) {
		if (!Number.isFinite(value)) {
			return '?';
		}
		return value < 10000 ? value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })
			: value.toLocaleString('en', { notation: 'compact', maximumFractionDigits: 1 });
	}

	function span(seconds) {
		if (!Number.isFinite(seconds)) {
			return '–';
		}
		const s = Math.max(0, Math.floor(seconds));
		return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)}m ${s % 60}s`
			: s < 86400 ? `${Math.floor(s / 3600)}h ${Math.floor(s % 3600 / 60)}m`
				: `${Math.floor(s / 86400)}d ${Math.floor(s % 86400 / 3600)}h`;
	}

	const clock = (ms) => (Number.isFinite(ms) ? new Date(ms).toLocaleTimeString('en-GB') : '');

	function state(word) {
		const [tone, sign] = STATES[word] || ['warn', '?'];
		return h('span', { class: `state ${tone}` }, `${sign} ${shown(word)}`);
	}

	// ---- figures ----

	const settled = (partition) => sum(RESULTS, (result) => (partition.settled || {})[result]);

	// Records a second since the last look; NaN where counters began anew.
	function rate(consumer, of) {
		const was = before && before.started === now.started &&
			list(before.consumers).find((other) => other.name === consumer.name);
		const seconds = was ? now.uptime_seconds - before.uptime_seconds : 0;
		const records = was ? sum(list(consumer.partitions), of) - sum(list(was.partitions), of) : -1;
		return seconds > 0 && records >= 0 ? records / seconds : NaN;
	}

	// The same, and before the second look what the daemon saw last.
	function speed_of(consumer) {
		const live = rate(consumer, settled);
		return Number.isFinite(live) ? live : list(consumer.history?.settled_per_second).at(-1) ?? NaN;
	}

	function dead(consumer) {
		const reasons = new Map();
		for (const partition of list(consumer.partitions)) {
			for (const [reason, count] of Object.entries(partition.dead_letters || {})) {
				if (count > 0) {
					reasons.set(reason, (reasons.get(reason) || 0) + count);
				}
			}
		}
		return [...reasons].sort((a, b) => b[1] - a[1]);
	}

	// What is paused soon will be, in the library too. With its consumer it is said once, there.
	const state_of = (partition) => (partition.paused ? 'paused' : partition.state);
	const stands = (consumer, partition) => !(consumer.state === 'paused' && state_of(partition) === 'paused') &&
		(state_of(partition) !== 'running' || partition.held > 0 || Boolean(partition.reason));

	// ---- a chart: the daemon's own history, and where it is now ----

	function chart(title, points, live, unit, kind, step_seconds, age_seconds) {
		const values = [...points, live], last = values.length - 1;
		const total = Math.max(last - 1, 0) * step_seconds + age_seconds;
		const at = (i) => (i === last ? total : i * step_seconds);
		const most = Math.max(1, ...values.filter(Number.isFinite));
		const peak = short(Math.max(0, ...values.filter(Number.isFinite)));
		const x = (i) => (total > 0 ? at(i) / total * 300 : 300), y = (value) => 58 - value / most * 54;
		const line = [], area = [];
		let run = [];
		const end = () => {
			if (run.length) {
				line.push('M' + run.map((i) => `${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`).join('L'));
				area.push(`M${x(run[0]).toFixed(1)} 60L` + run.map((i) =>
					`${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`).join('L') + `L${x(run.at(-1)).toFixed(1)} 60Z`);
			}
			run = [];
		};
		values.forEach((value, i) => (Number.isFinite(value) ? run.push(i) : end()));
		end();
		return h('figure', {},
			h('figcaption', {}, h('span', {}, title), h('span', {}, `most ${peak}${unit}`)),
			svg('svg', { viewBox: '0 0 300 60', preserveAspectRatio: 'none', role: 'img', class: kind,
				'aria-label': `${title}: now ${short(live)}${unit}, most ${peak}${unit}` },
				svg('path', { class: 'area', d: area.join('') }), svg('path', { class: 'line', d: line.join('') })),
			h('figcaption', { class: 'axis' }, h('span', {}, `${span(total)} ago`), h('span', {}, 'now')));
	}

	function charts(consumer, settled_rate) {
		const history = consumer.history || {}, step = figure(history.interval_seconds) || 10;
		const age = figure(history.age_seconds);
		return h('div', { class: 'charts' },
			chart('settled', list(history.settled_per_second), settled_rate, '/s', 'rate', step, age),
			chart('lag', list(history.lag), consumer.lag === null ? NaN : consumer.lag, '', 'lag', step, age));
	}

	// ---- what is the matter ----

	const notice = (tone, title, ...text) => h('p', { class: `notice ${tone}` }, h('b', {}, title), ' ', ...text);

	function pauses(consumer) {
		return list(consumer.pauses).map((pause) => notice('warn', '❚❚ Paused',
			pause.topic ? [pause.partition === null ? name(pause.topic) : place(pause), ' '] : '',
			'by ', name(pause.who), ` ${span((now_ms() - pause.since_ms) / 1000)} ago`,
			pause.until_ms ? `, until ${clock(pause.until_ms)}` : ', until somebody resumes it',
			pause.released ? ', its group left' : '', pause.reason ? [': ', name(pause.reason)] : '', '.'));
	}

	const now_ms = () => Date.parse(now.started) + now.uptime_seconds * 1000;

	// The same sentence of many workers is said once.
	function troubles(consumer) {
		const seen = new Map();
		for (const worker of list(consumer.workers)) {
			const said = [['store', worker.store_down && worker.store], ['dead letters', worker.dlq_down && worker.dlq],
				['broker', worker.broker_down && worker.broker],
				...list(worker.outages).map((outage) => ['outage', outage.text])];
			for (const [kind, text] of said.filter(([, text]) => text)) {
				const key = `${kind}\n${text}`;
				seen.set(key, { kind, text, slots: [...(seen.get(key)?.slots || []), worker.slot] });
			}
		}
		return [...seen.values()].slice(0, 8).map(({ kind, text, slots }) =>
			notice('bad', `■ ${kind}`, name(text), slots.length > 1 ? ` (${slots.length} workers)` : ''));
	}

	function quarantine(consumer) {
		return list(consumer.quarantine).slice(0, 5).map((entry) => notice('bad', '▲ Kills workers', place(entry),
			`, ${entry.deaths} deaths, ${entry.alone} of them alone: ${shown(entry.state)} of `, name(entry.reason),
			entry.code ? [' (', name(entry.code), ')'] : ''));
	}

	// ---- tables ----

	function table(heads, rows) {
		return h('table', {}, h('thead', {}, h('tr', {}, heads.map(([title, kind]) => h('th', { class: kind }, title)))),
			h('tbody', {}, rows));
	}

	const row = (heads, cells) => h('tr', {}, cells.map((cell, i) =>
		h('td', { class: heads[i][1], 'data-label': i > 1 ? heads[i][0] : null }, cell)));
	const more = (heads, tone, ...text) => h('tr', { class: `more ${tone}` }, h('td', { colspan: heads.length }, ...text));

	function in_hand(worker) {
		const busy = list(worker.lanes).filter((lane) => lane.stage !== 'idle').sort((a, b) => b.seconds - a.seconds)[0];
		return busy && busy.seconds >= 1 ? ['has ', place(busy), ` in hand (${shown(busy.stage)}`,
			busy.handler ? [' of ', name(busy.handler)] : '', `, attempt ${busy.attempt}) for ${span(busy.seconds)}`] : null;
	}

	function workers(consumer) {
		const heads = [['worker', ''], ['state', ''], ['pid', 'num wide'], ['up', 'num'], ['restarts', 'num'],
			['partitions', 'num wide'], ['in flight', 'num']];
		return table(heads, list(consumer.workers).flatMap((worker) => {
			const end = worker.last_exit, holds = in_hand(worker);
			return [row(heads, [[name(consumer.name), `/${worker.slot}`], state(worker.state), worker.pid ?? '–',
				span(worker.uptime_seconds ?? NaN), whole(worker.restarts), whole(worker.assigned), whole(worker.in_flight)]),
			holds && more(heads, '', holds),
			end && more(heads, QUIET_ENDS.includes(end.cause) ? '' : 'bad', `${clock(end.at_ms)} `, name(end.text))];
		}));
	}

	const partition_heads = [['partition', ''], ['state', ''], ['lag', 'num'], ['committed', 'num wide'],
		['end', 'num wide'], ['in flight', 'num wide'], ['parked', 'num'], ['held', 'num'], ['oldest', 'num wide']];

	function partition_rows(partition) {
		const tone = (STATES[state_of(partition)] || ['warn'])[0];
		return [row(partition_heads, [place(partition), state(state_of(partition)), whole(partition.lag ?? NaN),
			whole(partition.committed ?? NaN), whole(partition.end_offset ?? NaN), whole(partition.in_flight),
			whole(partition.parked), whole(partition.held), span(partition.oldest_unsettled_seconds >= 1 ? partition.oldest_unsettled_seconds : NaN)]),
		partition.reason && more(partition_heads, tone === 'ok' ? 'warn' : tone, name(partition.reason))];
	}

	function some(rows) {
		const sorted = [...rows].sort((a, b) => figure(b.lag) - figure(a.lag));
		return [table(partition_heads, sorted.slice(0, ROWS_MAX).flatMap(partition_rows)),
			sorted.length > ROWS_MAX && h('p', { class: 'quiet' }, `and ${sorted.length - ROWS_MAX} with less lag`)]
			.filter(Boolean);
	}

	function folded(key, title, content) {
		const element = h('details', { open: open.get(key), 'data-key': key }, h('summary', {}, title));
		const fill = () => element.open && element.childElementCount === 1 && element.append(...content());
		element.addEventListener('toggle', () => {
			open.set(key, element.open);
			fill();
		});
		fill();
		return element;
	}

	function partitions(consumer) {
		const all = list(consumer.partitions), standing = all.filter((p) => stands(consumer, p));
		const others = all.filter((p) => !stands(consumer, p)), count = others.length;
		const words = others.every((p) => state_of(p) === 'paused') ? ['is paused', 'are paused'] : ['runs', 'run'];
		return [
			standing.length ? [h('h3', {}, 'Partitions that need a look'), some(standing)] : '',
			count ? folded(`others ${consumer.name}`,
				`${count} ${count === 1 ? `partition ${words[0]}` : `partitions ${words[1]}`}`, () => some(others)) : '',
			!all.length ? h('p', { class: 'quiet' }, 'No partition is assigned to a worker here.') : '',
		];
	}

	function dead_letters(consumer) {
		const reasons = dead(consumer), most = Math.max(1, ...reasons.map(([, count]) => count));
		return h('div', {}, h('h3', {}, 'Dead letters since the start'),
			reasons.length ? h('div', { class: 'bars' }, reasons.flatMap(([reason, count]) => [h('span', {}, reason),
				svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
					svg('rect', { width: Math.max(1, count / most * 100), height: 10 })),
				h('span', { class: 'num' }, whole(count))])) : h('p', { class: 'quiet' }, 'None.'));
	}

	// The last of all partitions, newest first; what went wrong is not pushed out by what went well.
	function verdicts(consumer) {
		const newest = (a, b) => figure(b.at_ms) - figure(a.at_ms);
		const all = list(consumer.partitions).flatMap((partition) => list(partition.verdicts)
			.map((verdict) => ({ ...verdict, topic: partition.topic, partition: partition.partition }))).sort(newest);
		const odd = all.filter((verdict) => !USUAL.includes(verdict.outcome)).slice(0, 6);
		const some = [...odd, ...all.filter((verdict) => USUAL.includes(verdict.outcome)).slice(0, 8 - odd.length)].sort(newest);
		const heads = [['record', ''], ['verdict', ''], ['at', ''], ['event', '']];
		return some.length ? h('div', {}, h('h3', {}, 'Last verdicts'), table(heads, some.map((verdict) =>
			row(heads, [place(verdict), h('span', { class: odd.includes(verdict) ? 'warn' : '' }, name(verdict.outcome),
				verdict.reason ? [' ', name(verdict.reason)] : '', verdict.code ? [' ', name(verdict.code)] : '',
				verdict.attempt > 1 ? `, attempt ${verdict.attempt}` : ''), clock(verdict.at_ms), name(verdict.event_id)])))) : null;
	}

	function card(consumer) {
		const rows = list(consumer.partitions), speed = speed_of(consumer);
		const oldest = Math.max(0, ...rows.map((partition) => figure(partition.oldest_unsettled_seconds)));
		const figures = [['settled/s', short(speed)], ['lag', short(consumer.lag ?? NaN)],
			['in flight', short(sum(rows, (p) => p.in_flight))], ['parked', short(sum(rows, (p) => p.parked))],
			['held', short(sum(rows, (p) => p.held))], ['oldest', oldest >= 1 ? span(oldest) : '–'],
			['dead letters', short(sum(dead(consumer), ([, count]) => count))]];
		const told = [pauses(consumer), troubles(consumer)].flat(), tone = (STATES[consumer.state] || ['warn'])[0];
		return h('section', { class: 'card' },
			h('div', {}, h('h2', {}, name(consumer.name)), state(consumer.state),
				consumer.group_id === consumer.name ? '' : h('span', { class: 'quiet' }, 'group ', name(consumer.group_id))),
			told.length || !consumer.reason ? told
				: notice(tone === 'ok' ? '' : tone, 'Why', name(consumer.reason)),
			quarantine(consumer),
			h('dl', { class: 'figures' }, figures.map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value)))),
			charts(consumer, speed), h('h3', {}, 'Workers'), workers(consumer), partitions(consumer),
			h('div', { class: 'pair' }, dead_letters(consumer), verdicts(consumer)));
	}

	// ---- the page ----

	function verdict() {
		const consumers = list(now.consumers);
		const tone = (consumer) => (STATES[consumer.state] || ['warn'])[0];
		const bad = consumers.filter((consumer) => tone(consumer) === 'bad');
		const rest = consumers.filter((consumer) => ['warn', 'busy'].includes(tone(consumer)));
		const silent = consumers.filter((c) => tone(c) === 'ok' && list(c.partitions).some((p) => state_of(p) !== 'running'));
		const names = (some) => some.slice(0, 4).map((consumer, i) => [i ? ', ' : '', name(consumer.name), ` ${shown(consumer.state)}`]);
		if (now.draining) {
			return ['busy', ['↓ The daemon drains: it finishes what is in hand and ends.']];
		}
		if (bad.length) {
			return ['bad', [`■ ${bad.length} of ${consumers.length} consumers need${bad.length > 1 ? '' : 's'} a look: `, names(bad)]];
		}
		if (rest.length) {
			return [rest.every((c) => tone(c) === 'busy') ? 'busy' : 'warn', ['❚❚ Nothing is broken: ', names(rest)]];
		}
		return silent.length ? ['warn', ['❚❚ Nothing is broken, but some partitions are paused or not open yet: ',
			silent.slice(0, 4).map((consumer, i) => [i ? ', ' : '', name(consumer.name)])]]
			: ['ok', [consumers.length === 1 ? '✓ The consumer runs' : `✓ All ${consumers.length} consumers run`]];
	}

	function say(tone, parts) {
		const text = h('p', {}, parts);
		if ($('verdict').textContent !== text.textContent) { // or it would be read aloud each time
			$('verdict').replaceChildren(...text.childNodes);
		}
		$('verdict').className = tone;
		document.title = `${$('verdict').textContent.slice(0, 60)} – onced`;
	}

	function show_age() {
		const age = Math.round((Date.now() - heard_ms) / 1000), is_stale = why !== '';
		document.body.classList.toggle('stale', is_stale && heard_ms > 0);
		if (is_stale) {
			say('bad', heard_ms ? [`✕ No answer for ${span(age)} (${why}): what follows is old.`] : [`✕ No answer (${why}).`]);
		}
		$('asked').textContent = drawn_ms ? `as of ${clock(drawn_ms)}, ${is_selecting() ? 'kept while you select' : 'times are yours'}` : '';
	}

	function draw() {
		const focus = document.activeElement?.closest?.('[data-key]')?.dataset.key;
		$('where').textContent = shown(location.host);
		$('about').textContent = shown(`version ${now.version}, pid ${now.pid}, up ${span(now.uptime_seconds)}`);
		$('consumers').replaceChildren(...list(now.consumers).map(card));
		const again = [...document.querySelectorAll('[data-key]')].find((element) => element.dataset.key === focus);
		again?.querySelector('summary').focus({ preventScroll: true });
		say(...verdict());
		drawn_ms = heard_ms;
	}

	async function ask() {
		try {
			const answer = await fetch('/v1/status', { cache: 'no-store', signal: AbortSignal.timeout(GIVE_UP_MS) });
			if (!answer.ok) {
				throw new Error(`it answered ${answer.status}`);
			}
			const status = await answer.json();
			before = now;
			now = status;
			heard_ms = Date.now();
			why = '';
		} catch (error) {
			why = error instanceof TypeError ? 'nobody listens' : shown(error.message);
		}
	}

	// Whoever selects a text to copy it is not to lose it.
	const is_selecting = () => !getSelection().isCollapsed;

	async function go() {
		const began_ms = Date.now();
		let failed = '';
		if (!document.hidden) {
			await ask();
			if (!why && !is_selecting()) {
				try {
					draw();
				} catch (error) {
					failed = `this page cannot draw it: ${shown(error.message)}`;
				}
			}
			why = why || failed;
			show_age();
		}
		// A large status is asked for less often; one slow answer does not silence us for long.
		setTimeout(go, Math.min(Math.max(EVERY_MS, 5 * (Date.now() - began_ms)), GIVE_UP_MS));
	}

	go();
})();
