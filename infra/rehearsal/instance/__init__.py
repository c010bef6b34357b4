"""One rented computer: a folder as its disk, processes as its programs, a real SSH server on a loopback port."""
