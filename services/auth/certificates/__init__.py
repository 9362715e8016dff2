"""Client certificates, the outer gate: an authority of the operator's own, in one directory."""
