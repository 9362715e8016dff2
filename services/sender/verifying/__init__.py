"""Addresses that a person may write as because a code that was mailed there came back."""
