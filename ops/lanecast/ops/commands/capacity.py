"""The command that plans: `capacity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lanecast.ops import console

FOLDER = Path("build/bench")


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Look")(capacity)


def capacity(
    viewers: Annotated[int, typer.Option(min=1, metavar="N", help="All runs together.")] = 1_000,
    rate: Annotated[float, typer.Option(min=0.1, metavar="HZ", help="Frames a second that a run publishes.")] = 30.0,
    entities: Annotated[int, typer.Option(min=1, metavar="N", help="In each frame.")] = 1_000,
    tier: Annotated[str, typer.Option(help="What viewers watch.")] = "high",
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Simulations.")] = 1,
    node_cores: Annotated[int, typer.Option(min=1, metavar="N", help="Of a machine for gateways.")] = 16,
    node_gbit: Annotated[float, typer.Option(min=0.1, metavar="GBIT", help="Of its network.")] = 10.0,
    node_gib: Annotated[float, typer.Option(min=1, metavar="GIB", help="Of its memory.")] = 32.0,
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Where benches have left results.")] = FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Tell how many nodes, cores, how much bandwidth and memory a load takes.

    It is reckoned from what each hop was measured to cost: on this machine, where `lanecast bench fanout`, `bytes` and
    `worker` have been run, else on the one that the shipped figures are from. docs/capacity.md explains the model. What
    the runs of a running system take is told by `lanecast jobs report`.
    """
    from dataclasses import asdict

    from lanecast.broker.tiers import TIERS
    from lanecast.ops.capacity import costs, model

    if tier not in TIERS:
        raise typer.BadParameter(f"{tier!r} is not one of {', '.join(TIERS)}", param_hint="--tier")
    known = costs.load(figures)
    load = model.Load(viewers, rate, entities, tier, runs)
    node = model.Node(node_cores, node_gbit, node_gib)
    made = model.plan(load, known.costs, node)
    if as_json:
        console.print_json(
            {
                "load": asdict(load),
                "node": asdict(node),
                **asdict(made),
                "figures": known.figures,
                "assumptions": model.ASSUMPTIONS,
            }
        )
        return
    console.out.print(_table(made))
    for limit in made.limits:
        console.out.print(f"[red]does not fit:[/] {limit}")
    origins = sorted({f"{one.source} ({one.machine}, {one.at})" for one in known.figures.values()})
    console.out.print("\nMeasured by:", *(f"- {line}" for line in origins), sep="\n", style="dim", markup=False)
    console.out.print("\nAssumed:", *(f"- {line}" for line in model.ASSUMPTIONS), sep="\n", style="dim", markup=False)


def _table(made: Any) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    g, w, r = made.gateways, made.workers, made.redis
    for name, value, unit in (
        ("a frame, as shown", f"{made.frame_bytes / 1e3:,.1f}", f"kB, {made.shown_hz:g} a second"),
        ("deliveries", f"{g['deliveries_per_s']:,.0f}", "a second"),
        ("gateways", f"{g['nodes']:,}", f"nodes, one of them to spare; bound by {g['bound_by']}"),
        ("", f"{g['processes']:,}", f"processes; {g['cores']:,.1f} cores busy"),
        ("", f"{g['gbit_per_s']:,.2f}", "Gbit/s to viewers, all nodes"),
        ("", f"{g['memory_gib']:,.2f}", "GiB, all nodes"),
        ("workers", f"{w['processes']:,}", f"processes, one of them to spare; {w['cores']:,.2f} cores busy"),
        ("Redis", f"{r['shards']:,}", f"shards, each with a replica; {r['cores']:,.2f} cores busy"),
        ("", f"{r['gbit_per_s']:,.2f}", f"Gbit/s; {r['readers_of_a_run']:,.0f} gateway processes read a run"),
        ("", f"{r['memory_gib']:,.2f}", f"GiB; {r['log_mb_per_s']:,.1f} MB/s into its log"),
    ):
        table.add_row(name, value, unit)
    return table
