"""`python -m backstory` is the same as `backstory`."""

from backstory.cli import main

if __name__ == "__main__":
    main(prog_name="backstory")
