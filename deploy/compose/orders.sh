#!/bin/sh
# orders - endless sample orders for kafka-console-producer, KEY|VALUE; ORDERS=N ends after N, PAUSE is between two
#
# Every 10th is sent twice, every 50th is of a customer who does not exist, every 100th is no order.
n=0
run=$(date +%s)
while [ -z "$ORDERS" ] || [ "$n" -lt "$ORDERS" ]; do
	n=$((n + 1))
	customer=$((n % 7 + 1))
	[ $((n % 50)) != 0 ] || customer=99
	order='{"event_id": "'$run-$n'", "event_type": "order.placed", "payload": {"order_id": "'$run-$n'", "customer_id": '$customer', "amount": '$((n % 90 + 1)).50'}}'
	[ $((n % 100)) != 0 ] || order='{"hello'
	echo "$customer|$order"
	[ $((n % 10)) != 0 ] || echo "$customer|$order"
	sleep "${PAUSE:-0.1}"
done
