/*
 * handler.js - an exec handler in Node: appends each order to a file
 *
 *	[handler save_order]
 *	type = exec
 *	command = node /usr/local/share/onced/exec/handler.js
 *	env.ORDERS = /var/lib/shop/orders.jsonl
 *
 * An effect elsewhere is made at least once: event.event_id is the key by which a repeat is recognised.
 */
'use strict';
const fs = require('fs');
const readline = require('readline');

console.log = console.error; // standard output is for replies
const orders = fs.openSync(process.env.ORDERS, 'a');

async function handle(event) {
	const payload = event.value.payload;
	if (payload.n < 0) {
		return { result: 'reject', code: 'negative', reason: `n is ${payload.n}` };
	}
	console.log('saving', event.event_id);
	fs.writeSync(orders, JSON.stringify({ event_id: event.event_id, n: payload.n, attempt: event.attempt }) + '\n');
	return { result: 'done' };
}

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const event = JSON.parse(line);
		let reply;
		try {
			reply = await handle(event);
		} catch (error) {
			console.error(error);
			reply = { result: 'retry', code: String(error.name), reason: String(error.message).slice(0, 1000).replace(/\0/g, '?') };
		}
		process.stdout.write(JSON.stringify({ seq: event.seq, ...reply }) + '\n');
	}
}

main();
