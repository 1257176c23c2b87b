"""Who must have signed an attestation before its version is believed, and whether they did."""
