"""Images, sounds and files that a model made, in words: for wires that can't carry them."""

from __future__ import annotations

from penstock.core.events import Media


def media_text(media: Media) -> str:
    """What stands for an image, a sound or a file: its address if it has one."""
    kind = "image" if media.mime.startswith("image/") else "sound" if media.mime.startswith("audio/") else "file"
    return f"[{kind}: {media.url}]" if media.url else f"[{kind} of type {media.mime}, which this API can't carry]"
