"""
test_journal - log lines as entries of a real journal: fields, names, catalog, levels
"""


def entries(service, name):
    return service.journal(MESSAGE_ID=service.machine.message_id(name))


def test_a_dead_letter_has_fields_a_name_and_an_explanation(service):
    world = service.world.create_topics()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    service.configure().start()
    world.kafka.produce(world.topic, b'{"event_id": "bad", "payload": {"n": 1, "fault": "22P02"}}', b"k",
                        headers=[("traceparent", trace.encode())])
    world.kafka.flush()
    service.wait(lambda: entries(service, "DEAD_LETTER"), 40, "its dead letter is in the journal")
    [entry] = entries(service, "DEAD_LETTER")
    expected = {
        "PRIORITY": "4", "SYSLOG_IDENTIFIER": "onced", "ONCED_MODULE": "worker", "ONCED_PROCESS": "worker",
        "ONCED_CONSUMER": "c", "ONCED_SLOT": "0", "ONCED_TOPIC": world.topic, "ONCED_PARTITION": "0",
        "ONCED_OFFSET": "0", "ONCED_EVENT_ID": "bad", "ONCED_REASON": "rejected", "ONCED_CODE": "22P02",
        "ONCED_DLQ_TOPIC": world.dlq, "ONCED_TRACEPARENT": trace}
    assert {name: entry.get(name) for name in expected} == expected
    assert entry["_TRANSPORT"] == "journal" and int(entry["_PID"]) in service.worker_pids()
    # The line itself says it all to who reads no fields.
    assert f"topic={world.topic}" in entry["MESSAGE"] and trace in entry["MESSAGE"]
    explained = service.machine.run("journalctl", "-x", f"MESSAGE_ID={entry['MESSAGE_ID']}").stdout
    explained = " ".join(explained.replace("░░", "").split())
    assert "A record became a dead letter (rejected)" in explained
    assert f"Its bytes are in {world.dlq}, acknowledged." in explained and "oncectl dlq replay" in explained


def test_start_and_stop_are_told_once_each(service):
    service.world.create_topics()
    begun = [len(entries(service, name)) for name in ("STARTING", "STOPPING", "STOPPED")]
    service.configure().start()
    service.ctl("stop")
    ended = [len(entries(service, name)) for name in ("STARTING", "STOPPING", "STOPPED")]
    assert [after - before for before, after in zip(begun, ended)] == [1, 1, 1]
    # Nothing went past the journal's own way, as text on standard error.
    assert not service.journal(_TRANSPORT="stdout")


def test_levels_change_by_module_while_it_runs(service):
    world = service.world.create_topics()
    service.configure({"onced": {"log.level": "warning"}}).start()
    assert not service.journal(PRIORITY="7", _PID=service.main_pid())
    service.oncectl("log-level", "debug", "librdkafka")
    service.oncectl("log-level", "info", "worker", "--for", "1h")
    levels = {line.split()[0]: line.split()[1] for line in service.oncectl("log-level").stdout.splitlines()[1:]}
    assert levels == {"main": "warning", "supervisor": "warning", "worker": "info", "kafka": "warning",
                      "librdkafka": "debug", "store": "warning", "handler": "warning"}
    # In workers that run, and in those that come.
    def status_lines(pid):
        return service.journal(_PID=pid, PRIORITY="6", ONCED_MODULE="worker")
    [pid] = service.worker_pids()
    service.machine.run("systemctl", "kill", "--signal=USR1", "--kill-who=main", service.unit)
    service.wait(lambda: status_lines(pid), 20, "the worker's lines of that level are there")
    service.oncectl("restart", "c", "--wait")
    [pid] = service.worker_pids()
    service.wait(lambda: service.machine.run("systemctl", "kill", "--signal=USR1", "--kill-who=main", service.unit)
                 and status_lines(pid), 20, "its successor's, too")
    service.oncectl("log-level", "configured")
    assert "info" not in service.oncectl("log-level").stdout
    assert service.oncectl("log-level", "loud", check=False).returncode == 1
    assert service.oncectl("log-level", "debug", "nothing", check=False).returncode == 1
    world.produce_stream(10)
    service.wait_effects(10)
