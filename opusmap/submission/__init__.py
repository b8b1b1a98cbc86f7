"""Submitting: records become batches, requests and outcomes.

`batching`, `resume`, `retry` and `answers` are pure; `client` is the only module that knows HTTP, and is not
imported here because HTTP libraries are slow to load; `engine` drives them all and keeps the journal.
"""

from opusmap.submission.answers import Outcome, read_answer
from opusmap.submission.batching import BATCH_SIZE, Batch, encode_body, encode_values
from opusmap.submission.engine import SubmitTotals, submit_records
from opusmap.submission.exchange import Answer, NoAnswer, Sender, Trouble
from opusmap.submission.key_order import KeyLocks
from opusmap.submission.resume import ResumePolicy
from opusmap.submission.retry import RetryPolicy

__all__ = [
    "BATCH_SIZE",
    "Answer",
    "Batch",
    "KeyLocks",
    "NoAnswer",
    "Outcome",
    "ResumePolicy",
    "RetryPolicy",
    "Sender",
    "SubmitTotals",
    "Trouble",
    "encode_body",
    "encode_values",
    "read_answer",
    "submit_records",
]
