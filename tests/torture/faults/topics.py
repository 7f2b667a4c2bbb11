"""
topics - what happens to the input topic itself
"""

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
