"""The verbs, one module a step of the line; pure, and none knows another."""
