"""The nouns of the trade: no I/O, no clock, no numpy at run time. Knows nothing above it."""
