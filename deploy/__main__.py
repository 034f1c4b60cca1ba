"""`python -m deploy` is `roadwear`."""

from deploy.cli import main

main()
