"""Submission over SMTP (RFC 6409) with aiosmtplib."""
