"""`make bench`: benchmarks that bring their own servers and print one JSON line per figure."""
