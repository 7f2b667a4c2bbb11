"""
round - one round: a mode, a plan of faults, a stream; run, worked off, stopped, read, and given to the judge
"""

import dataclasses
import gc
import time

import confluent_kafka
from scenario import checker
from scenario.harness import slowness
from support.cache import scratch_dir

from . import commits, eventlog, judge, leaks, plan
from .modes import MODES
from .producer import Producer
from .scheduler import Happened, Scheduler
from .stage import Stage
from .stream import FLOOD, Stream
from .verdict import Course, Verdict
from .watch import Watch

LAG_SECONDS = 60.0  # the promise for a machine that is not slowed down


class Round:
    def __init__(self, servers, options, table):
        self.servers = servers
        if servers.lacks(options.assignment):
            options = dataclasses.replace(options, assignment="eager")
        self.options = options
        self.mode = MODES[options.mode]()
        self.table = table

    def run(self):
        directory = scratch_dir("torture")
        stage = Stage(self.servers, self.mode, self.options, directory)
        absent = plan.unfit(self.options, self.table)
        drawn = plan.draw(self.options, self.table)
        absent.update((p.name, self.table[p.name].lacks(stage)) for p in drawn)
        # Millions of records and no cycle among them.
        gc.collect()
        try:
            course = self._run(stage, [p for p in drawn if not absent[p.name]])
            course.absent = self._absent(absent, drawn)
            return Verdict(course)
        finally:
            gc.enable()
            self.servers.restore()
            stage.close()

    # ---- the course of a round ----

    def _absent(self, absent, drawn):
        """{name: why it did not come} of every kind"""
        names = {p.name for p in drawn}
        return {name: absent[name] or plan.NOT_DRAWN for name in self.table if absent[name] or name not in names}

    def _run(self, stage, drawn):
        options = self.options
        stage.prepare()
        begin = stage.kafka.end_offsets(commits.TOPIC)
        stage.start_hosts()
        per_second = options.per_second or self.mode.per_second
        producer = Producer(stage.kafka.bootstrap, stage.topic, self._stream(stage), per_second)
        watch = Watch(stage, producer)
        scheduler = Scheduler(stage, drawn, self.table)
        before = stage.descriptors()
        producer.start()
        if stage.side:
            stage.side.start()
        watch.start()
        began = time.time()
        try:
            scheduler.run(options.seconds)
        finally:
            scheduler.end_all()
            ended = time.time()
            producer.stop()
            if stage.side:
                stage.side.stop()
        self.servers.restore()
        lag_zero_after = self._work_off(stage, ended)
        watch.stop()
        scheduler.happened += [Happened("machine stood still", "machine", *stall, "", False)
                               for stall in watch.stalls]
        remains = self._compare(before, stage.descriptors()) if lag_zero_after is not None else []
        exit_codes = {host.name: self._stop(host, remains) for host in stage.hosts}
        gc.disable()
        evidence = self._read(stage, producer, watch, scheduler, begin, lag_zero_after, exit_codes, remains)
        return Course(
            self.options, stage.directory, evidence, began, ended, producer.acknowledged, len(producer.failed),
            scheduler.left_out, watch.errors)

    def _stream(self, stage):
        # It goes to another process, and what the mode has at hand does not.
        misbehaviour = type(self.mode)().misbehaviour
        weights = {**FLOOD, **self.mode.weights} if self.options.kind == "flood" else self.mode.weights
        return Stream(self.options.seed, stage.name, misbehaviour, weights)

    def _limit(self):
        return LAG_SECONDS * slowness()

    def _work_off(self, stage, ended):
        """Seconds until nothing was left to do, None when that took too long."""
        deadline = time.time() + self._limit()
        resume_at = 0.0
        while time.time() < deadline:
            if time.time() > resume_at:
                # A host that was away when its pause ended has not heard of it.
                stage.resume_all()
                if self.options.is_held:
                    stage.answer_held()
                resume_at = time.time() + 5
            for host in stage.hosts:
                if not host.is_running():
                    host.start_again()
            if self._is_done(stage):
                return time.time() - ended
            time.sleep(0.1)
        return None

    @staticmethod
    def _is_done(stage):
        try:
            # Some that were to be added during another fault may not have been, whatever was answered.
            stage.partitions = stage.kafka.partition_total(stage.topic)
            # A partition without a leader has no end just now: then nothing is known.
            if stage.side and not stage.side.is_there():
                return False
            return (len(stage.ends()) == stage.partitions and stage.lag() == 0
                    and all(host.is_reachable() for host in stage.hosts)
                    and stage.is_complete() and len(stage.ends()) == stage.partitions)
        except (confluent_kafka.KafkaException, TimeoutError):
            return False  # the broker has not come to itself yet

    @staticmethod
    def _compare(before, after):
        found = []
        for host, (descriptors, threads) in after.items():
            if threads != 1:
                found.append(f"the supervisor of {host} has {threads} threads")
            if descriptors > before[host][0] + 2:
                found.append(f"the supervisor of {host} has {descriptors} descriptors, {before[host][0]} before")
        return found

    @staticmethod
    def _stop(host, remains):
        """Its exit status; what is wrong with what it leaves goes to `remains`."""
        try:
            host.note_secrets()
            host.look_for_secrets()
            code = host.stop_gently()
            host.check_remains()
            return code
        except (AssertionError, TimeoutError) as error:
            remains.append(f"host {host.name}: {str(error)[:2000]}")
            return host.process.poll()

    def _read(self, stage, producer, watch, scheduler, begin, lag_zero_after, exit_codes, remains):
        committed = stage.committed()
        inputs = stage.inputs()
        effects, beside = _parted(self.mode.effects(stage), stage, lambda effect: effect.topic)
        letters, letters_beside = _parted(stage.dead_letters(), stage, lambda letter: checker.origin(letter)[0])
        return judge.Evidence(
            mode=judge.Promised(self.mode.promise, self.mode.is_deduplicating, self.mode.has_owners), committed=committed, inputs=inputs,
            leaks=leaks.found(stage.hosts, letters + letters_beside), effects=effects, dead_letters=letters, ends=stage.ends(),
            ledger=producer.ledger, history=commits.read(stage.kafka, stage.group, stage.topic, begin), samples=watch.samples,
            deaths=stage.deaths,
            exits=[(host.name, exit_) for host in stage.hosts for exit_ in eventlog.exits(host.log_path)],
            exit_codes=exit_codes, remains=remains, faults=scheduler.happened,
            lag_zero_after=lag_zero_after, lag_zero_limit=self._limit(),
            skipped=stage.deleted_unsettled(inputs), told_lost=self._told_lost(stage),
            side=stage.side.evidence(beside, letters_beside) if stage.side else None)

    @staticmethod
    def _told_lost(stage):
        return {p for host in stage.hosts for p in eventlog.told_lost(host.log_path, stage.topic)}


def _parted(found, stage, topic_of):
    """(what is of the topic that everything is measured by, what is of the one beside it)"""
    own = [item for item in found if topic_of(item) == stage.topic]
    return own, [item for item in found if topic_of(item) != stage.topic]
