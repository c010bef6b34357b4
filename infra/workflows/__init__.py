"""The story: each command told once, in the order in which things happen, and nothing but calls to the five nouns."""
