"""Where `./picloud` and `./pic` arrive: set up what is missing, then run the program.

Runs under any Python 3.11 until the virtual environment exists, so it imports only the standard
library and this package before that.
"""

from __future__ import annotations

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]

from picloud.setup.launch import main  # noqa: E402  # only now can it be found

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
