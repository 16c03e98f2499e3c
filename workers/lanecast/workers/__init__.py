"""Workers: they own runs, aggregate what producers publish, and render it for viewers.

    serve(WorkerSettings())     a worker process, until it is told to stop
    reducer("traffic")          what events of a type make of the state
    processor("congestion")     what looks at the state and adds to it

The pure core: `aggregate`, `layers`, `plugins`, `reducers`, `processors`, `processing`, `newest`, `priority`, `render`,
`quality`, `grading`, `audience`, `bulletin`, `vigil`, `desk`.
The edges that talk to Redis: `reading`, `takeover`, `owner`, `worker`, `service`; those to the machine: `strain`,
`labour`, `gauges`.
"""

from lanecast.workers.processors import processor
from lanecast.workers.reducers import reducer
from lanecast.workers.service import serve
from lanecast.workers.settings import WorkerSettings

__all__ = ["WorkerSettings", "processor", "reducer", "serve"]
