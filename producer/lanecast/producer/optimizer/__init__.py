"""Watch and steer an optimizer or solver: placement, routing, training.

    from lanecast.producer.optimizer import StreamingVisualizer

    with StreamingVisualizer("placement", fps_limit=30) as viz:   # starts an embedded server, writes the viewer's page
        print(viz.get_viewer_url())
        for iteration in range(1000):
            if viz.is_paused:
                viz.wait_resume()
            if viz.is_stop_requested:
                break
            components, energy = improve()
            viz.capture_and_stream("forces", iteration, components=components, energy=energy)
    viz.export_html("placement.html")

`StreamServer` is that embedded server by itself, `StreamManager` runs several at once, `AsyncStreamingVisualizer` is
for programs on asyncio.
"""

from lanecast.producer.optimizer.aio import AsyncStreamingVisualizer
from lanecast.producer.optimizer.manager import StreamManager
from lanecast.producer.optimizer.server import ServerNotStarted, StreamServer
from lanecast.producer.optimizer.visualizer import StreamingVisualizer

__all__ = ["AsyncStreamingVisualizer", "ServerNotStarted", "StreamManager", "StreamServer", "StreamingVisualizer"]
