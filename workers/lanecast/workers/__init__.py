"""Workers: they own runs, aggregate what producers publish, and render it for viewers.

    serve(WorkerSettings())     a worker process, until it is told to stop
    reducer("traffic")          what events of a type make of the state

The pure core: `aggregate`, `layers`, `reducers`, `newest`, `priority`, `render`, `audience`, `bulletin`, `vigil`,
`desk`.
The edges that talk to Redis: `reading`, `takeover`, `owner`, `worker`, `service`.
"""

from lanecast.workers.reducers import reducer
from lanecast.workers.service import serve
from lanecast.workers.settings import WorkerSettings

__all__ = ["WorkerSettings", "reducer", "serve"]
