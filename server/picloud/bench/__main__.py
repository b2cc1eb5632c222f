"""`python -m picloud.bench` is `./picloud bench`."""

import sys

from picloud.bench.main import main

sys.exit(main(sys.argv[1:]))
