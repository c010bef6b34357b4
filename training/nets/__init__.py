"""Networks as Gluon blocks. One module per family."""
