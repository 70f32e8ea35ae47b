"""`scripts/reference` writes the tables of the reference; `--check` only says which are not up to date."""

import sys

from docs_tables import REFERENCE, brought_up_to_date, pages


def main() -> int:
    old = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new = brought_up_to_date(text)
        if new != text:
            old.append(page.relative_to(REFERENCE.parents[1]))
            if "--check" not in sys.argv:
                page.write_text(new, encoding="utf-8")
    if "--check" not in sys.argv:
        print("\n".join(f"written anew: {page}" for page in old) or "The reference is up to date.")
        return 0
    for page in old:
        print(f"error: {page} is not what the code says; `scripts/reference` brings it up to date")
    if not old:
        print("The reference says what the code says.")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
