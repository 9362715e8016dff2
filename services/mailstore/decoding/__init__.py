"""Decoders of mail in processes of their own: a crash, a loop or a bomb harms the one request that met it.

Small and ordinary content is decoded where it is (the decoders are linear and bounded, which the fuzz runs
hold them to), for a process costs more there than it protects. See docs/adr/0023-decoders-apart.md.
"""
