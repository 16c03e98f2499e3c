"""Camera pictures: decoded once, encoded once for each tier that somebody watches, off the event loop.

    codec     bytes in, JPEG out (simplejpeg for JPEG, Pillow for the rest and for scaling)
    camera    which tiers of a camera are due; newest wins
    relief    how much is left out when there is too much to do; the best tiers go first
    stage     the cameras of one run, between its owner and the pool
    pool      the threads of a process, shared by all its runs

`camera`, `codec` and `relief` do no I/O.
"""
