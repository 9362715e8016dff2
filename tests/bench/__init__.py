"""Drivers for measuring the whole of Postern from outside."""
