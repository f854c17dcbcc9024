"""When a source is due: slots are the scheduled times, the same for whoever asks."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from ingest.declared import Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_at(source: Source, moment: datetime) -> datetime | None:
    """The scheduled time at or before the moment; None for a source that runs on request only."""
    if source.every is not None:
        return EPOCH + (moment - EPOCH) // source.every * source.every
    if source.cron is not None:
        # A step further than the moment, so that a moment on the slot finds that slot.
        return next(CronSim(source.cron, moment.replace(microsecond=0) + timedelta(seconds=1), reverse=True))
    return None


def next_slot(source: Source, moment: datetime) -> datetime | None:
    """The scheduled time after the moment; None for a source that runs on request only."""
    if source.every is not None:
        return EPOCH + ((moment - EPOCH) // source.every + 1) * source.every
    if source.cron is not None:
        return next(CronSim(source.cron, moment))
    return None
