"""Recordings through the real gateway: found by their wire, asked for in every cut of their bytes."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from running import RECORDINGS

SPLITS: Final = ("whole", "event", "1", "7", "r5")
"""How the replay server cuts a reply: not at all, by events, into bytes, into sevens, at random."""


def recordings(wire: str) -> list[Path]:
    """The files whose recorded wire it is."""
    return sorted(path for path in RECORDINGS.glob("*/*.json") if f'"{wire}"' in path.read_text()[:600])


@functools.cache
def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def custom_host(recording: Mapping[str, Any], replay: str, options: str) -> str:
    """Where the replay server answers with this recording."""
    return f"{replay}/_id/{recording['id']};{options}/v1"


async def exchange(
    client: httpx.AsyncClient, url: str, recording: Mapping[str, Any], headers: Mapping[str, str]
) -> httpx.Response:
    """The recorded request, sent to the gateway."""
    body = json.dumps(recording["request"]["body"]).encode()
    return await client.post(url, content=body, headers={**headers, "content-type": "application/json"})


async def in_every_cut(
    url: str, recording: Mapping[str, Any], replay: str, headers: Mapping[str, str]
) -> tuple[list[httpx.Response], list[dict[str, Any]]]:
    """The gateway's answers, one for each cut, and what the replay server received for them."""
    async with httpx.AsyncClient(timeout=300) as client:
        told = [
            exchange(
                client, url, recording,
                {**headers, "x-portkey-custom-host": custom_host(recording, replay, f"split={split}")},
            )
            for split in SPLITS
        ]  # fmt: skip
        replies = await asyncio.gather(*told)
        seen = (await client.get(f"{replay}/_received", params={"id": recording["id"]})).json()
    return replies, seen[-len(SPLITS) :]
