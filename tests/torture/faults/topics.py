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
        self.note = f"partition {where[1]} up to {before}, committed {committed.get(where, 0)}"
