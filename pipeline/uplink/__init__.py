"""From vehicle and depot to the server: what is announced, sent, checked, and told of."""
