"""The house: everything from footage to queue that is not the network, the clock or a door."""
