"""Feature by feature against the libraries that people use instead: every answer is observed.

`python -m benchmarks.compare` runs small programs, the same for each library, and prints what came
of them; `--write` puts the tables into docs/compare.md.
"""
