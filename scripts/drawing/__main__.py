"""`scripts/plots` draws what the kept runs of `make bench` measured; `--check` only compares."""

import sys

from drawing import FOLDER, pictures


def main() -> int:
    old = [picture for picture in pictures() if not picture.drawn()]
    if "--check" in sys.argv:
        for picture in old:
            print(f"error: {picture.name} is not drawn from the newest run; run `scripts/plots`")
        if not old:
            print("The plots show the newest runs.")
        return 1 if old else 0
    from drawing import figures

    FOLDER.mkdir(parents=True, exist_ok=True)
    for picture in old:
        figures.draw(picture)
        print(f"drawn: {picture.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
