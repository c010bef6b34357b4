"""What the user sees, a module per group of the help: text, made from values. Nothing here asks or changes anything."""
