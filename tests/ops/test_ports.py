import socket

import pytest

from lanecast.ops import ports
from lanecast.ops.problem import Problem


def test_a_port_with_a_listener_is_not_free_and_is_free_again_after_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_a_port_shared_by_others_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        assert not ports.is_free(listener.getsockname()[1])


def test_the_preferred_port_is_taken_only_if_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        assert ports.free_port(taken) in ports.OWN_PORTS
    assert ports.free_port(taken) == taken


def test_a_host_that_is_not_this_machine_is_a_problem() -> None:
    with pytest.raises(Problem, match=r"192\.0\.2\.1"):
        ports.is_free(8080, "192.0.2.1")
    with pytest.raises(Problem, match="not known"):
        ports.is_free(8080, "no-such-host.invalid")
