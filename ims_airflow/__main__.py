from __future__ import annotations

import sys

from ims_airflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
