"""
topics - what happens to the input topic itself
"""

from confluent_kafka import KafkaException

from ..modes import MODES
from . import Fault, NobodyThere, fault


@fault
class AddPartitions(Fault):
    """The topic gets more partitions, which have no committed offset yet."""

    name = "partitions added"
    target = "topic"
    MOST = 14

    def begin(self):
        if self.stage.partitions >= self.MOST:
            raise NobodyThere("there are enough of them")
        self.stage.partitions += self.chance.randrange(1, 3)
        self.note = f"{self.stage.partitions} now"
        self.stage.kafka.add_partitions(self.stage.topic, self.stage.partitions)


@fault
class RecreateTopic(Fault):
    """The second topic is deleted with whatever nobody has applied, and made anew: same name, same offsets."""

    name = "topic deleted"
    target = "topic"
    length = (0.0, 3.0)
    weight = 3

    @classmethod
    def unfit(cls, options):
        return "" if options.has_side else "there is no second topic"

    def begin(self):
        if not self.stage.side.is_old_enough():
            raise NobodyThere("hardly anything of it has been applied yet")
        self.stage.side.delete()

    def is_over(self):
        try:
            return self.stage.side.is_there()
        except KafkaException:
            return False  # a broker that is away has nothing to say


@fault
class RetentionPasses(Fault):
    """Records that nobody has applied yet are deleted: the one loss there is, and it is told."""

    name = "retention passes"
    target = "topic"
    KEPT = 20
    taken = None  # (partition, below which offset)
    answers = 0

    @classmethod
    def unfit(cls, options):
        return "" if MODES[options.mode].may_lose else "records of this mode must not be lost"

    def begin(self):
        committed, ends = self.stage.committed(), self.stage.ends()
        behind = {w: end - committed.get(w, 0) for w, end in ends.items()}
        where = max(behind, key=behind.get)
        before = max(ends[where] - self.KEPT, 0)
        self.stage.keep_records()
        self.stage.kafka.delete_records(*where, before)
        self.stage.deleted[where[1]] = before
        self.note = self.what = f"partition {where[1]} up to {before}, committed {committed.get(where, 0)}"
        self.taken = where[1], before

    def is_over(self):
        """Where its partition is held an operator comes to see; it is over when the group has passed what is gone."""
        if not self.stage.options.is_held or not self.taken:
            return True
        self.answers += self.stage.answer_held()
        self.note = f"{self.what}, an operator answered {self.answers} times"
        try:
            committed = self.stage.kafka.committed_fast(self.stage.group, self.stage.topic, self.stage.partitions)
        except KafkaException:
            return False
        partition, before = self.taken
        return committed.get(partition, 0) >= before
