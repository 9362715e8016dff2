"""What the pages show: plain frozen dataclasses, free of protobuf and of HTTP."""
