"""Measuring and caching: the profiler and the statistics cache."""
