"""`python -m wgbench`."""

from wgbench.cli.main import main

if __name__ == "__main__":
    main()
