"""The sender's tables. Functions here take a Session and run inside one transaction of
services.common.database."""
