"""What requests may ask and what replies hold; /openapi.json is made from these."""
