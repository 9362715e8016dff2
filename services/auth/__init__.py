"""auth: who somebody is. Sign-in, sessions, access tokens, and the account's own settings."""
