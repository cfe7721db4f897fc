"""The port to WeCom (企业微信): what the rest of the product may ask of it, and the one client that asks."""
