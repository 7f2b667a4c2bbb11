#!/bin/sh
# topics - what onced reads and writes; done again it changes nothing
set -e
for topic in orders orders.dlq; do
	/opt/kafka/bin/kafka-topics.sh --bootstrap-server "$1" --create --if-not-exists --topic "$topic" --partitions 6
done
