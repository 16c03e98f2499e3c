"""Jobs: what is done now and then for the whole system, by arq.

    registry   what a job is: its name, its schedule, its function; progress, result
    trim, reap, capacity   the jobs that ship
    ledger     what became of jobs, in Redis
    queue      arq: queueing, cancelling, the process that works

A job may run twice, or twice at the same time: each is written so that this does no harm. A job of your own is a
function under `registry.job(…)` in a module that is imported before `queue.serve`; exporting and recording will be
such.
"""

from lanecast.workers.jobs.registry import JOBS, Context, Job, job

__all__ = ["JOBS", "Context", "Job", "job"]
