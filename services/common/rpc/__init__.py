"""The gRPC server and client builders, and what stands between them and the servicers."""
