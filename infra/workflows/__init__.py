"""What each command does, step by step, as calls to the five nouns."""
