"""Delivery: records become batches, requests and results that the journal keeps.

`batcher` and `retry_policy` decide, and send nothing; `engine` drives them all.
"""

from opusmap.delivery.attempts import DeliveryOptions
from opusmap.delivery.batcher import KeyLocks
from opusmap.delivery.engine import deliver
from opusmap.delivery.rate_limit import Clock
from opusmap.delivery.results import Attempt, Event, Fate, Outlook, RecordResult, Stopped, SubmitTotals
from opusmap.delivery.retry_policy import ResumePolicy, RetryPolicy

__all__ = [
    "Attempt",
    "Clock",
    "DeliveryOptions",
    "Event",
    "Fate",
    "KeyLocks",
    "Outlook",
    "RecordResult",
    "ResumePolicy",
    "RetryPolicy",
    "Stopped",
    "SubmitTotals",
    "deliver",
]
