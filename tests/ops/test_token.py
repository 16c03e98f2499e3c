"""`lanecast token`: what it prints is what a gateway takes, and what it cannot do it says."""

from __future__ import annotations

import subprocess

import pytest
from tests.ops.system import ENV, LANECAST

from lanecast.gateway.access import read_token

SECRET = "s" * 32


def token(*words: str, secret: str | None = SECRET) -> subprocess.CompletedProcess[str]:
    env = ENV | ({} if secret is None else {"LANECAST_SECRET": secret})
    return subprocess.run(
        [*LANECAST, "token", *words], env=env, capture_output=True, text=True, timeout=30, check=False
    )  # fmt: skip


def test_a_token_is_one_that_gateways_with_the_secret_take() -> None:
    done = token("--user", "ada", "--role", "controller", "--runs", "one,two")
    who = read_token(done.stdout.strip(), SECRET)
    assert (who.user, who.role, who.runs) == ("ada", "controller", frozenset({"one", "two"}))
    assert who.expires_s is not None


def test_without_more_words_it_lets_one_watch_every_run() -> None:
    who = read_token(token("--user", "ada").stdout.strip(), SECRET)
    assert (who.role, who.runs) == ("viewer", None)


@pytest.mark.parametrize(
    ("words", "secret", "said"),
    [
        ([], None, "LANECAST_SECRET is not set"),
        ([], "short", "32 characters"),
        (["--role", "king"], SECRET, "controller"),
        (["--runs", "a b"], SECRET, "is not 1 to 64 characters"),
    ],
)
def test_what_it_cannot_do_it_says_with_the_remedy(words: list[str], secret: str | None, said: str) -> None:
    done = token("--user", "ada", *words, secret=secret)
    assert done.returncode != 0
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
