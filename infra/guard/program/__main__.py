"""`python3 -m guard`"""

from .watch import main

main()
