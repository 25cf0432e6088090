"""``python -m stressbench`` and the ``stressbench`` script."""

from stressbench.cli.app import main

if __name__ == "__main__":
    main()
