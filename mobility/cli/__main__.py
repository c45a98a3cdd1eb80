"""``python -m mobility.cli``: the same as `mobility`."""

from mobility.cli import main

if __name__ == "__main__":
    main()
