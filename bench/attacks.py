"""Attacks on a gateway on loopback, one after the other: ``python -m bench.attacks``. None may keep a bystander that
asks for /health waiting for more than 100 ms, leave more than 50 MB of memory behind, or get what it is after.

    python -m bench.attacks                      # all of them, about ten minutes
    python -m bench.attacks --only 1 --only 3    # two groups: configs, and bodies before a key is shown

The machine may be busy with other things: a row over the bar is tried again, and its best try counts. ``own`` is the
part of the longest wait that was the gateway's doing (bench/probe.py). Memory is compared with that before the attack,
at most five seconds after it. The gateways know no names and no hosts but loopback (bench/sheltered.py).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from bench import local, machine
from bench.attack_costs import COSTS
from bench.attack_fences import FENCES
from bench.attack_pressure import PRESSURE
from bench.attacking import CANARY, Attack, Mock, Outcome, Scene, measure, settings

_TRIES: Final = 3
_PROGRAM: Final = ("-m", "bench.sheltered")
_LENT: Final = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "DATABRICKS_TOKEN", "SNOWFLAKE_PAT")
ATTACKS: Final = (*COSTS, *PRESSURE, *FENCES)


async def run(attacks: Sequence[Attack], home: Path) -> list[tuple[Attack, Outcome]]:
    """Play attacks, all of one gateway after the other."""
    outcomes: list[tuple[Attack, Outcome]] = []
    for kind, its_attacks in groupby(
        sorted(attacks, key=lambda attack: attack.gateway), key=lambda attack: attack.gateway
    ):
        mock = Mock()
        server = await asyncio.start_server(mock.handle, local.HOST, 0)
        mock.port = server.sockets[0].getsockname()[1]
        folder = home / kind
        folder.mkdir()
        async with server:
            with local.running(folder, settings(kind, folder, mock), program=_PROGRAM) as gateway:
                scene = Scene(gateway, mock, folder)
                for _ in range(200):
                    await scene.ask(x_portkey_provider="echo")
                for attack in its_attacks:
                    outcomes.append((attack, await _best(attack, scene)))
                    print(line(*outcomes[-1]), flush=True)
            server.close()
    return outcomes


async def _best(attack: Attack, scene: Scene) -> Outcome:
    """The outcome of an attack: of several tries, if the first is not within the bar."""
    outcome = await measure(attack, scene)
    for _ in range(_TRIES - 1):
        if not outcome.is_within:
            again = await measure(attack, scene)
            outcome = again if again.is_within or (again.is_held and again.own < outcome.own) else outcome
    return outcome


def line(attack: Attack, outcome: Outcome) -> str:
    """One row of the table."""
    mark = "" if outcome.is_within else "  OVER" if outcome.is_held else "  NOT HELD"
    times = f"{outcome.longest * 1000:6.0f} {outcome.own * 1000:6.0f} {outcome.cpu * 1000:6.0f}"
    memory = f"{outcome.before:6.0f} {outcome.after - outcome.before:+7.1f}"
    return f"{attack.group:4} {attack.name:46.46} {times} {memory}  {outcome.seen}{mark}"


_TITLE: Final = f"{'':4} {'attack':46} {'wait':>6} {'own':>6} {'cpu':>6} {'RSS':>6} {'stays':>7}   (ms, MB)"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.attacks", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="GROUP", help="one group: 1, 1c, 17; may be repeated"
    )
    options = parser.parse_args()
    machine.allow_many_files()
    os.environ.update(dict.fromkeys(_LENT, CANARY))
    only = set(options.only)
    chosen = [each for each in ATTACKS if not only or {each.group, each.group.rstrip("abcdefgh+")} & only]
    print(_TITLE)
    with tempfile.TemporaryDirectory(prefix="penstock-attacks-") as home:
        outcomes = asyncio.run(run(chosen, Path(home)))
    over = [attack.name for attack, outcome in outcomes if not outcome.is_within]
    print(f"{len(outcomes)} attacks, {len(over)} beyond the bar: {', '.join(over) or 'none'}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
