"""What the end-to-end tests share: labs, guests, traffic and raw frames."""
