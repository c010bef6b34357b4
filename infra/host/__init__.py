"""The host: a machine that answers SSH. It is given an address, never an instance, and knows nothing of AWS."""
