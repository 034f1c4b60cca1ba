"""A street one can drive down, with known truth: for the demo, the tests and the benchmarks."""
