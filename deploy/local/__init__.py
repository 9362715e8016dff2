"""What `make run` starts, and what the tests and it need from the machine."""
