"""`python3 -m guard`"""

from .agent import main

main()
