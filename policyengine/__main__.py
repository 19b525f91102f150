"""`python -m policyengine` is the command `guiju`."""

import sys

from policyengine.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
