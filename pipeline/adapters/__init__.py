"""Proper names: the only code that touches the world. None knows a stage."""
