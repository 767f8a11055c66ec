"""Write goldens.json anew: one line a recording. Review what has changed before it is committed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]


def main() -> None:
    goldens = HERE / "goldens.json"
    if not goldens.exists():
        goldens.write_text("{}")
    import wires
    from recordings.test_translated_wires import summary

    found = {path.stem: summary(wires.load(path)) for path in wires.paths() if wires.is_good(wires.load(path))}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    goldens.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
